"""Where files that are not Python lie: in a checkout, or in an installation's share folder."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """Return the root of the checkout that this module runs from, or None if it is installed."""
    root = PACKAGE.parent
    return root if (root / 'package.xml').is_file() else None


def shared_file(name: str) -> Path:
    """Return a file of ``config/`` or ``launch/``, for instance ``config/fastdds_large.xml``.

    Raises:
        FileNotFoundError: it is neither in the checkout nor in ``PREFIX/share/ixgs``.
    """
    # The prefix is a few folders above: PREFIX/lib/python3.11/site-packages/ixgs_ros, or Debian's
    # PREFIX/local/lib/python3.12/dist-packages/ixgs_ros.
    places = [PACKAGE.parent, *(folder / 'share' / 'ixgs' for folder in PACKAGE.parents)]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(f'expected {name} in {PACKAGE.parent} or in the share/ixgs of a '
                            'folder above it')

"""Whether a package of a ROS installation is there; the wheels lack some."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec


@cache
def installed(module: str) -> bool:
    """Return whether a module is installed, by its file: a folder of that name does not count."""
    spec = find_spec(module)
    return spec is not None and spec.origin is not None

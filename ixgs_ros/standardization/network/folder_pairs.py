"""Pairs of one's own: a folder of real shots, and the bone that they should become.

``FOLDER/real/NAME.EXT`` is a real shot. What it should become is ``FOLDER/drr/NAME.EXT``, an image
of the same size and pose of the bone alone; or, where there is none, it is rendered from a CT at
the shot's pose in ``FOLDER/views.json`` (see folder_views). ``FOLDER/pairs.json`` says the rest:

- ``ct``: the CT, a path relative to FOLDER or an absolute one; for shots without a DRR.
- ``focal_px``: focal length in pixels (SDD over pixel pitch) of the shots that have no view.
- ``air_counts``: what a pixel reads where nothing absorbs; required for real PNG images, used for
  DICOM where no air is seen.
- ``drr_per_count``: line integral per stored unit, for DRRs as PNG or DICOM.
- ``licence``: licence and attribution, which is written into the weights.

``.npy`` holds line integrals in both folders. ``.png`` (8 or 16 bits) in ``real`` holds linear
detector counts, bright where nothing absorbs: ``L = -ln(counts / air_counts)``, masked where the
counts are 0 or the largest the format can hold. ``.dcm`` in ``real`` is a DICOM image or cine as
``./ixgs standardize`` takes, and becomes what that makes of it, not flipped.

What is rendered or read from DICOM is made when the folder is opened, and kept in
``FOLDER/prepared`` as long as all that it was made from stays the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
import hashlib
from itertools import groupby
import json
from pathlib import Path
from typing import Any

import numpy as np

from ixgs_ros.simulation.ct import CtError
from ixgs_ros.standardization.network.ct_bone import CtBone
from ixgs_ros.standardization.network.dataset import Example
from ixgs_ros.standardization.network.folder_images import (
    kind,
    KINDS,
    names_of,
    read_drr,
    read_real,
    RealImage,
)
from ixgs_ros.standardization.network.folder_settings import PairsError, PairsSettings
from ixgs_ros.standardization.network.folder_views import read_views, ShotView, VIEWS
from ixgs_ros.standardization.network.kept_pairs import file_digest, KeptPairs, key_of, Pair

SETTINGS = 'pairs.json'
KEPT = 'prepared'
# Deviation of the exposure that is drawn for every use of a shot, as a line integral.
EXPOSURE_SD = 0.1

# Opened with what is done and how many there are, it is told how many are done.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, eq=False)
class Entry:
    """Where a pair comes from.

    Args:
        name: of the shot.
        real: its file.
        frame: its number in that file, from 1.
        drr: the file of its bone; None if that is rendered.
        view: where it was taken, if the folder says so.
    """

    name: str
    real: Path
    frame: int
    drr: Path | None
    view: ShotView | None

    @property
    def kept(self) -> bool:
        """Whether the pair takes work to make, and is kept."""
        return self.drr is None or kind(self.real) == '.dcm'


class FolderPairs:
    """Examples from a folder of pairs.

    Args:
        folder: with ``real/``, ``pairs.json``, and ``drr/`` or ``views.json`` or both.
        progress: told of what takes a while.

    Raises:
        PairsError: a part is missing, names do not pair, a shot is refused, or its pose does not
            see the CT's bone; says which.
    """

    def __init__(self, folder: str | Path, progress: Progress | None = None) -> None:
        folder = Path(folder)
        self._settings = PairsSettings(folder / SETTINGS)
        self._entries = _entries(folder)
        self._kept = KeptPairs(folder / KEPT)
        ct = self._open_ct(folder)
        self._ct_digest = None if ct is None else ct.digest
        self._made_from = {entry.name: self._parts(entry) for entry in self._entries}
        self._prepare(ct, progress or _silent)

    @property
    def licence(self) -> str:
        """Licence and attribution of the pairs, as the folder says."""
        return self._settings.licence

    @property
    def provenance(self) -> dict[str, Any]:
        """What is to be written into the weights, as JSON values."""
        rendered = sum(entry.drr is None for entry in self._entries)
        ct = {} if self._ct_digest is None else {'ct_sha256': self._ct_digest}
        return {'shots': {'pairs': len(self)}, 'rendered': rendered, **ct}

    @property
    def assumptions(self) -> dict[str, int]:
        """Sentences on what files do not tell, with the number of shots that each is about."""
        return dict(Counter(text for entry in self._entries if entry.kept
                            for text in self._kept.assumptions(entry.name)))

    def digest(self) -> str:
        """Return the SHA-256 of what the examples are made from, in their order."""
        parts = [[entry.name, self._made_from[entry.name],
                  self._settings.optional('focal_px', entry.real.name) if entry.view is None
                  else entry.view.focal] for entry in self._entries]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self._entries)

    def example(self, index: int, rng: np.random.Generator) -> Example:
        """Return a pair, with an exposure that ``rng`` draws.

        Raises:
            PairsError: a file cannot be read, or the sizes differ.
        """
        entry = self._entries[index]
        pair = self._kept.load(entry.name) if entry.kept else self._read(entry)
        shifted = pair.line_integrals + np.float32(rng.normal(0.0, EXPOSURE_SD))
        focal = (self._settings.number('focal_px', entry.real.name) if entry.view is None
                 else entry.view.focal)
        return Example(np.where(pair.mask, shifted, 0.0).astype(np.float32), pair.mask,
                       pair.bone, focal)

    def _open_ct(self, folder: Path) -> CtBone | None:
        """Return the CT if a shot needs it; check that each that does has a pose."""
        rendered = [entry for entry in self._entries if entry.drr is None]
        if not rendered:
            return None
        path, views = self._settings.ct, folder / VIEWS
        if path is None:
            raise PairsError(f'{folder}: expected files of the same names ({", ".join(KINDS)}) in '
                             f'real/ and drr/, but {rendered[0].name} is in one only; or ct in '
                             f'{SETTINGS} and poses in {VIEWS}, to render its bone')
        lacking = next((entry for entry in rendered if entry.view is None), None)
        if lacking is not None:
            raise PairsError(f'{views}: expected a pose of {lacking.name} ({lacking.real.name}), '
                             'which has no image in drr/, or null to leave it out; got '
                             + ('none of it' if views.exists() else 'no such file'))
        try:
            return CtBone(path)
        except CtError as error:
            raise PairsError(f'{folder / SETTINGS}: ct: {error}') from error

    def _prepare(self, ct: CtBone | None, progress: Progress) -> None:
        """Make the pairs that are to be kept and are not there, or not as they should be."""
        keys = {entry.name: key_of(self._made_from[entry.name])
                for entry in self._entries if entry.kept}
        stale = [entry for entry in self._entries
                 if entry.kept and not self._kept.holds(entry.name, keys[entry.name])]
        if not stale:
            return
        with progress('preparing pairs', len(stale)) as count:
            for done, (entry, image) in enumerate(self._images(stale), start=1):
                self._kept.keep(entry.name, keys[entry.name], self._pair(entry, image, ct))
                count(done)

    def _images(self, entries: list[Entry]) -> Iterator[tuple[Entry, RealImage]]:
        """Read the real shots; the frames of a cine one after the other."""
        for path, group in groupby(entries, key=lambda entry: entry.real):
            wanted = {entry.frame: entry for entry in group}
            for number, image in read_real(path, wanted, self._settings):
                yield wanted[number], image

    def _read(self, entry: Entry) -> Pair:
        """Return a pair of files that take no work."""
        return self._pair(entry, next(image for _, image in self._images([entry])), None)

    def _pair(self, entry: Entry, image: RealImage, ct: CtBone | None) -> Pair:
        """Return a real shot with its bone, of the same size."""
        if entry.drr is None:
            assert ct is not None
            return _rendered(entry, image, ct)
        bone = read_drr(entry.drr, self._settings)
        if bone.shape != image.mask.shape:
            raise PairsError(f'{entry.drr}: expected an image of shape {image.mask.shape} as '
                             f'{entry.real.name}, got {bone.shape}')
        return Pair(image.line_integrals, image.mask, bone, image.assumptions)

    def _parts(self, entry: Entry) -> dict[str, Any]:
        """Return all that a pair is made from, as JSON values; files by their digests."""
        settings, name = self._settings, entry.real.name
        made_from: dict[str, Any] = {
            'real': file_digest(entry.real), 'kind': kind(entry.real), 'frame': entry.frame,
            'air_counts': settings.optional('air_counts', name)}
        if entry.drr is not None:
            made_from |= {'drr': file_digest(entry.drr), 'drr_kind': kind(entry.drr),
                          'drr_per_count': settings.optional('drr_per_count', name)}
        else:
            assert entry.view is not None
            made_from |= {'ct': self._ct_digest, 'view': entry.view.description()}
        return made_from


def _rendered(entry: Entry, image: RealImage, ct: CtBone) -> Pair:
    """Return a real shot, as seen from the source, with the CT's bone at its pose."""
    assert entry.view is not None
    turn = entry.view.turn
    try:
        bone = ct.render(entry.view.view(image.mask.shape))
    except CtError as error:
        raise PairsError(str(error)) from error
    except ValueError as error:
        raise PairsError(f'{VIEWS}: {entry.name} ({entry.real.name}): {error}') from error
    return Pair(turn.apply(image.line_integrals), turn.apply(image.mask), bone, image.assumptions)


def _entries(folder: Path) -> list[Entry]:
    """Return what pairs with what, sorted by file and frame; what is null in the views is not.

    Raises:
        PairsError: there is no real shot, or none for a DRR.
    """
    views = read_views(folder / VIEWS) if (folder / VIEWS).exists() else {}
    drrs = _files(folder / 'drr')
    shots = [(name, path, frame) for path in _files(folder / 'real').values()
             for name, frame in names_of(path).items()]
    names = Counter(name for name, _, _ in shots)
    lonely = sorted(drrs.keys() - names.keys())
    if lonely or not shots:
        found = f'{lonely[0]} is in one only' if lonely else 'there are none'
        raise PairsError(f'{folder}: expected files of the same names ({", ".join(KINDS)}) in '
                         f'real/ and drr/, but {found}')
    if max(names.values()) > 1:
        raise PairsError(f'{folder}: expected one shot of a name in real/, got '
                         f'{names.most_common(1)[0][0]} more than once')
    entries = [Entry(name, path, frame, drrs.get(name), views.get(name))
               for name, path, frame in shots if not (name in views and views[name] is None)]
    if not entries:
        raise PairsError(f'{folder / VIEWS}: expected a shot that is not null, got none')
    return entries


def _files(folder: Path) -> dict[str, Path]:
    """Return the images of a folder by their names without ending."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob('*')):
        if kind(path) not in KINDS:
            continue
        if path.stem in found:
            raise PairsError(f'{folder}: expected one file of a name, got '
                             f'{found[path.stem].name} and {path.name}')
        found[path.stem] = path
    return found


def _silent(text: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda done: None)

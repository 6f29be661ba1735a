"""A pool of material shots in a folder: what a network is trained and judged on.

A file a body, written whole or not at all, and an index that lists them. Areas and bone are kept
in half precision: 0.05 % of a value, below any noise. docs/contracts.md describes the files.
"""

from __future__ import annotations

from functools import lru_cache
import hashlib
import json
import os
from pathlib import Path
import zipfile

import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.material_shot import MaterialShot

FORMAT = 1
INDEX = 'index.json'
# Bytes of bodies that are kept in memory; a body of 10 shots of 128² takes 1.6 MB. Shots that are
# drawn at random hardly ever find their body among a few.
KEPT = 1.5e9


class PoolError(ValueError):
    """A pool cannot be used; the message names what was found and what was expected."""


class ShotPool:
    """Reads a pool; shots are counted through, body by body.

    Args:
        folder: where the pool is; it may still be growing, and is read as it is now.

    Raises:
        PoolError: there is no pool, or it is of another format; when a shot is read, also if the
            file of its body is missing or damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.index = read_index(self.folder)
        self._bodies = sorted(self.index['bodies'], key=lambda entry: entry['body'])
        self._load = lru_cache(self._bodies_kept())(self._read)

    def __len__(self) -> int:
        return len(self._bodies) * self.index['views']

    def __getitem__(self, i: int) -> MaterialShot:
        """Return shot ``i``, counted from 0."""
        entry, view = self._entry(i), i % self.index['views']
        views, areas, bone = self._load(entry['file'])
        return MaterialShot(views[view], areas[view], bone[view], entry['metal'])

    def source(self, i: int) -> str:
        """Return what the body of shot ``i`` was made from, such as 'lidc' or 'procedural'."""
        return str(self._entry(i)['source'])

    def body(self, i: int) -> int:
        """Return the number of the body of shot ``i``."""
        return int(self._entry(i)['body'])

    def digest(self) -> str:
        """Return the SHA-256 of the index: of sources, seeds and sizes, not of the shots' bytes.

        One version makes the same bodies of these; in which order they were made does not matter.
        """
        text = json.dumps({**self.index, 'bodies': self._bodies}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _entry(self, i: int) -> dict:
        if not 0 <= i < len(self):
            raise IndexError(f'expected a shot from 0 to {len(self) - 1}, got {i}')
        return self._bodies[i // self.index['views']]

    def _bodies_kept(self) -> int:
        """Return how many bodies stay in memory: as many as KEPT allows of the largest."""
        sizes = [path.stat().st_size for path in self.folder.glob('*.npz')]
        return max(1, int(KEPT / max(sizes, default=1.0)))

    def _read(self, name: str) -> tuple[list[View], np.ndarray, np.ndarray]:
        """Return a body's views, areas (n, 4, H, W) and bone (n, H, W), float16."""
        try:
            with np.load(self.folder / name) as data:
                areas, bone = data['areas'], data['bone']
                views = [View(k, RigidTransform(pose[:3, :3], pose[:3, 3]), *bone.shape[1:])
                         for k, pose in zip(data['k'], data['reference_from_source'],
                                            strict=True)]
        except (OSError, EOFError, ValueError, LookupError, zipfile.BadZipFile) as error:
            raise PoolError(f'{self.folder / name}: expected the shots of a body, got a file that '
                            f'is missing or damaged ({error}); without it, ./ixgs make-pairs '
                            'with the settings of the pool makes it again') from error
        return views, areas, bone


def read_index(folder: Path) -> dict:
    """Return a pool's index.

    Raises:
        PoolError: there is none, or it is of another format.
    """
    try:
        index = json.loads((folder / INDEX).read_text())
    except (OSError, ValueError) as error:
        raise PoolError(f'{folder}: not a pool of shots (./ixgs make-pairs makes one): '
                        f'{error}') from error
    if not isinstance(index, dict) or index.get('format') != FORMAT:
        raise PoolError(f'{folder / INDEX}: expected format {FORMAT}')
    if not isinstance(index.get('bodies'), list) or not isinstance(index.get('views'), int):
        raise PoolError(f'{folder / INDEX}: expected a list of bodies and the number of views, '
                        f'got {sorted(index)} only')
    return index


def write_index(folder: Path, index: dict) -> None:
    """Write the index whole or not at all."""
    partial = folder / f'.{INDEX}.{os.getpid()}'
    partial.write_text(json.dumps(index, indent=1))
    os.replace(partial, folder / INDEX)


def write_body(folder: Path, name: str, shots: list[MaterialShot]) -> None:
    """Write the shots of a body whole or not at all; all are of one size."""
    partial = folder / f'.{name}.{os.getpid()}'
    with partial.open('wb') as file:
        np.savez(file, areas=np.stack([shot.areas for shot in shots]).astype(np.float16),
                 bone=np.stack([shot.bone for shot in shots]).astype(np.float16),
                 k=np.stack([shot.view.k for shot in shots]),
                 reference_from_source=np.stack(
                     [shot.view.reference_from_source.matrix() for shot in shots]))
    os.replace(partial, folder / name)

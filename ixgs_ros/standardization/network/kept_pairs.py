"""Pairs that took work to make, kept in files beside their sources and never out of date.

A file holds a key, the digest of all that the pair was made from; a pair of another key is made
anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
import hashlib
import io
import json
from pathlib import Path
from typing import Any
import zipfile

import cv2
import numpy as np

import ixgs_ros
from ixgs_ros.standardization.network.folder_settings import PairsError
from ixgs_ros.volume.files import write_atomically
from ixgs_ros.volume.pictures import enlarged, NOTICE, write_png

# The packages that a pair depends on; another version of any of them makes it anew.
PACKAGES = ('acquisition', 'geometry', 'simulation', 'standardization')
PICTURE = 1024             # pixels of a picture's longer side
OUTLINED = 0.1             # line integral of bone where its outline is drawn
OUTLINE = (60, 160, 255)   # blue, green, red
MASKED = (90, 40, 40)


@dataclass(frozen=True, eq=False)
class Pair:
    """A real shot and the bone that it should become.

    Args:
        line_integrals: (H, W) float32, 0 where masked.
        mask: (H, W) bool, usable pixels.
        bone: (H, W) float32 line integrals.
        assumptions: sentences on what the real shot's file does not tell.
    """

    line_integrals: np.ndarray
    mask: np.ndarray
    bone: np.ndarray
    assumptions: tuple[str, ...] = ()


class KeptPairs:
    """Pairs in a folder, one file each.

    Args:
        folder: made when the first pair is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, name: str, key: str) -> bool:
        """Whether a pair is there, and was made from what the key says."""
        try:
            with np.load(self._path(name), allow_pickle=False) as data:
                return str(data['key']) == key
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False

    def keep(self, name: str, key: str, pair: Pair) -> None:
        """Write a pair whole or not at all, with a picture to look at.

        Raises:
            PairsError: the folder cannot be written.
        """
        stored = io.BytesIO()
        np.savez(stored, key=np.array(key), line_integrals=pair.line_integrals, mask=pair.mask,
                 bone=pair.bone, assumptions=np.array(pair.assumptions, dtype=np.str_))
        try:
            self._folder.mkdir(exist_ok=True)
            write_png(self._path(name).with_suffix('.png'), picture(pair))
            write_atomically(self._path(name), stored.getvalue())
        except OSError as error:
            raise PairsError(f'{self._folder}: expected a folder that can be written, where '
                             f'rendered bone and standardized shots are kept ({error})') from error

    def assumptions(self, name: str) -> tuple[str, ...]:
        """Return the assumptions of a pair that is there, without its images."""
        with np.load(self._path(name), allow_pickle=False) as data:
            return tuple(str(text) for text in data['assumptions'])

    def load(self, name: str) -> Pair:
        """Return a pair that is there.

        Raises:
            PairsError: it is there no more, or damaged.
        """
        try:
            with np.load(self._path(name), allow_pickle=False) as data:
                return Pair(data['line_integrals'], data['mask'], data['bone'],
                            tuple(str(text) for text in data['assumptions']))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise PairsError(f'{self._path(name)}: cannot be read ({error}); start again to make '
                             'it anew') from error

    def _path(self, name: str) -> Path:
        return self._folder / f'{name}.npz'


def key_of(parts: dict[str, Any]) -> str:
    """Return the digest of JSON values and of the code that makes pairs of them."""
    text = json.dumps([parts, _code_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        PairsError: it cannot be read.
    """
    try:
        with path.open('rb') as file:
            return hashlib.file_digest(file, 'sha256').hexdigest()
    except OSError as error:
        raise PairsError(f'{path}: cannot be read ({error})') from error


def picture(pair: Pair) -> np.ndarray:
    """Return the line integrals beside the same with the bone's outline, (h, w, 3) uint8."""
    used = pair.line_integrals[pair.mask]
    low, high = np.quantile(used, [0.01, 0.99]) if used.size else (0.0, 1.0)
    share = (pair.line_integrals - low) / max(float(high - low), 1e-3)
    grey = cv2.cvtColor(np.uint8(255 * np.clip(share, 0, 1)), cv2.COLOR_GRAY2BGR)
    grey[~pair.mask] = MASKED
    sides = PICTURE // 2
    left, bone = enlarged(grey, sides), enlarged(pair.bone, sides)
    contours, _ = cv2.findContours((bone > OUTLINED).astype(np.uint8), cv2.RETR_LIST,
                                   cv2.CHAIN_APPROX_NONE)
    right = cv2.drawContours(left.copy(), contours, -1, OUTLINE, 1)
    both = np.hstack([left, right])
    return cv2.putText(both, NOTICE, (8, both.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4,
                       (200, 200, 200), 1, cv2.LINE_AA)


@cache
def _code_digest() -> str:
    """Return the digest of the sources of what standardizes shots and renders bone."""
    root = Path(ixgs_ros.__file__).parent
    found = hashlib.sha256(ixgs_ros.__version__.encode())
    for package in PACKAGES:
        for path in sorted((root / package).rglob('*.py')):
            found.update(path.read_bytes())
    return found.hexdigest()

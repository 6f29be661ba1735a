"""Pairs of one's own: a folder of real shots and one of the bone that they should become.

``FOLDER/real/NAME.EXT`` and ``FOLDER/drr/NAME.EXT`` belong together and have the same size; the
DRR is that of the bone-only CT at the same pose. ``FOLDER/pairs.json`` says what the pixels are:

- ``focal_px``: focal length in pixels (SDD over pixel pitch), of all images; required.
- ``air_counts``: counts where nothing absorbs, for real PNG and DICOM images.
- ``drr_per_count``: line integral per stored unit, for DRRs as PNG.
- ``licence``: licence and attribution, which is written into the weights.

``.npy`` holds line integrals in both folders. ``.png`` (8 or 16 bits) and ``.dcm`` hold linear
detector counts in ``real``, bright where nothing absorbs: ``L = -ln(counts / air_counts)``, masked
where the counts are 0 or the largest the format can hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom

from ixgs_ros.standardization.network.dataset import Example

SETTINGS = 'pairs.json'
KINDS = ('.npy', '.png', '.dcm')
# Deviation of the exposure that is drawn for every use of a shot, as a line integral.
EXPOSURE_SD = 0.1


class PairsError(ValueError):
    """The folder or a file of it is not what was expected."""


class FolderPairs:
    """Examples from a folder of pairs.

    Args:
        folder: with ``real/``, ``drr/`` and ``pairs.json``.

    Raises:
        PairsError: a part is missing, or names do not pair; says which.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self._settings = _settings(folder / SETTINGS)
        self._pairs = _pairs(folder)

    @property
    def licence(self) -> str:
        """Licence and attribution of the pairs, as the folder says."""
        return str(self._settings.get('licence', ''))

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self._pairs)

    def example(self, index: int, rng: np.random.Generator) -> Example:
        """Return a pair, with an exposure that ``rng`` draws.

        Raises:
            PairsError: a file cannot be read, or the sizes differ.
        """
        real, drr = self._pairs[index]
        line_integrals, mask = self._line_integrals(real)
        bone = _read(drr).astype(np.float32)
        if drr.suffix != '.npy':
            bone = bone * self._number('drr_per_count', drr)
        if bone.shape != line_integrals.shape or not np.isfinite(bone).all() or bone.min() < 0.0:
            raise PairsError(f'{drr}: expected finite line integrals of at least 0, of shape '
                             f'{line_integrals.shape} as {real.name}, got {bone.shape}')
        shifted = line_integrals + np.float32(rng.normal(0.0, EXPOSURE_SD))
        return Example(np.where(mask, shifted, 0.0).astype(np.float32), mask,
                       bone.astype(np.float32), self._number('focal_px', real))

    def _line_integrals(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        pixels = _read(path)
        if path.suffix == '.npy':
            mask = np.isfinite(pixels)
            return np.where(mask, pixels, 0.0).astype(np.float32), mask
        mask = (pixels > 0) & (pixels < np.iinfo(pixels.dtype).max)
        counts = np.where(mask, pixels, 1).astype(np.float64)
        air = self._number('air_counts', path)
        return np.where(mask, -np.log(counts / air), 0.0).astype(np.float32), mask

    def _number(self, name: str, path: Path) -> float:
        value = self._settings.get(name)
        if not isinstance(value, (int, float)) or not 0.0 < value < 1e9:
            raise PairsError(f'{SETTINGS}: {path.name} needs {name} as a positive number, got '
                             f'{value!r}')
        return float(value)


def _settings(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise PairsError(f'{path}: expected JSON that says what the pixels are, with at least '
                         f'focal_px ({error})') from error
    if not isinstance(values, dict):
        raise PairsError(f'{path}: expected a JSON object, got {values!r}')
    return values


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    sides = [{path.stem: path for path in sorted((folder / side).glob('*'))
              if path.suffix in KINDS} for side in ('real', 'drr')]
    single = sorted(sides[0].keys() ^ sides[1].keys())
    if single or not sides[0]:
        found = f'{single[0]} is in one only' if single else 'there are none'
        raise PairsError(f'{folder}: expected files of the same names ({", ".join(KINDS)}) in '
                         f'real/ and drr/, but {found}')
    return [(sides[0][name], sides[1][name]) for name in sorted(sides[0])]


def _read(path: Path) -> np.ndarray:
    """Return the pixels (H, W) of a file.

    Raises:
        PairsError: it cannot be read, or holds no single grey image with linear pixels.
    """
    try:
        if path.suffix == '.npy':
            pixels = np.load(path, allow_pickle=False)
        elif path.suffix == '.png':
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        else:
            dataset = pydicom.dcmread(path)
            if dataset.PhotometricInterpretation != 'MONOCHROME2':
                raise PairsError(f'{path}: expected MONOCHROME2 (bright where nothing absorbs), '
                                 f'got {dataset.PhotometricInterpretation}')
            pixels = dataset.pixel_array
    except PairsError:
        raise
    except Exception as error:  # each reader raises kinds of its own
        raise PairsError(f'{path}: cannot be read ({error})') from error
    if pixels is None or pixels.ndim != 2 or pixels.dtype.kind not in 'uif':
        raise PairsError(f'{path}: expected one grey image (H, W)')
    if path.suffix != '.npy' and pixels.dtype.kind == 'f':
        raise PairsError(f'{path}: expected whole numbers, got {pixels.dtype}')
    return pixels

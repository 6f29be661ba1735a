"""What ``ixgs standardize`` writes of each frame, and the report of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
import io
from itertools import chain, count
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ixgs_ros.acquisition.dicom_geometry import DicomGeometry
from ixgs_ros.acquisition.dicom_shot import DicomFrame, read_shots
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import Standardizer
from ixgs_ros.verdict import Code, Refusal, Verdict
from ixgs_ros.volume.files import write_atomically
from ixgs_ros.volume.pictures import enlarged, NOTICE, write_png

# Grey of line integrals to look at: from air to a large abdomen, and for bone alone.
BRIGHTEST = {'attenuation': 6.0, 'bone': 3.0}
TYPICAL = "without K, the network takes the pixels for as wide as a typical C-arm's"
PICTURE = 512              # pixels of a picture's longer side
REPORT = 'report'
MASKED = (90, 40, 40)      # blue, green, red where nothing takes part


def standardize_file(path: Path, standardizer: Standardizer, outputs: Outputs,
                     air_counts: float = 0.0) -> Iterator[str]:
    """Standardize a file frame by frame, write the outputs, and yield what to say of each.

    Args:
        path: of the file.
        standardizer: what makes line integrals of it.
        outputs: takes them.
        air_counts: stored value where nothing absorbs; 0: as the image shows.

    Raises:
        DicomError: the file cannot be used, or a frame is damaged; frames before it are written.
    """
    stem = outputs.stem(path)
    for frame in read_shots(path, air_counts):
        shot, verdict = _standardized(frame, standardizer)
        name = stem if frame.count == 1 else f'{stem}_{frame.number:04d}'
        if shot is not None and shot.quantity == 'bone' and frame.geometry.k is None:
            frame = replace(frame, assumptions=(*frame.assumptions, TYPICAL))
        outputs.write(name, path, frame, shot, verdict)
        notes = '; '.join([verdict.message, *frame.assumptions, frame.geometry.lacking])
        yield f'{name}: {verdict.code.value}: {notes}'.removesuffix('; ')


def _standardized(frame: DicomFrame, standardizer: Standardizer) -> tuple[Shot | None, Verdict]:
    if frame.shot is None:
        assert frame.refusal is not None
        return None, frame.refusal
    try:
        shot = standardizer.standardize(frame.shot)
    except Refusal as refusal:
        return None, refusal.verdict
    used = shot.weights > 0
    low, high = np.quantile(shot.line_integrals[used], [0.05, 0.95])
    return shot, Verdict(Code.ACCEPTED, f'{shot.quantity}: line integrals {low:.2f} to {high:.2f} '
                         f'(5 to 95 %) on {used.mean():.0%} of the pixels')


class Outputs:
    """A folder that is filled frame by frame.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stems = {REPORT}
        self._files: list[dict[str, Any]] = []
        self._frames: list[dict[str, Any]] = []

    @property
    def frames(self) -> int:
        """How many frames were written or refused."""
        return len(self._frames)

    @property
    def accepted(self) -> int:
        """How many of them were not refused."""
        return sum(frame['code'] == Code.ACCEPTED.value for frame in self._frames)

    def stem(self, path: Path) -> str:
        """Return the beginning of a file's output names; a second file of a name gets a number."""
        numbered = (f'{path.stem}-{number}' for number in count(2))
        stem = next(name for name in chain([path.stem], numbered) if name not in self._stems)
        self._stems.add(stem)
        return stem

    def unusable(self, path: Path, reason: str) -> None:
        """Keep why a file, or the rest of it, could not be used."""
        self._files.append({'file': path.name, 'message': reason})

    def write(self, name: str, path: Path, frame: DicomFrame, shot: Shot | None,
              verdict: Verdict) -> None:
        """Write what became of one frame; ``shot`` is None if it was refused."""
        entry = {'file': path.name, 'frame': frame.number, 'code': verdict.code.value,
                 'message': verdict.message, 'assumptions': list(frame.assumptions),
                 **_geometry(frame.geometry)}
        if shot is not None:
            entry |= self._write_images(name, frame, shot)
        self._frames.append({'name': name, **entry})
        self._write_json(f'{name}.json', entry)

    def write_report(self) -> None:
        """Write report.json: all frames, and the files that could not be used."""
        self._write_json(f'{REPORT}.json', {'frames': self._frames, 'unusable': self._files})

    def _write_images(self, name: str, frame: DicomFrame, shot: Shot) -> dict[str, Any]:
        mask = shot.weights > 0
        stored = io.BytesIO()
        np.save(stored, shot.line_integrals)
        write_atomically(self.folder / f'{name}.npy', stored.getvalue())
        write_png(self.folder / f'{name}_mask.png', np.uint8(255) * mask.astype(np.uint8))
        assert frame.intensity is not None
        write_png(self.folder / f'{name}.png', picture(frame.intensity, shot))
        return {'quantity': shot.quantity, 'line_integrals': f'{name}.npy',
                'mask': f'{name}_mask.png', 'picture': f'{name}.png',
                'air_measured': bool(shot.exposure_offset == 0.0)}

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        write_atomically(self.folder / name, (json.dumps(content, indent=2) + '\n').encode())


def picture(intensity: np.ndarray, shot: Shot) -> np.ndarray:
    """Return the image as measured beside its line integrals, (h, w, 3) uint8 to look at.

    Args:
        intensity: (H, W), relative to the full scale.
        shot: line integrals and weights (H, W); what takes no part is tinted.
    """
    bright = float(np.quantile(intensity, 0.995)) or 1.0
    seen = np.uint8(255 * np.clip(intensity / bright, 0, 1) ** 0.5)
    lines = np.uint8(255 * np.clip(shot.line_integrals / BRIGHTEST[shot.quantity], 0, 1))
    right = cv2.cvtColor(lines, cv2.COLOR_GRAY2BGR)
    right[shot.weights == 0] = MASKED
    both = enlarged(np.hstack([cv2.cvtColor(seen, cv2.COLOR_GRAY2BGR), right]), 2 * PICTURE)
    return cv2.putText(both, NOTICE, (8, both.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4,
                       (200, 200, 200), 1, cv2.LINE_AA)


def _geometry(geometry: DicomGeometry) -> dict[str, Any]:
    """Return K and nominal pose for the JSON file, null where unknown, and why."""
    view = geometry.view
    return {'k': None if geometry.k is None else geometry.k.tolist(),
            'lps_from_source': (None if view is None
                                else view.reference_from_source.matrix().tolist()),
            'geometry_lacking': geometry.lacking,
            'flipped': {'columns': geometry.turn.columns, 'rows': geometry.turn.rows}}

"""Pictures of volumes as PNG: slices, renderings, and sheets that put truth beside reconstruction.

Every sheet says what is grey (the window, in 1/m) and that it is for research use only; slices
carry the patient's letters at their edges where the frame's place in the patient is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.volume.files import write_atomically
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.mpr import reslice, windowed
from ixgs_ros.volume.plane import axial, coronal, edge_labels, Plane, sagittal
from ixgs_ros.volume.rendering import orbit_view, render

# From fat (about 18/m) to dense bone; air is black.
WINDOW = (10.0, 45.0)
NOTICE = 'research use only - not a medical device'
PLANES = {'axial': axial, 'coronal': coronal, 'sagittal': sagittal}
MARGIN, BAR = 6, 22
TEXT = cv2.FONT_HERSHEY_SIMPLEX
GREY, WHITE = 170, 255


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a sheet.

    Args:
        title: written above it.
        grey: (h, w) uint8.
        labels: letters for its edges (left, right, top, bottom), or none.
    """

    title: str
    grey: np.ndarray
    labels: dict[str, str] | None = None


def write_png(path: str | Path, grey: np.ndarray) -> None:
    """Write an image (h, w) or (h, w, 3) of uint8 as PNG, whole or not at all."""
    done, encoded = cv2.imencode('.png', grey)
    if not done:
        raise ValueError(f'expected an image that PNG can hold, got {grey.shape} of {grey.dtype}')
    write_atomically(Path(path), encoded.tobytes())


def enlarged(grey: np.ndarray, side: int) -> np.ndarray:
    """Return an image whose longer side has ``side`` pixels; its shape stays."""
    factor = side / max(grey.shape)
    size = max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor))
    return cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA)


def slice_panel(title: str, volume: np.ndarray, grid: VoxelGrid, plane: Plane,
                lps_from_reference: RigidTransform | None,
                window: tuple[float, float] = WINDOW) -> Panel:
    """Return a slice of a volume (1/m) in a window, lettered if the patient's axes are known."""
    labels = None if lps_from_reference is None else edge_labels(plane, lps_from_reference)
    return Panel(title, windowed(reslice(volume, grid, plane), *window), labels)


def mpr_panels(volume: np.ndarray, grid: VoxelGrid, point: np.ndarray, name: str,
               lps_from_reference: RigidTransform | None = None,
               window: tuple[float, float] = WINDOW, spacing: float | None = None,
               extent: VoxelGrid | None = None) -> list[Panel]:
    """Return the axial, coronal and sagittal slice through a point.

    Args:
        volume: (z, y, x) in 1/m.
        grid: where its voxels lie.
        point: (3,) in the reference frame, metres.
        name: what the volume is called in the titles.
        lps_from_reference: the patient's axes; the frame's own, unlettered, if None.
        window: attenuations shown black and white, 1/m.
        spacing: of the pixels, metres; that of ``extent`` if None.
        extent: the grid that the slices span; ``grid`` if None. Two volumes shown over the same
            extent can be compared pixel by pixel.
    """
    spanned = grid if extent is None else extent
    return [slice_panel(f'{name}, {plane_name}', volume, grid,
                        make(spanned, point, spacing, lps_from_reference), lps_from_reference,
                        window)
            for plane_name, make in PLANES.items()]


def rendering_panels(volume: np.ndarray, grid: VoxelGrid, name: str,
                     lps_from_reference: RigidTransform | None = None,
                     pixels: int = 256) -> list[Panel]:
    """Return the volume from the front and from the left: integral, maximum and surface."""
    panels = []
    for side, azimuth in (('front', 0.0), ('left', 0.5 * np.pi)):
        view = orbit_view(grid, azimuth, 0.0, pixels, lps_from_reference)
        for mode in ('integral', 'maximum', 'surface'):
            image = render(volume, grid, view, mode)
            # Each mode has its own unit; the picture shows shapes, from nothing to the brightest.
            high = max(float(np.quantile(image, 0.999)), 1e-6)
            panels.append(Panel(f'{name}, {mode}, {side}', windowed(image, 0.0, high)))
    return panels


def sheet(rows: Sequence[Sequence[Panel]], caption: str, side: int = 320) -> np.ndarray:
    """Return a contact sheet, (h, w) uint8.

    Args:
        rows: of panels, from top to bottom.
        caption: written below, with the notice; say the window here (:func:`window_text`).
        side: pixels of a panel's longer side.

    Raises:
        ValueError: there is no panel.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError('expected at least one panel, got none')
    cell_h, cell_w = side + BAR + MARGIN, side + MARGIN
    page = np.zeros((len(rows) * cell_h + MARGIN + 2 * BAR, columns * cell_w + MARGIN), np.uint8)
    for r, row in enumerate(rows):
        for c, panel in enumerate(row):
            _place(page, panel, MARGIN + r * cell_h, MARGIN + c * cell_w, side)
    _write(page, caption, MARGIN, page.shape[0] - BAR - 6, GREY)
    _write(page, NOTICE, MARGIN, page.shape[0] - 8, GREY)
    return page


def window_text(window: tuple[float, float] = WINDOW) -> str:
    """Return the words that say what is grey in a slice."""
    return f'slices: black {window[0]:g}/m and below, white {window[1]:g}/m and above; water 20/m'


def _place(page: np.ndarray, panel: Panel, top: int, left: int, side: int) -> None:
    """Put a panel under its title, in the middle of its cell."""
    _write(page, panel.title, left, top + BAR - 7, WHITE)
    image = enlarged(panel.grey, side)
    height, width = image.shape
    y, x = top + BAR + (side - height) // 2, left + (side - width) // 2
    page[y:y + height, x:x + width] = image
    if panel.labels is not None:
        middle_x, middle_y = x + width // 2 - 5, y + height // 2 + 5
        _write(page, panel.labels['left'], x + 4, middle_y, WHITE, outline=True)
        _write(page, panel.labels['right'], x + width - 12 * len(panel.labels['right']) - 2,
               middle_y, WHITE, outline=True)
        _write(page, panel.labels['top'], middle_x, y + 16, WHITE, outline=True)
        _write(page, panel.labels['bottom'], middle_x, y + height - 6, WHITE, outline=True)


def _write(page: np.ndarray, text: str, x: int, y: int, grey: int, outline: bool = False) -> None:
    """Write ASCII text, which is all that OpenCV's fonts have; outlined it is seen on any grey."""
    if outline:
        cv2.putText(page, text, (x, y), TEXT, 0.45, 0, 3, cv2.LINE_AA)
    cv2.putText(page, text, (x, y), TEXT, 0.45, grey, 1, cv2.LINE_AA)


def compare(volume: np.ndarray, truth: np.ndarray, grid: VoxelGrid, point: np.ndarray,
            lps_from_reference: RigidTransform | None = None,
            window: tuple[float, float] = WINDOW) -> np.ndarray:
    """Return the sheet of the three slices: truth above, reconstruction below.

    Args:
        volume: (z, y, x) in 1/m.
        truth: the same shape, on the same grid (:meth:`ixgs_ros.volume.metrics.Truth.on_grid`).
        grid: where both have their voxels.
        point: (3,) where the slices meet, metres.
        lps_from_reference: as in :func:`mpr_panels`.
        window: as in :func:`mpr_panels`.
    """
    rows = [mpr_panels(array, grid, point, name, lps_from_reference, window)
            for name, array in (('truth', truth), ('reconstruction', volume))]
    return sheet(rows, window_text(window))

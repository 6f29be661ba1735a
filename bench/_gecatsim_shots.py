"""Shots by gecatsim (XCIST, GE HealthCare, BSD-3), a polychromatic simulator that is not ours.

A tungsten tube of 100 kV, a CsI panel, quantum and electronic noise. Its gantry turns about one
axis only, so the volume is turned into the gantry's frame instead, once for each view. That frame
has the source at +y and the detector's columns along x, rows along z: our source's frame (x right,
y down, z to the detector) with x = x, y = -z, z = y.

Attenuation becomes water up to 22/m (100 HU) and, above, a mixture with cortical bone. A
polychromatic beam has another scale than 1/m at 65 keV: one factor for all views, fitted to the
ray caster's line integrals, takes that away; beam hardening stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
import ctypes
import io
import json
import os
from pathlib import Path
import sys
import tempfile

import numpy as np
from scipy.ndimage import affine_transform

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.volume.grid import VoxelGrid

SPACING, VOXELS = 0.001, 176
SOFT_END, BONE = 22.0, 55.0      # 1/m at 65 keV
WATER = 20.0
SIGNAL_FLOOR = 1e-4
# Columns: the gantry's x, y, z in our source's frame.
SOURCE_FROM_GANTRY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def line_integrals(volume: np.ndarray, grid: VoxelGrid, views: Sequence[View], sod: float,
                   sdd: float, seed: int) -> list[np.ndarray]:
    """Return what the views measure, (H, W) float32 each, on the scale of 1/m at 65 keV.

    Args:
        volume: (z, y, x) in 1/m; nothing of it farther than 88 mm from the isocentre.
        grid: where its voxels lie.
        views: with the principal point in the middle, and square pixels.
        sod: distance from the source to the isocentre, metres.
        sdd: distance from the source to the detector, metres.
        seed: of the noise.
    """
    images = [shoot(in_gantry(volume, grid, view, sod), view, sod, sdd, 1000 * seed + k)
              for k, view in enumerate(views)]
    caster = RayCaster(volume, grid)
    wanted = [caster.project(view) for view in views]
    scale = (sum(float((a * b).sum()) for a, b in zip(images, wanted, strict=True))
             / sum(float((a * a).sum()) for a in images))
    return [(scale * image).astype(np.float32) for image in images]


def in_gantry(volume: np.ndarray, grid: VoxelGrid, view: View, sod: float) -> np.ndarray:
    """Return the volume on the gantry's grid about the isocentre of a view, (z, y, x) in 1/m."""
    isocentre = view.source + sod * view.axis
    reference_from_gantry = RigidTransform(
        view.reference_from_source.rotation @ SOURCE_FROM_GANTRY, isocentre)
    first = np.full(3, -0.5 * (VOXELS - 1) * SPACING)
    matrix = reference_from_gantry.rotation * SPACING / grid.spacing[:, np.newaxis]
    offset = grid.indices(reference_from_gantry.apply(first))
    return affine_transform(volume, matrix[::-1, ::-1], offset[::-1], (VOXELS,) * 3, order=1,
                            mode='constant', cval=0.0, prefilter=False)


def shoot(volume: np.ndarray, view: View, sod: float, sdd: float, seed: int) -> np.ndarray:
    """Return ``-ln(signal / air)`` of a volume on the gantry's grid, (H, W)."""
    import gecatsim
    from gecatsim.pyfiles.C_set_random_seed import C_set_random_seed
    bone = np.maximum(volume - SOFT_END, 0) / (BONE - SOFT_END)
    water = (np.minimum(volume, SOFT_END) / WATER) * np.maximum(1 - bone, 0)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        simulator = gecatsim.CatSim()
        _set_up(simulator, view, sod, sdd)
        simulator.phantom.filename = str(_write_phantom(
            Path(folder), {'water': water, 'ICRU_skeleton_cortical_bone_adult': bone}))
        simulator.resultsName = str(Path(folder) / 'shot')
        simulator.air_scan(doPrint=False)
        air = np.fromfile(simulator.resultsName + '.air', np.float32)
        np.random.seed(seed)  # its electronic noise comes from numpy's global generator
        C_set_random_seed(simulator.get_current_cfg(), seed + 1, seed + 2)
        simulator.phantom_scan()
        signal = np.fromfile(simulator.resultsName + '.scan', np.float32)
    ratio = np.maximum(signal / air, SIGNAL_FLOOR)
    return -np.log(ratio).reshape(view.height, view.width)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what gecatsim says, in Python and in C, off the screen."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _set_up(simulator: object, view: View, sod: float, sdd: float) -> None:
    """Set geometry, beam and detector; lengths in millimetres."""
    pitch = 1e3 * sdd / float(view.k[0, 0])
    for owner, values in {
            simulator.scanner: {
                'detectorCallback': 'Detector_FlatPanel', 'sid': 1e3 * sod, 'sdd': 1e3 * sdd,
                'detectorColsPerMod': view.width, 'detectorRowsPerMod': view.height,
                'detectorColCount': view.width, 'detectorRowCount': view.height,
                'detectorColSize': pitch, 'detectorRowSize': pitch, 'detectorColOffset': 0.0,
                'detectorMaterial': 'CsI', 'detectorDepth': 0.6, 'detectorPrefilter': ['Al', 1.0],
                'detectorColFillFraction': 1.0, 'detectorRowFillFraction': 1.0,
                'focalspotShape': 'Uniform', 'focalspotWidth': 0.6, 'focalspotLength': 0.6},
            simulator.physics: {
                'FlatPanel_OSfactor': 1, 'viewSampleCount': 1, 'srcXSampleCount': 1,
                'srcYSampleCount': 1, 'colSampleCount': 1, 'rowSampleCount': 1,
                'energyCount': 12},
            simulator.protocol: {
                'viewCount': 1, 'viewsPerRotation': 1000, 'stopViewId': 0, 'bowtie': [],
                'spectrumFilename': 'tungsten_tar10.0_100_filt.dat', 'mA': 100},
            simulator.phantom: {'projectorNumThreads': len(os.sched_getaffinity(0))}}.items():
        for name, value in values.items():
            setattr(owner, name, value)


def _write_phantom(folder: Path, fractions: dict[str, np.ndarray]) -> Path:
    """Write fractions of materials, (z, y, x), as gecatsim reads them; return the file."""
    count, names = len(fractions), [f'{material}.raw' for material in fractions]
    for name, fraction in zip(names, fractions.values(), strict=True):
        # Its rows run against y. Overlooked, depth is mirrored: images look right all the same.
        np.ascontiguousarray(fraction[:, ::-1], np.float32).tofile(folder / name)
    description = {'n_materials': count, 'mat_name': list(fractions),
                   'volumefractionmap_filename': names,
                   'volumefractionmap_datatype': ['float'] * count}
    for axis, sizes in zip('xyz', ('cols', 'rows', 'slices'), strict=True):
        description |= {sizes: [VOXELS] * count, f'{axis}_size': [1e3 * SPACING] * count,
                        f'{axis}_offset': [0.5 * (VOXELS + 1)] * count}
    path = folder / 'phantom.json'
    path.write_text(json.dumps(description))
    return path

"""Shots by gecatsim (XCIST, GE HealthCare, BSD-3), a polychromatic simulator that is not ours.

A tungsten tube of 100 kV, a CsI panel, quantum and electronic noise and, if asked for, scatter
(``panel_scatter``). Its gantry turns about one axis only, so the volume is turned into the
gantry's frame instead, once for each view. That frame has the source at +y and the detector's
columns along x, rows along z: our source's frame (x right, y down, z to the detector) with x = x,
y = -z, z = y.

Attenuation becomes water up to 22/m (100 HU) and, above, a mixture with cortical bone; what is
said to be contrast medium becomes iodine, and metal is taken for much bone. A polychromatic beam
has another scale than 1/m at 65 keV: one factor for all views, fitted to the ray caster's line
integrals, takes that away (``scale_to``); beam hardening stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
import ctypes
from dataclasses import dataclass
import io
import json
import os
from pathlib import Path
import sys
import tempfile
from typing import Any

import numpy as np
from scipy.ndimage import affine_transform

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.materials import MASS_ATTENUATION

SOFT_END, BONE = 22.0, 55.0      # 1/m at 65 keV
WATER = 20.0
# Pure iodine, 4930 kg/m³, at 65 keV, 1/m.
IODINE = 4930.0 * MASS_ATTENUATION['iodine']
# Line integrals up to 10.8; where hardly a photon comes through, noise rules anyway.
SIGNAL_FLOOR = 2e-5
SCATTER = 'ixgs_ros.evaluation.panel_scatter'
# Columns: the gantry's x, y, z in our source's frame.
SOURCE_FROM_GANTRY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Setup:
    """The rig, and what of it is simulated.

    Args:
        sod: distance from the source to the isocentre, metres.
        sdd: distance from the source to the detector, metres.
        spacing: edge of the voxels that the body is brought to, metres.
        across: voxels along the detector's columns and rows.
        deep: voxels along the beam. What lies beyond the voxels about the isocentre is air.
        noise: whether photons and electronics are noisy.
        scatter: whether photons are scattered.
        current: of the tube, mA for a millisecond; with 100 about 5e5 photons reach each mm² of
            the panel through air.
    """

    sod: float
    sdd: float
    spacing: float = 0.001
    across: int = 176
    deep: int = 176
    noise: bool = True
    scatter: bool = False
    current: float = 100.0

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along the gantry's x, y and z."""
        return self.across, self.deep, self.across


def is_installed() -> bool:
    """Return whether gecatsim can be imported."""
    import importlib.util
    return importlib.util.find_spec('gecatsim') is not None


def shoot(volume: np.ndarray, reference_from_index: np.ndarray, view: View, setup: Setup,
          seed: int, contrast: np.ndarray | None = None) -> np.ndarray:
    """Return what a view measures: ``-ln(signal / air)``, (H, W) float64.

    Args:
        volume: (z, y, x) in 1/m at 65 keV.
        reference_from_index: (4, 4) from its voxel indices (x, y, z) to metres.
        view: with the principal point in the middle, and square pixels.
        setup: rig and physics.
        seed: of the noise.
        contrast: how much of the volume is iodine, (z, y, x) in 1/m at 65 keV; none if omitted.

    Raises:
        ImportError: gecatsim is not installed.
    """
    try:
        import gecatsim
        from gecatsim.pyfiles.C_set_random_seed import C_set_random_seed
    except ImportError as error:
        raise ImportError('gecatsim is not installed: ./ixgs evaluate and ./ixgs bench install it '
                          '(tools/requirements/bench.txt)') from error
    with tempfile.TemporaryDirectory() as folder, _quiet():
        simulator = gecatsim.CatSim()
        _set_up(simulator, view, setup)
        turned = [in_gantry(part, reference_from_index, view, setup)
                  for part in (volume, contrast) if part is not None]
        simulator.phantom.filename = str(_write_phantom(Path(folder), materials(*turned), setup))
        simulator.resultsName = str(Path(folder) / 'shot')
        simulator.air_scan(doPrint=False)
        air = np.fromfile(simulator.resultsName + '.air', np.float32)
        np.random.seed(seed)  # its electronic noise comes from numpy's global generator
        C_set_random_seed(simulator.get_current_cfg(), seed + 1, seed + 2)
        simulator.phantom_scan()
        signal = np.fromfile(simulator.resultsName + '.scan', np.float32)
    ratio = np.maximum(signal / air, SIGNAL_FLOOR)
    return -np.log(ratio, dtype=np.float64).reshape(view.height, view.width)


def scale_to(wanted: Sequence[np.ndarray], images: Sequence[np.ndarray]) -> float:
    """Return the factor on images of line integrals that brings them nearest to others."""
    return (sum(float((a * b).sum()) for a, b in zip(images, wanted, strict=True))
            / sum(float((a * a).sum()) for a in images))


def materials(per_m: np.ndarray, contrast: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return the fractions of gecatsim's materials, by its names.

    Args:
        per_m: attenuation, 1/m.
        contrast: how much of it is iodine, 1/m.
    """
    rest = per_m if contrast is None else np.maximum(per_m - contrast, 0)
    bone = np.maximum(rest - SOFT_END, 0) / (BONE - SOFT_END)
    water = (np.minimum(rest, SOFT_END) / WATER) * np.maximum(1 - bone, 0)
    found = {'water': water, 'ICRU_skeleton_cortical_bone_adult': bone}
    if contrast is not None and contrast.any():
        found['I'] = contrast / IODINE
    return found


def in_gantry(volume: np.ndarray, reference_from_index: np.ndarray, view: View,
              setup: Setup) -> np.ndarray:
    """Return the volume on the gantry's grid about the isocentre of a view, (z, y, x) in 1/m."""
    isocentre = view.source + setup.sod * view.axis
    reference_from_gantry = RigidTransform(
        view.reference_from_source.rotation @ SOURCE_FROM_GANTRY, isocentre)
    gantry_from_voxel = np.diag([setup.spacing] * 3 + [1.0])
    gantry_from_voxel[:3, 3] = -0.5 * setup.spacing * (np.array(setup.size) - 1)
    index_from_voxel = (np.linalg.inv(reference_from_index) @ reference_from_gantry.matrix()
                        @ gantry_from_voxel)
    # The arrays' axes are z, y, x: turn both sides of the map round.
    matrix, offset = index_from_voxel[:3, :3][::-1, ::-1], index_from_voxel[:3, 3][::-1]
    return affine_transform(volume, matrix, offset, setup.size[::-1], order=1,
                            mode='constant', cval=0.0, prefilter=False)


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


def _set_up(simulator: Any, view: View, setup: Setup) -> None:
    """Set geometry, beam and detector; lengths in millimetres."""
    pitch = 1e3 * setup.sdd / float(view.k[0, 0])
    settings: dict[Any, dict[str, Any]] = {
            simulator.scanner: {
                'detectorCallback': 'Detector_FlatPanel', 'sid': 1e3 * setup.sod,
                'sdd': 1e3 * setup.sdd,
                'detectorColsPerMod': view.width, 'detectorRowsPerMod': view.height,
                'detectorColCount': view.width, 'detectorRowCount': view.height,
                'detectorColSize': pitch, 'detectorRowSize': pitch, 'detectorColOffset': 0.0,
                'detectorMaterial': 'CsI', 'detectorDepth': 0.6, 'detectorPrefilter': ['Al', 1.0],
                'detectorColFillFraction': 1.0, 'detectorRowFillFraction': 1.0,
                'focalspotShape': 'Uniform', 'focalspotWidth': 0.6, 'focalspotLength': 0.6},
            simulator.physics: {
                'FlatPanel_OSfactor': 1, 'viewSampleCount': 1, 'srcXSampleCount': 1,
                'srcYSampleCount': 1, 'colSampleCount': 1, 'rowSampleCount': 1,
                'energyCount': 12, 'scatterCallback': SCATTER if setup.scatter else '',
                'enableQuantumNoise': int(setup.noise),
                'enableElectronicNoise': int(setup.noise)},
            simulator.protocol: {
                'viewCount': 1, 'viewsPerRotation': 1000, 'stopViewId': 0, 'bowtie': [],
                'spectrumFilename': 'tungsten_tar10.0_100_filt.dat', 'mA': setup.current},
            simulator.phantom: {'projectorNumThreads': len(os.sched_getaffinity(0))}}
    for owner, values in settings.items():
        for name, value in values.items():
            setattr(owner, name, value)


def _write_phantom(folder: Path, fractions: dict[str, np.ndarray], setup: Setup) -> Path:
    """Write fractions of materials, (z, y, x), as gecatsim reads them; return the file."""
    count, names = len(fractions), [f'{material}.raw' for material in fractions]
    for name, fraction in zip(names, fractions.values(), strict=True):
        # Its rows run against y. Overlooked, depth is mirrored: images look right all the same.
        np.ascontiguousarray(fraction[:, ::-1], np.float32).tofile(folder / name)
    description = {'n_materials': count, 'mat_name': list(fractions),
                   'volumefractionmap_filename': names,
                   'volumefractionmap_datatype': ['float'] * count}
    for axis, name, size in zip('xyz', ('cols', 'rows', 'slices'), setup.size, strict=True):
        description |= {name: [size] * count, f'{axis}_size': [1e3 * setup.spacing] * count,
                        f'{axis}_offset': [0.5 * (size + 1)] * count}
    path = folder / 'phantom.json'
    path.write_text(json.dumps(description))
    return path

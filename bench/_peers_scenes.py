"""What the peers are given: a CT under one condition, and the truth that only the judge sees.

The C-arm is the default one (detector 0.307 m, source to detector 1.02 m); its shots come from
random directions within ±60°. Images are ray-cast (``simulation.ray_caster``) from the CT itself
or from a grid of 256³, never by a model that reconstructs. All methods get the same shots at the
**reported** poses. Each condition changes one thing against ``clean``:

- clean: a sphere of 80 mm of the CT in air, exact poses, no noise;
- photons: 1e4 photons a pixel in air;
- jitter: poses reported 0.5° (about the isocentre) and 1.5 mm RMS wrong, exposures 5 %;
- truncated: the whole CT, much wider than the field of every shot;
- gecatsim: the sphere through an independent polychromatic simulator
  (``ixgs_ros.evaluation.gecatsim_shots``), without scatter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from ixgs_ros.evaluation.gecatsim_shots import scale_to, Setup, shoot
from ixgs_ros.geometry.orbits import CArm, CArmAngles, random_stations
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.perturbations import draw_gain, draw_jitter, JitterConfig, motion_about
from ixgs_ros.simulation.ray_caster import RayCaster
from ixgs_ros.simulation.resampling import attenuation_on_grid
from ixgs_ros.simulation.target import spine_target
from ixgs_ros.volume.grid import Region, VoxelGrid

RADIUS = 0.080
# The edge of the sphere falls off over this, as no detector resolves a step.
EDGE = 0.002
REGION = Region(np.zeros(3), np.full(3, 2 * RADIUS))
TRUTH_GRID = VoxelGrid.covering(REGION, 0.00125)
FINE_GRID = VoxelGrid.covering(REGION, 0.000625)
# Where volumes are compared.
INSIDE = np.linalg.norm(TRUTH_GRID.points(), axis=-1) < 0.076
CARM = CArm()
# A voxel with more than this belongs to the body or the table, 1/m (-700 HU).
SOMETHING = 6.0
# One with more is metal (2500 HU).
METAL = 70.0
# Fewer voxels of TRUTH_GRID, 1 cm³, are no implant; a chest has some of dense calcium.
LEAST_METAL = 512
# So many voxels of TRUTH_GRID around it belong to its blurred edge.
METAL_EDGE = 2
_PHOTONS, _JITTER = 1, 2

# What a method yields as it runs: makes its volume, (z, y, x) float32 in 1/m on TRUTH_GRID.
Snapshot = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Condition:
    """What is wrong with the shots.

    Args:
        photons: detected by a pixel in air; 0: no noise.
        jitter: how far reported poses are from the true ones.
        exposure_error: relative, from shot to shot.
        truncated: whether the body is the whole CT, not a sphere of it.
        gecatsim: whether gecatsim makes the images.
    """

    photons: float = 0.0
    jitter: JitterConfig = JitterConfig(0.0, 0.0)
    exposure_error: float = 0.0
    truncated: bool = False
    gecatsim: bool = False


CONDITIONS = {
    'clean': Condition(),
    'photons': Condition(photons=1e4),
    'jitter': Condition(jitter=JitterConfig(0.5, 0.0015), exposure_error=0.05),
    'truncated': Condition(truncated=True),
    'gecatsim': Condition(gecatsim=True),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method is given.

    Args:
        shots: at the poses that the tracker reports.
        region: what is asked for.
        body: a box that holds all that the rays meet; the region itself if nothing is beyond it.
        condition: its name: peers may have settings for each.
        metal: whether there is metal in the region, as anyone sees on the shots: likewise.
    """

    shots: list[Shot]
    region: Region
    body: Region
    condition: str
    metal: bool

    @property
    def views(self) -> list[View]:
        """The reported views."""
        return [shot.view for shot in self.shots]

    @property
    def images(self) -> np.ndarray:
        """The line integrals, (views, H, W) float32."""
        return np.stack([shot.line_integrals for shot in self.shots])


class Scene:
    """One CT about its target, as a sphere in air and as a whole.

    Args:
        ct: the patient; the region is about its target, or the spine half way up.

    Attributes:
        truth: (z, y, x) float32 in 1/m on TRUTH_GRID, of the whole CT: what is compared lies
            within the sphere's edge.
    """

    def __init__(self, ct: Ct) -> None:
        center = spine_target(ct) if ct.target is None else ct.target
        self.lps_from_reference = RigidTransform(np.eye(3), center)
        fine = attenuation_on_grid(ct, FINE_GRID, self.lps_from_reference)
        n = TRUTH_GRID.size[0]
        self.truth = fine.reshape(n, 2, n, 2, n, 2).mean((1, 3, 5))
        distance = np.linalg.norm(FINE_GRID.points(), axis=-1)
        self.sphere = fine * np.clip((RADIUS - distance) / EDGE, 0, 1).astype(np.float32)
        self._sphere_caster = RayCaster(self.sphere, FINE_GRID)
        per_m = attenuation(ct.hu)
        reference_from_index = self.lps_from_reference.inverse().matrix() @ ct.lps_from_index
        self._whole_caster = RayCaster.from_affine(per_m, reference_from_index)
        self._whole_box = box_of(per_m > SOMETHING, reference_from_index)

    def problem(self, condition: str, views: int, seed: int) -> Problem:
        """Return shots of the first ``views`` stations of a seed; fewer views are among more."""
        return self.problem_at(condition, random_stations(views, seed), seed)

    def problem_at(self, condition: str, stations: list[CArmAngles], seed: int) -> Problem:
        """Return shots of given stations; ``seed`` is that of noise, jitter and exposures."""
        what = CONDITIONS[condition]
        caster = self._whole_caster if what.truncated else self._sphere_caster
        if what.gecatsim:
            images = self._gecatsim([CARM.view(station) for station in stations], seed)
        else:
            images = [caster.project(CARM.view(station)) for station in stations]
        shots = [take(image, station, what, seed, k)
                 for k, (image, station) in enumerate(zip(images, stations, strict=True))]
        return Problem(shots, REGION, self._whole_box if what.truncated else REGION, condition,
                       beside_metal(self.truth) is not None)

    def _gecatsim(self, views: list[View], seed: int) -> list[np.ndarray]:
        """Return line integrals of the sphere on the scale of 1/m at 65 keV."""
        images = [shoot(self.sphere, FINE_GRID.affine(), view, Setup(CARM.sod, CARM.sdd),
                        1000 * seed + k) for k, view in enumerate(views)]
        scale = scale_to([self._sphere_caster.project(view) for view in views], images)
        return [(scale * image).astype(np.float32) for image in images]


def take(line_integrals: np.ndarray, station: CArmAngles, condition: Condition, seed: int,
         k: int) -> Shot:
    """Return shot ``k`` as it is measured and reported.

    Args:
        line_integrals: (H, W) of the true view, which is the station's.
        station: where the C-arm truly was.
        condition: noise, jitter and exposure error.
        seed: of these.
        k: from 0.
    """
    rng = np.random.default_rng((1000 * seed + k, _JITTER))
    motion = motion_about(draw_jitter(condition.jitter, rng), station.isocentre)
    image = line_integrals.astype(np.float64) - np.log(draw_gain(condition.exposure_error, rng))
    if condition.photons:
        counts = np.random.default_rng((1000 * seed + k, _PHOTONS)).poisson(
            condition.photons * np.exp(-image))
        image = -np.log(np.maximum(counts, 0.5) / condition.photons)
    true = CARM.view(station)
    view = View(true.k, motion @ true.reference_from_source, true.height, true.width)
    return Shot(k + 1, k * 10**9, view, image.astype(np.float32), np.clip(np.exp(-image), 0, 1))


def beside_metal(truth: np.ndarray) -> np.ndarray | None:
    """Return the voxels inside that hold no metal and none of its edge; None without metal.

    One voxel in fifty is at the screws, and squared errors there are most of all: dB over all
    voxels tell how sharp and how dense metal is, these what can be seen of the bone around it.

    Args:
        truth: (z, y, x) in 1/m on TRUTH_GRID.
    """
    metal = truth > METAL
    if metal.sum() < LEAST_METAL:
        return None
    return INSIDE & ~binary_dilation(metal, iterations=METAL_EDGE)


def box_of(where: np.ndarray, reference_from_index: np.ndarray) -> Region:
    """Return the box in the reference frame that holds the voxels ``where``, (z, y, x) bool."""
    ends = [np.flatnonzero(where.any(axis=axes))[[0, -1]] + [-0.5, 0.5]
            for axes in ((0, 1), (0, 2), (1, 2))]
    corners = np.stack(np.meshgrid(*ends, indexing='ij'), axis=-1).reshape(-1, 3)
    points = corners @ reference_from_index[:3, :3].T + reference_from_index[:3, 3]
    lower, upper = points.min(axis=0), points.max(axis=0)
    return Region(0.5 * (lower + upper), upper - lower)

"""The coarse start: SART with total variation on voxels, region and surroundings together.

Two layers of voxels share each ray: a fine one over the region and, as the body is wider than the
field, a coarse one around it. FDK does not work for arbitrary poses; sweeps of SART (Andersen and
Kak, 1984) do, within a second: on images as coarse as the voxels, with momentum, and many of them,
as what lies outside of the region is told from what lies inside by smoothness alone. Only voxels
seen by two views are used, and none through which views see air: that is the visual hull, and it
tells whether there is anything beyond the region.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import binary_erosion, maximum_filter

from ixgs_ros.reconstruction import joseph, voxel_driven
from ixgs_ros.reconstruction.measurement import binning, Measurement
from ixgs_ros.reconstruction.tv_prox import prox_tv
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.volume.grid import Region, VoxelGrid

RELAXATION = 0.5
TV_WEIGHT = 0.25          # 1/m, of the total variation after each sweep
TV_ITERATIONS = 10
REGION_VOXELS = 64        # along the longest side of the region
OUTER_VOXELS = 64         # along the longest side of the surroundings
# A line integral of 0.1 is half a centimetre of water: less than any ray through a body meets.
AIR = 0.1
LEAST_VIEWS = 2
# Share of the border's pixels that must be air for a view to show the whole body.
WHOLE_BODY = 0.98
# What a voxel around the region may hold at most, 1/m: cortical bone. Without a bound, mass piles
# up just outside of the region's border.
MOST_AROUND = 60.0


@dataclass(frozen=True)
class Schedule:
    """How the layers are filled.

    Args:
        sweeps: over all views, at least.
        momentum: largest share of a sweep's change that is repeated before the next (Nesterov).
        weighted: whether pixels move the voxels by the roots of their weights, or all alike.
        passes: single views to go over, at least; few views are swept more often.
    """

    sweeps: int
    momentum: float
    weighted: bool = False
    passes: int = 0

    def sweeps_of(self, views: int) -> int:
        """Return the sweeps over so many views."""
        return max(self.sweeps, self.passes // views)


# A body within the region is found by 4 sweeps too, but 0.5 to 1.6 dB worse (24 views).
FROM_NOTHING = Schedule(sweeps=20, momentum=0.7)
# Where a body reaches beyond the region and there are views enough to bear it: still far from
# converged after 20 sweeps, and 12 views after 40.
BEYOND = Schedule(sweeps=40, momentum=0.7, passes=960)
MANY_VIEWS = 12
# Where the layers begin with what was found before the newest shots came.
AGAIN = Schedule(sweeps=10, momentum=0.7)
# Of a start that is replaced at once.
QUICK = Schedule(sweeps=4, momentum=0.0)
# Of voxels that are only compared with others. Weighted: through metal hardly a photon comes, and
# what such pixels say at full weight contradicts the other views, however right theirs is.
TRIAL = Schedule(sweeps=10, momentum=0.7, weighted=True)


@dataclass(eq=False)
class Layer:
    """Voxels of one resolution.

    Args:
        grid: cubic voxels.
        support: (z, y, x) uint8; only voxels where it is 1 may hold anything.
        volume: (z, y, x) float32, 1/m.
    """

    grid: VoxelGrid
    support: np.ndarray
    volume: np.ndarray = field(init=False)
    dual: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.volume = np.zeros(self.grid.shape, np.float32)
        self.dual = np.zeros((3, *self.grid.shape), np.float32)
        self._before = self.volume
        self._box = joseph.box_of(self.support)

    def push(self, share: float) -> None:
        """Move on by a share of the change since the last call; stays >= 0."""
        now = self.volume
        self.volume = np.maximum(now + np.float32(share) * (now - self._before), 0)
        self._before = now

    def begin_with(self, volume: np.ndarray) -> None:
        """Take over what a layer on the same grid held, (z, y, x) float32 in 1/m."""
        self.volume = np.where(self.support > 0, volume, np.float32(0))
        self._before = self.volume

    def project(self, volume: np.ndarray, view: np.ndarray, image: np.ndarray) -> None:
        """Write the line integrals of ``volume``, 0 outside of the support, into ``image``."""
        joseph.project(volume, self.grid.origin, self.grid.spacing[0], view, image, self._box)


def grid_of(region: Region, longest: int) -> VoxelGrid:
    """Return cubic voxels over the region, ``longest`` of them along its longest side."""
    spacing = float(region.size.max()) / longest
    grid = VoxelGrid.covering(region, spacing)
    x, y, z = grid.size
    size = (max(2, x), max(2, y), max(2, z))
    return VoxelGrid(region.center - 0.5 * (np.array(size) - 1) * spacing, grid.spacing, size)


def region_layer(measurements: list[Measurement], offsets: np.ndarray,
                 region: Region) -> Pieces[Layer]:
    """Return an empty layer over the region."""
    grid = grid_of(region, REGION_VOXELS)
    return Layer(grid, (yield from hull(measurements, offsets, grid, LEAST_VIEWS, 2)))


def outer_layer(measurements: list[Measurement], offsets: np.ndarray, region: Region,
                extent: float) -> Pieces[Layer]:
    """Return an empty layer around the region, up to ``extent`` metres beyond it."""
    grid = grid_of(Region(region.center, region.size + 2 * extent), OUTER_VOXELS)
    support = yield from hull(measurements, offsets, grid, 1, 1)
    points = grid.points()
    inside = ((points > region.lower) & (points < region.upper)).all(-1)
    support[inside] = 0
    return Layer(grid, support)


def hull(measurements: list[Measurement], offsets: np.ndarray, grid: VoxelGrid,
         least: int, witnesses: int) -> Pieces[np.ndarray]:
    """Return where something may be, (z, y, x) uint8: seen by some views, in the air of none.

    Args:
        measurements: of all views.
        offsets: (views,) exposure offsets.
        grid: voxels to judge.
        least: views that must see a voxel: two in the region, where a depth is to be told; one
            around it, where whatever a single view sees has to lie somewhere.
        witnesses: views that must see air through a voxel before it is carved away: two in the
            region, so that one bad image does no harm there (one, if no more see the voxel).
    """
    seen = np.zeros(grid.shape, np.uint8)
    through_air = np.zeros(grid.shape, np.uint8)
    for measurement, offset in zip(measurements, offsets, strict=True):
        view = measurement.view
        depth = view.source_from_reference.apply(grid.region.center)[2]
        # A voxel is in the air only if all of it is: look at the largest value of its shadow.
        width = int(np.ceil(grid.spacing[0] * view.k[0, 0] / depth)) | 1
        used = (measurement.weights > 0) | (measurement.held_out > 0)
        values = measurement.values - np.float32(offset)
        whole = shows_whole_body(values, used)
        values = maximum_filter(np.where(used, values, -np.inf), width)
        values = np.where(used, values, np.nan).astype(np.float32)
        voxel_driven.look_up(values, grid.origin, grid.spacing[0], view.packed(), AIR, whole,
                             seen, through_air)
        yield
    carved = through_air >= np.where(seen > LEAST_VIEWS, witnesses, 1)
    return ((seen >= least) & ~carved).astype(np.uint8)


def shows_whole_body(values: np.ndarray, used: np.ndarray) -> bool:
    """Return whether the used part of an image has air all around its border.

    Args:
        values: (h, w) line integrals.
        used: (h, w) bool, where there is an image.
    """
    border = used & ~binary_erosion(used, iterations=2)
    return bool(border.any()) and float((values[border] < AIR).mean()) > WHOLE_BODY


def solve(layers: list[Layer], measurements: list[Measurement], offsets: np.ndarray,
          seed: int, schedule: Schedule,
          begun: list[np.ndarray] | None = None) -> Pieces[None]:
    """Fill the layers' volumes from the measurements; in place, a view or a layer a piece.

    Args:
        layers: share each ray by the length it runs in each; the region's first.
        measurements: at least two.
        offsets: (views,) exposure offsets, subtracted from the values.
        seed: of the order of the views.
        schedule: how.
        begun: what such layers held that were filled from some of these views.
    """
    layers = occupied(layers)
    for layer, volume in zip(layers, begun or [], strict=False):
        layer.begin_with(volume)
    measurements = [binned(m, layers[0].grid) for m in measurements]
    yield
    supports = [layer.support.astype(np.float32) for layer in layers]
    lengths = []
    for m in measurements:
        lengths.append(project(layers, supports, m))
        yield
    for sweep in range(schedule.sweeps_of(len(measurements))):
        for layer in layers:
            layer.push(min(schedule.momentum, sweep / (sweep + 3)))
        for k in np.random.default_rng((seed, sweep)).permutation(len(measurements)):
            m = measurements[k]
            residual = m.values - np.float32(offsets[k]) - project(
                layers, [layer.volume for layer in layers], m)
            shortest = 2 * layers[0].grid.spacing[0]
            # The root, as thick parts would hardly be filled by their weights; not above 1, beyond
            # which the relaxation would overshoot.
            trust = np.sqrt(np.minimum(m.weights, 1)) if schedule.weighted else m.weights > 0
            rate = np.where(lengths[k] > shortest,
                            trust * residual / np.maximum(lengths[k], shortest),
                            0).astype(np.float32)
            for layer in layers:
                voxel_driven.backproject(rate, layer.grid.origin, layer.grid.spacing[0],
                                         m.view.packed(), RELAXATION, layer.support, layer.volume)
            yield
        for layer in layers[1:]:
            np.minimum(layer.volume, np.float32(MOST_AROUND), out=layer.volume)
        for layer in layers:
            layer.volume = prox_tv(layer.volume, TV_WEIGHT, TV_ITERATIONS, layer.dual)
            layer.volume[layer.support == 0] = 0
            yield


def occupied(layers: list[Layer]) -> list[Layer]:
    """Return the layers that may hold something: most often there is nothing around the region."""
    return [layers[0], *(layer for layer in layers[1:] if layer.support.any())]


def binned(m: Measurement, grid: VoxelGrid) -> Measurement:
    """Return a measurement with pixels about as wide as the voxels of a grid."""
    return m.coarser(binning(m.view, grid.region.center, grid.spacing[0]))


def project(layers: list[Layer], volumes: list[np.ndarray], m: Measurement) -> np.ndarray:
    """Return the line integrals (h, w) through all layers, if they held these volumes."""
    total = np.zeros(m.values.shape, np.float32)
    image = np.empty_like(total)
    for layer, volume in zip(layers, volumes, strict=True):
        layer.project(volume, m.view.packed(), image)
        total += image
    return total

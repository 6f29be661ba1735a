"""The CPU back end: X-ray projection, voxelization and their gradients.

The work arrays grow to the largest job seen and are kept, so a loop that passes its results back
as ``out`` allocates nothing. All results are the same bits whatever the number of threads.
"""

from __future__ import annotations

import math

import numpy as np

from ixgs_ros.gaussians import box, projection, projection_gradient, splatting, voxelization
from ixgs_ros.gaussians.footprints import check_cut, Footprints, ViewGradient
from ixgs_ros.gaussians.model import (
    check_array,
    check_block,
    check_finite,
    GaussianModel,
    Gradients,
)
from ixgs_ros.gaussians.team import GRAIN, team_of
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

LOWEST_CUT, HIGHEST_CUT = 1.0, 10.0


def kept_in_plane(cut: float) -> float:
    """Return the part of a 2-D Gaussian's mass within the Mahalanobis distance ``cut``."""
    return 1.0 - math.exp(-0.5 * cut * cut)


def kept_in_space(cut: float) -> float:
    """Return the part of a 3-D Gaussian's mass within the Mahalanobis distance ``cut``."""
    return (math.erf(cut / math.sqrt(2.0))
            - math.sqrt(2.0 / math.pi) * cut * math.exp(-0.5 * cut * cut))


class CpuSplatter:
    """Renders and differentiates Gaussian models on the CPU.

    Args:
        cut: Mahalanobis distance at which Gaussians end, 1 to 10. What a cut kernel loses is made
            up by a factor, in 2-D and in 3-D, so that a uniform object keeps its density.
        threads: how many to use, the caller's included; NUMBA_NUM_THREADS (all cores) if None.

    Not thread-safe: its work arrays serve one call at a time.
    """

    def __init__(self, cut: float = 3.0, threads: int | None = None) -> None:
        if not LOWEST_CUT <= cut <= HIGHEST_CUT:
            raise ValueError(f'expected cut between {LOWEST_CUT:g} and {HIGHEST_CUT:g}, '
                             f'got {cut!r}')
        self.cut = np.float32(cut)
        self._team = team_of(threads)
        self._norm_plane = np.float32(1.0 / kept_in_plane(cut))
        self._norm_space = np.float32(1.0 / kept_in_space(cut))
        self._work: dict[str, np.ndarray] = {}

    def project(self, model: GaussianModel, view: View,
                out: Footprints | None = None) -> Footprints:
        """Project a model into a view.

        Args:
            model: the Gaussians.
            view: K, pose and size.
            out: footprints to write over instead of new ones; its arrays are kept if they fit.

        Raises:
            ValueError: a Gaussian is not finite, has a zero scale or no unit quaternion.
        """
        model.check_layout()
        check_finite('densities', model.densities)
        count = len(model)
        if out is None or len(out) != count:
            out = Footprints(model, view, np.empty((count, 3), np.float32),
                             np.empty((count, splatting.COLUMNS), np.float32), float(self.cut))
        out.model, out.view, out.cut = model, view, float(self.cut)
        np.exp(model.log_scales, out=out.scales)
        bad = self._team.run(projection.project, count, model.means, out.scales, model.quaternions,
                             view.packed(), (view.height, view.width), self.cut, self._norm_plane,
                             out.table, grain=GRAIN)
        self._raise_if(sum(bad), model)
        return out

    def render(self, footprints: Footprints, densities: np.ndarray | None = None,
               out: np.ndarray | None = None) -> np.ndarray:
        """Return the image of line integrals, (H, W) float32, no unit.

        Args:
            footprints: from :meth:`project`.
            densities: (N,) float32, 1/m, in place of the model's (the footprints do not depend on
                them, and the image is linear in them).
            out: (H, W) float32 to write into.
        """
        check_cut(footprints.cut, float(self.cut))
        shape = footprints.shape
        densities = footprints.model.densities if densities is None else densities
        check_block('densities', densities, len(footprints))
        check_finite('densities', densities)
        image = self._result('image', out, shape)
        parts = self._array('parts', (splatting.PARTS, *splatting.padded_shape(shape)))
        self._team.run(splatting.splat, splatting.PARTS, footprints.table, densities,
                       parts.reshape(splatting.PARTS, -1), *shape, self.cut)
        splatting.add_parts(parts, image)
        return image

    def gradient(self, footprints: Footprints, d_image: np.ndarray,
                 out: Gradients | None = None) -> Gradients:
        """Return d loss / d parameters.

        Args:
            footprints: from :meth:`project`; its model must be unchanged since.
            d_image: (H, W) float32, d loss / d rendered image.
            out: gradients to write over (not added to).
        """
        model = self._projected(footprints)
        out = self._gradients(out, len(model))
        moments = self._gather(footprints, d_image)
        self._team.run(projection_gradient.chain, len(model), model.means, footprints.scales,
                       model.quaternions, model.densities[:, np.newaxis],
                       footprints.view.packed(), footprints.table, moments, out.means,
                       out.log_scales, out.quaternions, out.densities[:, np.newaxis], grain=GRAIN)
        return out

    def view_gradient(self, footprints: Footprints, d_image: np.ndarray) -> ViewGradient:
        """Return d loss / d pose and d loss / d intrinsics of the view.

        Args:
            footprints: from :meth:`project`; its model must be unchanged since.
            d_image: (H, W) float32, d loss / d rendered image.
        """
        model, count = self._projected(footprints), len(footprints)
        moments = self._gather(footprints, d_image)
        parts = self._array('view', (count, projection_gradient.VIEW_COLUMNS))
        self._team.run(projection_gradient.chain_view, count, model.means, footprints.scales,
                       model.quaternions, model.densities[:, np.newaxis],
                       footprints.view.packed(), footprints.table, moments, parts, grain=GRAIN)
        total = parts.sum(axis=0, dtype=np.float64)
        return ViewGradient(total[:6], total[6:])

    def moments(self, footprints: Footprints, d_image: np.ndarray,
                out: np.ndarray | None = None) -> np.ndarray:
        """Return the backprojection Aᵀ d, (N,) float32: d loss / d densities alone.

        It is the transpose of :meth:`render` as a linear map of densities.
        """
        result = self._result('backprojection', out, (len(footprints),))
        np.multiply(self._gather(footprints, d_image)[:, 0], footprints.factors, out=result)
        return result

    def voxelize(self, model: GaussianModel, grid: VoxelGrid,
                 out: np.ndarray | None = None) -> np.ndarray:
        """Return the density at the voxel centres, (z, y, x) float32, 1/m."""
        volume = self._result('volume', out, grid.shape)
        self._fill(model, grid_frame(grid), volume)
        return volume

    def voxelize_gradient(self, model: GaussianModel, grid: VoxelGrid, d_volume: np.ndarray,
                          out: Gradients | None = None) -> Gradients:
        """Return d loss / d parameters from d loss / d volume, (z, y, x) float32."""
        out = self._gradients(out, len(model))
        frame = grid_frame(grid)
        padded = self._pad('d_volume', d_volume, grid.shape)
        scales, table, arranged, order = self._prepare(model, frame, grid.shape)
        moments = self._array('box_moments', (len(model), 10))
        self._team.run(voxelization.gather_box, len(order), arranged, order, padded, grid.shape,
                       self.cut, moments)
        self._team.run(voxelization.chain_box, len(model), scales, model.quaternions,
                       model.densities[:, np.newaxis], frame, self._norm_space, table, moments,
                       out.means, out.log_scales, out.quaternions, out.densities[:, np.newaxis],
                       grain=GRAIN)
        return out

    def slice(self, model: GaussianModel, plane: Plane,
              out: np.ndarray | None = None) -> np.ndarray:
        """Return the density on a plane, (height, width) float32, 1/m; needs no volume."""
        image = self._result('slice', out, (plane.height, plane.width))
        self._fill(model, plane_frame(plane), image[np.newaxis])
        return image

    def warm_up(self) -> None:
        """Compile everything, or load it from numba's cache, so that no later call waits."""
        model = GaussianModel.empty(1)
        model.log_scales[:] = -5.0
        view = View(np.array([[10.0, 0, 1], [0, 10, 1], [0, 0, 1]]),
                    RigidTransform(translation=np.array([0, 0, -1.0])), 3, 4)
        footprints = self.project(model, view)
        image = self.render(footprints)
        self.gradient(footprints, image)
        self.moments(footprints, image)
        self.view_gradient(footprints, image)
        grid = VoxelGrid(np.zeros(3), np.full(3, 0.01), (2, 2, 2))
        self.voxelize_gradient(model, grid, self.voxelize(model, grid))

    def _fill(self, model: GaussianModel, frame: np.ndarray, volume: np.ndarray) -> None:
        _, _, arranged, order = self._prepare(model, frame, volume.shape)
        padded = self._array('padded', splatting.padded_shape(volume.shape))
        self._team.run(voxelization.fill, -(-len(volume) // box.SLAB), arranged, order,
                       model.densities, self._norm_space, self.cut, padded.reshape(-1), volume)

    def _prepare(self, model: GaussianModel, frame: np.ndarray, shape: tuple[int, ...]
                 ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the scales (N, 3), the table of Gaussians in a box, and again in order.

        The last is that order of those that touch the box, int32.
        """
        model.check_layout()
        check_finite('densities', model.densities)
        count = len(model)
        scales = self._array('scales', (count, 3))
        table = self._array('box', (count, box.BOX_COLUMNS))
        np.exp(model.log_scales, out=scales)
        bad = self._team.run(box.prepare, count, model.means, scales, model.quaternions, frame,
                             shape, self.cut, table, grain=GRAIN)
        self._raise_if(sum(bad), model)
        order = self._array('order', (count,)).view(np.int32)
        order = order[:box.sort(table, *shape[:2], order)]
        arranged = self._array('arranged', (len(order), box.BOX_COLUMNS))
        self._team.run(box.arrange, len(order), table, order, arranged, grain=GRAIN)
        return scales, table, arranged, order

    def _gather(self, footprints: Footprints, d_image: np.ndarray) -> np.ndarray:
        """Return the moments (N, 6) of an image under the footprints."""
        check_cut(footprints.cut, float(self.cut))
        padded = self._pad('d_image', d_image, footprints.shape)
        moments = self._array('moments', (len(footprints), 6))
        self._team.run(splatting.gather, len(footprints), footprints.table, padded,
                       *footprints.shape, self.cut, moments)
        return moments

    def _pad(self, name: str, image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return the padded form of an image or volume, flat."""
        check_array(name, image, shape)
        check_finite(name, image)
        padded = self._array('padded', splatting.padded_shape(shape))
        splatting.pad(image, padded)
        return padded.reshape(-1)

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return work space of a shape, undefined, kept from call to call."""
        size = math.prod(shape)
        if name not in self._work or self._work[name].size < size:
            self._work[name] = np.empty(size, np.float32)
        return self._work[name][:size].reshape(shape)

    @staticmethod
    def _result(name: str, out: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
        if out is None:
            return np.empty(shape, np.float32)
        check_array(name, out, shape)
        return out

    @staticmethod
    def _gradients(out: Gradients | None, count: int) -> Gradients:
        if out is None:
            return Gradients.zeros(count)
        for name, array in out.blocks().items():
            check_block(name, array, count)
        return out

    @staticmethod
    def _projected(footprints: Footprints) -> GaussianModel:
        """Return the model of footprints, which must not have grown or shrunk since."""
        model = footprints.model
        for name, block in model.blocks().items():
            check_block(name, block, len(footprints))
        check_finite('densities', model.densities)
        return model

    @staticmethod
    def _raise_if(bad: int, model: GaussianModel) -> None:
        if bad:
            model.validate()
            raise ValueError(f'expected Gaussians within float32 range, got {bad} of {len(model)} '
                             'whose size vanishes or overflows in pixels or voxels')


def grid_frame(grid: VoxelGrid) -> np.ndarray:
    """Return a grid's axes, origin and spacings as the kernels take them, (15,) float64."""
    return np.concatenate([np.eye(3).ravel(), grid.origin, grid.spacing])


def plane_frame(plane: Plane) -> np.ndarray:
    """Return a plane as a box one layer deep, (15,) float64."""
    u, v = np.asarray(plane.u, dtype=np.float64), np.asarray(plane.v, dtype=np.float64)
    return np.concatenate([u, v, np.cross(u, v), plane.origin, np.full(3, plane.spacing)])

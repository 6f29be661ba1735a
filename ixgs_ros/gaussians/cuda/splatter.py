"""The CUDA back end: X-ray projection, voxelization and their gradients, the model on the device.

The methods and what they mean are those of `cpu.CpuSplatter`; arrays are torch tensors on the
device. Nothing but the model's errors and the lengths of lists comes back to the host.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import triton

from ixgs_ros.gaussians.cpu import (
    grid_frame,
    HIGHEST_CUT,
    kept_in_plane,
    kept_in_space,
    LOWEST_CUT,
    plane_frame,
)
from ixgs_ros.gaussians.cuda import projection, splatting, voxelization
from ixgs_ros.gaussians.cuda.binning import bin_boxes, bin_tiles, Bins
from ixgs_ros.gaussians.cuda.model import check_tensor, DeviceGradients, DeviceModel
from ixgs_ros.gaussians.footprints import check_cut
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane


def usable_device(device: torch.device | str) -> torch.device:
    """Return the device, with its number, that the kernels are to run on.

    A CPU will do in Triton's interpreter (TRITON_INTERPRET=1 before the first import), which is
    for tests.

    Raises:
        RuntimeError: it is not there, or cannot run the kernels.
    """
    device = torch.device(device)
    if device.type == 'cpu' and triton.knobs.runtime.interpret:
        return device
    if device.type != 'cuda':
        raise RuntimeError(f'expected a CUDA device, got {device}: on a CPU use CpuSplatter')
    if not torch.cuda.is_available():
        raise RuntimeError('expected a CUDA device, torch sees none: install an NVIDIA driver and '
                           'a torch built for CUDA (docs/gpu.md), or use CpuSplatter')
    number = torch.cuda.current_device() if device.index is None else device.index
    if number >= torch.cuda.device_count():
        raise RuntimeError(f'expected a CUDA device below {torch.cuda.device_count()}, got '
                           f'{number}')
    return torch.device('cuda', number)


@dataclass(frozen=True, eq=False)
class DeviceViewGradient:
    """What `footprints.ViewGradient` is, as float64 tensors: pose (6,) and intrinsics (4,)."""

    pose: torch.Tensor
    intrinsics: torch.Tensor


@dataclass
class DeviceFootprints:
    """The 2-D Gaussians of a model in a view.

    Args:
        model: what was projected; it must not change until the footprints are projected anew.
        view: from where.
        camera: (16,) the packed view on the device.
        table: (N, 8) float32; its columns are in `projection`.
        tiles: which Gaussians touch which tile of the image.
        cut: Mahalanobis distance at which they end.
    """

    model: DeviceModel
    view: View
    camera: torch.Tensor
    table: torch.Tensor
    tiles: Bins
    cut: float

    def __len__(self) -> int:
        """Return the number of Gaussians, seen or not."""
        return len(self.table)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image, pixels."""
        return self.view.height, self.view.width

    @property
    def seen(self) -> torch.Tensor:
        """Which Gaussians touch the image, (N,) bool."""
        return self.table[:, projection.HALF_WIDTH] >= 0

    @property
    def centers(self) -> torch.Tensor:
        """The footprints' centres (u, v), (N, 2) pixels; 0 where not seen."""
        return self.table[:, [projection.U, projection.V]]

    @property
    def factors(self) -> torch.Tensor:
        """Line integral through the centre for a density of 1/m, (N,) metres; 0 if not seen."""
        return self.table[:, projection.FACTOR]


class CudaSplatter:
    """Renders and differentiates Gaussian models on a GPU.

    Args:
        cut: Mahalanobis distance at which Gaussians end, 1 to 10. What a cut kernel loses is made
            up by a factor, in 2-D and in 3-D, so that a uniform object keeps its density.
        device: a CUDA device.

    All sums have a fixed order, so results are the same bits at every run on the same GPU.

    Raises:
        ValueError: the cut is out of range.
        RuntimeError: the device is not there.
    """

    def __init__(self, cut: float = 3.0, device: torch.device | str = 'cuda') -> None:
        if not LOWEST_CUT <= cut <= HIGHEST_CUT:
            raise ValueError(f'expected cut between {LOWEST_CUT:g} and {HIGHEST_CUT:g}, '
                             f'got {cut!r}')
        self.cut, self.device = float(cut), usable_device(device)
        self._norm_plane = 1.0 / kept_in_plane(cut)
        self._norm_space = 1.0 / kept_in_space(cut)

    def project(self, model: DeviceModel, view: View) -> DeviceFootprints:
        """Project a model into a view.

        Raises:
            ValueError: a Gaussian is not finite, has a zero scale or no unit quaternion.
        """
        model.check_layout(device=self.device)
        count, size = len(model), (view.height, view.width)
        camera = self._packed(view.packed())
        table = self._empty(count, projection.COLUMNS.value)
        projection.PROJECT(triton.cdiv(count, projection.LANES), table, model.means,
                           model.log_scales, model.quaternions, camera, count, *size, self.cut,
                           self._norm_plane)
        self._raise_if_bad(table[:, projection.HALF_WIDTH], model)
        tiles = bin_tiles(table[:, [projection.V, projection.U]],
                          table[:, [projection.HALF_HEIGHT, projection.HALF_WIDTH]], size,
                          splatting.TILE)
        return DeviceFootprints(model, view, camera, table, tiles, self.cut)

    def render(self, footprints: DeviceFootprints,
               densities: torch.Tensor | None = None) -> torch.Tensor:
        """Return the image of line integrals, (H, W) float32, no unit.

        Args:
            footprints: from :meth:`project`.
            densities: (N,) float32, 1/m, in place of the model's (the footprints do not depend on
                them, and the image is linear in them).
        """
        check_cut(footprints.cut, self.cut)
        densities = footprints.model.densities if densities is None else densities
        check_tensor('densities', densities, (len(footprints),), self.device)
        image, tiles = self._empty(*footprints.shape), footprints.tiles
        splatting.SPLAT(tiles.shape[0] * tiles.shape[1], image, footprints.table, densities,
                        tiles.members, tiles.offsets, *footprints.shape, tiles.shape[1], self.cut)
        return image

    def gradient(self, footprints: DeviceFootprints, d_image: torch.Tensor) -> DeviceGradients:
        """Return d loss / d parameters.

        Args:
            footprints: from :meth:`project`; its model must be unchanged since.
            d_image: (H, W) float32, d loss / d rendered image.
        """
        model, count = footprints.model, len(footprints)
        moments = self._gather(footprints, d_image)
        out = self._gradients(count)
        projection.CHAIN(triton.cdiv(count, projection.LANES), *out.blocks().values(),
                         *model.blocks().values(), footprints.camera, footprints.table, moments,
                         count)
        return out

    def view_gradient(self, footprints: DeviceFootprints,
                      d_image: torch.Tensor) -> DeviceViewGradient:
        """Return d loss / d pose and d loss / d intrinsics of the view."""
        model, count = footprints.model, len(footprints)
        moments = self._gather(footprints, d_image)
        parts = self._empty(count, projection.VIEW_COLUMNS.value)
        projection.CHAIN_VIEW(triton.cdiv(count, projection.LANES), parts,
                              *model.blocks().values(), footprints.camera, footprints.table,
                              moments, count)
        total = parts.sum(dim=0, dtype=torch.float64)
        return DeviceViewGradient(total[:6], total[6:])

    def moments(self, footprints: DeviceFootprints, d_image: torch.Tensor) -> torch.Tensor:
        """Return the backprojection Aᵀ d, (N,) float32: d loss / d densities alone.

        It is the transpose of :meth:`render` as a linear map of densities.
        """
        return self._gather(footprints, d_image)[:, 0] * footprints.factors

    def voxelize(self, model: DeviceModel, grid: VoxelGrid) -> torch.Tensor:
        """Return the density at the voxel centres, (z, y, x) float32, 1/m."""
        return self._fill(model, grid_frame(grid), grid.shape, voxelization.BRICK)

    def voxelize_gradient(self, model: DeviceModel, grid: VoxelGrid,
                          d_volume: torch.Tensor) -> DeviceGradients:
        """Return d loss / d parameters from d loss / d volume, (z, y, x) float32."""
        check_tensor('d_volume', d_volume, grid.shape, self.device)
        count = len(model)
        table = self._prepare(model, grid_frame(grid), grid.shape)
        moments = self._empty(count, voxelization.BOX_MOMENTS.value)
        voxelization.GATHER_BOX(count, moments, d_volume, table, *grid.shape, self.cut)
        out = self._gradients(count)
        voxelization.CHAIN_BOX(triton.cdiv(count, voxelization.LANES), *out.blocks().values(),
                               model.log_scales, model.quaternions, model.densities, table,
                               moments, count, self._norm_space)
        return out

    def slice(self, model: DeviceModel, plane: Plane) -> torch.Tensor:
        """Return the density on a plane, (height, width) float32, 1/m; needs no volume."""
        return self._fill(model, plane_frame(plane), (1, plane.height, plane.width),
                          voxelization.PLATE)[0]

    def warm_up(self) -> None:
        """Compile everything, or load it from Triton's cache, so that no later call waits."""
        model = DeviceModel(*(torch.zeros(1, *shape, device=self.device)
                              for shape in ((3,), (3,), (4,), ())))
        model.log_scales -= 5.0
        model.quaternions[:, 0] = 1.0
        k = np.array([[10.0, 0, 1], [0, 10, 1], [0, 0, 1]])
        view = View(k, RigidTransform(translation=np.array([0, 0, -1.0])), 3, 4)
        footprints = self.project(model, view)
        image = self.render(footprints)
        self.gradient(footprints, image)
        self.view_gradient(footprints, image)
        grid = VoxelGrid(np.zeros(3), np.full(3, 0.01), (2, 2, 2))
        self.voxelize_gradient(model, grid, self.voxelize(model, grid))
        self.slice(model, Plane(np.zeros(3), np.eye(3)[0], np.eye(3)[1], 0.01, 2, 2))

    def _fill(self, model: DeviceModel, frame: np.ndarray, shape: tuple[int, int, int],
              cell: tuple[int, int, int]) -> torch.Tensor:
        """Return the density at the points of a box, computed in cells of a given size."""
        table = self._prepare(model, frame, shape)
        center, half = voxelization.CENTER.value, voxelization.HALF.value
        bricks = bin_boxes(table[:, center:center + 3].flip(1), table[:, half:half + 3].flip(1),
                           shape, cell)
        volume = self._empty(*shape)
        programs = bricks.shape[0] * bricks.shape[1] * bricks.shape[2]
        voxelization.FILL[cell](programs, volume, table, model.densities, bricks.members,
                                bricks.offsets, *shape, *bricks.shape[1:], self.cut,
                                self._norm_space)
        return volume

    def _prepare(self, model: DeviceModel, frame: np.ndarray,
                 shape: tuple[int, int, int]) -> torch.Tensor:
        """Return the table of a model's Gaussians in a box."""
        model.check_layout(device=self.device)
        count = len(model)
        table = self._empty(count, voxelization.BOX_COLUMNS.value)
        voxelization.PREPARE(triton.cdiv(count, voxelization.LANES), table, model.means,
                             model.log_scales, model.quaternions, self._packed(frame), count,
                             *shape, self.cut)
        self._raise_if_bad(table[:, voxelization.HALF.value], model)
        return table

    def _gather(self, footprints: DeviceFootprints, d_image: torch.Tensor) -> torch.Tensor:
        """Return the moments (N, 6) of an image under the footprints."""
        check_cut(footprints.cut, self.cut)
        check_tensor('d_image', d_image, footprints.shape, self.device)
        moments = self._empty(len(footprints), projection.MOMENTS.value)
        splatting.GATHER(len(footprints), moments, d_image, footprints.table, *footprints.shape,
                         self.cut)
        return moments

    def _packed(self, values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def _empty(self, *shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.float32, device=self.device)

    def _gradients(self, count: int) -> DeviceGradients:
        return DeviceGradients(*(self._empty(count, *columns)
                                 for columns in ((3,), (3,), (4,), ())))

    @staticmethod
    def _raise_if_bad(half: torch.Tensor, model: DeviceModel) -> None:
        """Raise if half extents are marked as no numbers (-2)."""
        bad = int((half < -1.5).sum())
        if bad:
            model.to_host().validate()
            raise ValueError(f'expected Gaussians within float32 range, got {bad} of {len(model)} '
                             'whose size vanishes or overflows in pixels or voxels')

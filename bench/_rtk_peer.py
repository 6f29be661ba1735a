"""ITK-RTK as a peer: its geometry from our views, its SART with total variation between passes.

RTK works in millimetres and 1/mm. Its detector's u × v points to the **source**, ours to the
detector: so u is negated and the images' columns are turned round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import itk
from itk import RTK as rtk
import numpy as np
from skimage.restoration import denoise_tv_chambolle

from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid

PASSES = 4
ITERATIONS = 2
RELAXATIONS = (0.5, 0.5, 0.5, 0.3)
# Swept for 1e4 photons on this protocol, 1/mm.
TV_WEIGHT = 1.5e-3
TV_ITERATIONS = 30
FORWARD_JOSEPH = 0
BACK_VOXELS = 0


class RtkPeer:
    """RTK's geometry of some views of one size, with the principal point anywhere.

    Args:
        views: of one size and one focal length.
        sdd: distance from source to detector, metres.
        grid: of the volume to reconstruct.
    """

    def __init__(self, views: Sequence[View], sdd: float, grid: VoxelGrid) -> None:
        itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(2)
        self.views, self.grid = views, grid
        self.pitch = 1e3 * sdd / views[0].k[0, 0]
        self.geometry = rtk.ThreeDCircularProjectionGeometry.New()
        for view in views:
            rotation = view.reference_from_source.rotation
            center = np.array([0.5 * (view.width - 1) - view.k[0, 2],
                               0.5 * (view.height - 1) - view.k[1, 2]]) * self.pitch
            detector = 1e3 * view.source + rotation @ [*center, 1e3 * sdd]
            self.geometry.AddProjection((1e3 * view.source).tolist(), detector.tolist(),
                                        (-rotation[:, 0]).tolist(), rotation[:, 1].tolist())

    def sart_tv(self, images: np.ndarray) -> np.ndarray:
        """Return the reconstruction, (z, y, x) float32 in 1/m.

        Args:
            images: (views, H, W) line integrals, columns as in our views.
        """
        volume = np.zeros(self.grid.shape, np.float32)
        for relaxation in RELAXATIONS:
            volume = self._sart(images, volume, relaxation)
            volume = denoise_tv_chambolle(volume, weight=TV_WEIGHT,
                                          max_num_iter=TV_ITERATIONS).astype(np.float32)
        return 1e3 * volume

    def project(self, volume: np.ndarray) -> np.ndarray:
        """Return RTK's own line integrals (views, H, W) of a volume in 1/m."""
        image = itk.Image[itk.F, 3]
        shape = (len(self.views), self.views[0].height, self.views[0].width)
        caster = rtk.JosephForwardProjectionImageFilter[image, image].New()
        caster.SetGeometry(self.geometry)
        caster.SetInput(0, self._stack(np.zeros(shape, np.float32)))
        caster.SetInput(1, self._volume(1e-3 * volume))
        caster.Update()
        return itk.array_from_image(caster.GetOutput())[:, :, ::-1]

    def check_geometry(self) -> None:
        """Raise unless RTK sees a small ball off all axes where our views see it.

        Raises:
            AssertionError: it lies more than half a pixel elsewhere.
        """
        ball = np.array([0.021, -0.034, 0.047])
        volume = (np.linalg.norm(self.grid.points() - ball, axis=-1) < 0.004).astype(np.float32)
        for view, image in zip(self.views, self.project(volume), strict=True):
            v, u = np.indices(image.shape)
            seen = np.array([(u * image).sum(), (v * image).sum()]) / image.sum()
            wanted = view.project(ball)[0]
            if np.abs(seen - wanted).max() > 0.5:
                raise AssertionError(f'expected the ball at pixel {wanted.round(2)}, RTK sees '
                                     f'it at {seen.round(2)}')

    def _sart(self, images: np.ndarray, start: np.ndarray, relaxation: float) -> np.ndarray:
        image = itk.Image[itk.F, 3]
        sart = rtk.SARTConeBeamReconstructionFilter[image, image].New()
        sart.SetForwardProjectionFilter(FORWARD_JOSEPH)
        sart.SetBackProjectionFilter(BACK_VOXELS)
        sart.SetInput(0, self._volume(start))
        sart.SetInput(1, self._stack(images[:, :, ::-1]))
        sart.SetGeometry(self.geometry)
        sart.SetDisableDisplacedDetectorFilter(True)
        sart.SetNumberOfIterations(ITERATIONS)
        sart.SetLambda(relaxation)
        sart.SetEnforcePositivity(True)
        sart.Update()
        return itk.array_from_image(sart.GetOutput())

    def _stack(self, images: np.ndarray) -> Any:
        origin = [-0.5 * (n - 1) * self.pitch for n in images.shape[:0:-1]]
        return _image(images, [self.pitch, self.pitch, 1.0], [*origin, 0.0])

    def _volume(self, volume: np.ndarray) -> Any:
        return _image(volume, (1e3 * self.grid.spacing).tolist(),
                      (1e3 * self.grid.origin).tolist())


def _image(array: np.ndarray, spacing: list[float], origin: list[float]) -> Any:
    image = itk.image_from_array(np.ascontiguousarray(array, dtype=np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    return image

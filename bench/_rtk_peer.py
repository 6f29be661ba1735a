"""ITK-RTK as a peer: its geometry from our views, and its CG, SART and SART with TV.

RTK works in millimetres and 1/mm. Its detector's u × v points to the **source**, ours to the
detector: so u is negated and the images' columns are turned round.

Where the body is wider than the region, RTK's one grid must hold all of it, as what lies outside
of a grid is explained by what lies inside; it is then coarser (WHOLE_SPACING).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
import os
from typing import Any

from _peers_scenes import Problem, Snapshot, TRUTH_GRID
import numpy as np
from skimage.restoration import denoise_tv_chambolle

from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.mpr import sample

SART_PASSES, SART_RELAXATION = 8, 0.3
CG_ITERATIONS = 10
# SART with total variation: iterations before each smoothing, and their relaxations.
ITERATIONS = 2
RELAXATIONS = (0.5, 0.5, 0.5, 0.3)
# Of denoise_tv_chambolle, 1/mm; the best on tuning seeds, for each condition.
TV_WEIGHTS = {'clean': 5e-4, 'photons': 1.5e-3, 'jitter': 1.5e-3, 'truncated': 1.5e-3,
              'gecatsim': 1.5e-3}
# With metal there is far more contrast: the best of 0.5 to 24e-3 on the phantom with screws (seed
# 0) under all conditions.
METAL_TV_WEIGHT = 6e-3
TV_ITERATIONS = 30
WHOLE_SPACING = 0.0025
FORWARD_JOSEPH = 0
BACK_VOXELS, BACK_JOSEPH = 0, 1
# Any distance of the detector gives the same rays, as long as the pitch goes with it; mm.
SDD = 1000.0


def _rtk() -> tuple[Any, Any]:
    """Return itk and its RTK: only what runs them needs the package; it takes 20 s to import."""
    import itk
    from itk import RTK
    return itk, RTK


class RtkPeer:
    """RTK's geometry of some views of one size and focal length, principal points anywhere.

    Args:
        views: of one size and one focal length.
        grid: of the volume to reconstruct.
    """

    def __init__(self, views: Sequence[View], grid: VoxelGrid) -> None:
        itk, rtk = _rtk()
        itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(len(os.sched_getaffinity(0)))
        self.views, self.grid = views, grid
        self.pitch = SDD / views[0].k[0, 0]
        self.geometry = rtk.ThreeDCircularProjectionGeometry.New()
        for view in views:
            rotation = view.reference_from_source.rotation
            center = np.array([0.5 * (view.width - 1) - view.k[0, 2],
                               0.5 * (view.height - 1) - view.k[1, 2]]) * self.pitch
            detector = 1e3 * view.source + rotation @ [*center, SDD]
            self.geometry.AddProjection((1e3 * view.source).tolist(), detector.tolist(),
                                        (-rotation[:, 0]).tolist(), rotation[:, 1].tolist())

    def sart(self, images: np.ndarray, start: np.ndarray, relaxation: float,
             iterations: int) -> np.ndarray:
        """Return the volume, (z, y, x) float32 in 1/mm, after so many passes over all views.

        Args:
            images: (views, H, W) line integrals, columns as in our views.
            start: (z, y, x) in 1/mm.
            relaxation: RTK's lambda.
            iterations: passes.
        """
        itk, rtk = _rtk()
        image = itk.Image[itk.F, 3]
        sart = rtk.SARTConeBeamReconstructionFilter[image, image].New()
        sart.SetForwardProjectionFilter(FORWARD_JOSEPH)
        sart.SetBackProjectionFilter(BACK_VOXELS)
        sart.SetInput(0, self._volume(start))
        sart.SetInput(1, self._stack(images))
        sart.SetGeometry(self.geometry)
        sart.SetDisableDisplacedDetectorFilter(True)
        sart.SetNumberOfIterations(iterations)
        sart.SetLambda(relaxation)
        sart.SetEnforcePositivity(True)
        sart.Update()
        return itk.array_from_image(sart.GetOutput())

    def conjugate_gradient(self, images: np.ndarray, weights: np.ndarray,
                           iterations: int) -> np.ndarray:
        """Return the volume, (z, y, x) float32 in 1/mm, after so many iterations of CG.

        Args:
            images: (views, H, W) line integrals.
            weights: (views, H, W) of their squared residuals.
            iterations: how many.
        """
        itk, rtk = _rtk()
        image = itk.Image[itk.F, 3]
        solver = rtk.ConjugateGradientConeBeamReconstructionFilter[image].New()
        solver.SetForwardProjectionFilter(FORWARD_JOSEPH)
        solver.SetBackProjectionFilter(BACK_JOSEPH)
        solver.SetInput(0, self._volume(np.zeros(self.grid.shape, np.float32)))
        solver.SetInput(1, self._stack(images))
        solver.SetInput(2, self._stack(weights))
        solver.SetGeometry(self.geometry)
        solver.SetDisableDisplacedDetectorFilter(True)
        solver.SetNumberOfIterations(iterations)
        solver.Update()
        return itk.array_from_image(solver.GetOutput())

    def project(self, volume: np.ndarray) -> np.ndarray:
        """Return RTK's own line integrals (views, H, W) of a volume in 1/m."""
        itk, rtk = _rtk()
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

    def _stack(self, images: np.ndarray) -> Any:
        """Return images, columns as in our views, as RTK takes them."""
        origin = [-0.5 * (n - 1) * self.pitch for n in images.shape[:0:-1]]
        return _image(images[:, :, ::-1], [self.pitch, self.pitch, 1.0], [*origin, 0.0])

    def _volume(self, volume: np.ndarray) -> Any:
        return _image(volume, (1e3 * self.grid.spacing).tolist(),
                      (1e3 * self.grid.origin).tolist())


def sart(problem: Problem, seconds: float) -> Iterator[Snapshot]:
    """Yield the volume after each pass of SART."""
    peer = _peer(problem)
    volume = np.zeros(peer.grid.shape, np.float32)
    for _ in range(SART_PASSES):
        volume = peer.sart(problem.images, volume, SART_RELAXATION, 1)
        yield partial(_on_truth, volume, peer.grid)


def sart_tv(problem: Problem, seconds: float) -> Iterator[Snapshot]:
    """Yield the volume after each smoothing of SART with total variation."""
    peer = _peer(problem)
    weight = METAL_TV_WEIGHT if problem.metal else TV_WEIGHTS[problem.condition]
    volume = np.zeros(peer.grid.shape, np.float32)
    for relaxation in RELAXATIONS:
        volume = peer.sart(problem.images, volume, relaxation, ITERATIONS)
        volume = denoise_tv_chambolle(volume, weight=weight,
                                      max_num_iter=TV_ITERATIONS).astype(np.float32)
        yield partial(_on_truth, volume, peer.grid)


def conjugate_gradient(problem: Problem, seconds: float) -> Iterator[Snapshot]:
    """Yield the result of the conjugate gradients; there is none in between."""
    peer = _peer(problem)
    weights = np.ones_like(problem.images)
    volume = peer.conjugate_gradient(problem.images, weights, CG_ITERATIONS)
    yield partial(_on_truth, volume, peer.grid)


def _peer(problem: Problem) -> RtkPeer:
    """Return the peer with a grid that holds all that the rays meet."""
    whole = problem.body is not problem.region
    grid = VoxelGrid.covering(problem.body, WHOLE_SPACING) if whole else TRUTH_GRID
    return RtkPeer(problem.views, grid)


def _on_truth(volume: np.ndarray, grid: VoxelGrid) -> np.ndarray:
    """Return a volume in 1/mm as one in 1/m on the truth's grid."""
    per_m = 1e3 * volume
    return per_m if grid is TRUTH_GRID else sample(per_m, grid, TRUTH_GRID.points())


def _image(array: np.ndarray, spacing: list[float], origin: list[float]) -> Any:
    itk, _ = _rtk()
    image = itk.image_from_array(np.ascontiguousarray(array, dtype=np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    return image

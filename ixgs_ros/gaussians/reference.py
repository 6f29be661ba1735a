"""The truth that the fast kernels are held to: float64 torch, dense, differentiable, slow.

Every function takes the model as the four float64 tensors (means, log_scales, quaternions,
densities) on any one device, and works on all pairs of Gaussians and points, so sizes must be
small. Derivatives come from autograd: by the parameters, and by a view's pose and intrinsics.

Pose. A ``pose`` (6,) is a small motion of the body in the source frame: a rotation vector ω about
the source (rad), then a translation τ (m), so that a point at t comes to exp([ω]×) t + τ. That is
``RigidTransform.from_rotation_vector(ω, τ) @ view.source_from_reference``; zeros leave the view as
it is.

Intrinsics. ``intrinsics`` (4,) are fx, fy, cx, cy in pixels, pixel centres at integers; they stand
in for the view's own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from ixgs_ros.gaussians.model import BLOCKS, check_unit, GaussianModel
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid
from ixgs_ros.volume.plane import Plane

Parameters = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Camera(NamedTuple):
    """A view as tensors."""

    rotation: torch.Tensor     # (3, 3) of source_from_reference
    translation: torch.Tensor  # (3,) metres
    intrinsics: torch.Tensor   # (4,) fx, fy, cx, cy in pixels


class Footprints(NamedTuple):
    """The affine (EWA) footprints of N Gaussians in a view."""

    centers: torch.Tensor     # (N, 2) u, v in pixels
    covariance: torch.Tensor  # (N, 2, 2) px²
    factors: torch.Tensor     # (N,) integral through the centre for a density of 1/m, metres
    positions: torch.Tensor   # (N, 3) centres in the source frame, metres


def parameters_of(model: GaussianModel, requires_grad: bool = False,
                  device: str | torch.device = 'cpu') -> Parameters:
    """Return means, log_scales, quaternions and densities as float64 tensors (copies).

    Raises:
        TypeError, ValueError: the model is not valid.
    """
    model.validate()
    means, log_scales, quaternions, densities = (
        torch.tensor(array, dtype=torch.float64, device=device, requires_grad=requires_grad)
        for array in model.blocks().values())
    return means, log_scales, quaternions, densities


def camera_of(view: View, device: torch.device, pose: torch.Tensor | None = None,
              intrinsics: torch.Tensor | None = None) -> Camera:
    """Return a view as tensors, moved by ``pose`` and with other ``intrinsics`` if given."""
    transform = view.source_from_reference
    rotation = torch.tensor(transform.rotation, device=device)
    translation = torch.tensor(transform.translation, device=device)
    if pose is not None:
        _check_tensor('pose', pose, (6,))
        turn = _rotation(pose[:3])
        rotation, translation = turn @ rotation, turn @ translation + pose[3:]
    if intrinsics is None:
        intrinsics = torch.tensor(view.intrinsics, device=device)
    _check_tensor('intrinsics', intrinsics, (4,))
    if not (intrinsics[:2] > 0).all():
        raise ValueError(f'expected intrinsics with positive fx and fy, got {intrinsics.tolist()}')
    return Camera(rotation, translation, intrinsics)


def rotations(quaternions: torch.Tensor) -> torch.Tensor:
    """Return the rotation matrices (N, 3, 3) of quaternions (N, 4) w, x, y, z, normalised here."""
    w, x, y, z = (quaternions / quaternions.norm(dim=1, keepdim=True)).unbind(1)
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def density(parameters: Parameters, points: np.ndarray, cut: float | None = None) -> torch.Tensor:
    """Return the density at points (..., 3) in metres, (...) 1/m.

    With ``cut``, Gaussians end at that Mahalanobis distance and are scaled by the mass they lose.
    """
    _check(parameters, cut)
    means, log_scales, quaternions, densities = parameters
    flat = torch.tensor(points, dtype=torch.float64, device=means.device)
    _check_tensor('points', flat, (*flat.shape[:-1], 3))
    flat = flat.reshape(-1, 3)
    offsets = flat[:, None] - means[None]
    whitened = torch.einsum('pni,nij->pnj', offsets, rotations(quaternions)) / log_scales.exp()
    squared = (whitened ** 2).sum(-1)
    kept = 1.0
    if cut is not None:
        tail = math.sqrt(2 / math.pi) * cut * math.exp(-0.5 * cut * cut)
        kept = math.erf(cut / math.sqrt(2)) - tail
    values = (_cut_exponential(squared, cut) * densities).sum(1) / kept
    return values.reshape(points.shape[:-1])


def voxelize(parameters: Parameters, grid: VoxelGrid, cut: float | None = None) -> torch.Tensor:
    """Return the density at the voxel centres, (z, y, x) 1/m; ``cut`` as in :func:`density`."""
    return density(parameters, grid.points(), cut)


def slice_of(parameters: Parameters, plane: Plane, cut: float | None = None) -> torch.Tensor:
    """Return the density on a plane, (height, width) 1/m; ``cut`` as in :func:`density`."""
    return density(parameters, plane.points(), cut)


def line_integrals(parameters: Parameters, view: View, pose: torch.Tensor | None = None,
                   intrinsics: torch.Tensor | None = None) -> torch.Tensor:
    """Return the exact integrals along the whole line through each pixel, (H, W), no unit.

    Along o + t d: ∫ = ρ √(2π / A) exp(-½ (C - B² / A)), with A = dᵀS⁻¹d, B = dᵀS⁻¹δ, C = δᵀS⁻¹δ,
    δ = o - p. The difference is written as |d̂ × δ̂|² / A of the whitened vectors. The line has two
    ends: what lies behind the source counts too.
    """
    _check(parameters)
    means, log_scales, quaternions, densities = parameters
    camera = camera_of(view, means.device, pose, intrinsics)
    whiten = camera.rotation @ rotations(quaternions) / log_scales.exp()[:, None]
    fx, fy, cx, cy = camera.intrinsics.unbind()
    u, v = _pixels(view, means.device)
    directions = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)], -1)
    directions = (directions / directions.norm(dim=-1, keepdim=True)).reshape(-1, 3)
    positions = means @ camera.rotation.T + camera.translation
    d = torch.einsum('pi,nij->pnj', directions, whiten)
    delta = torch.einsum('ni,nij->nj', -positions, whiten).expand_as(d)
    a = (d ** 2).sum(-1)
    distance = (torch.linalg.cross(d, delta) ** 2).sum(-1) / a
    values = densities * torch.sqrt(2 * math.pi / a) * torch.exp(-0.5 * distance)
    return values.sum(1).reshape(view.height, view.width)


def footprints(parameters: Parameters, camera: Camera) -> Footprints:
    """Return the affine footprints of the Gaussians by the explicit 3 × 3 ray-space map.

    Its rows are pixels across (the derivative of u and v) and metres along the ray, as in Zwicker
    et al., EWA volume splatting (2001); the factor is √(2π |Σ₃| / |Σ₂|), by Schur's complement.
    """
    means, log_scales, quaternions, _ = parameters
    t = means @ camera.rotation.T + camera.translation
    tx, ty, tz = t.unbind(1)
    zero, length = torch.zeros_like(tx), t.norm(dim=1)
    fx, fy, cx, cy = camera.intrinsics.unbind()
    jacobian = torch.stack([fx / tz, zero, -fx * tx / tz ** 2, zero, fy / tz, -fy * ty / tz ** 2,
                            tx / length, ty / length, tz / length], 1).reshape(-1, 3, 3)
    root = jacobian @ camera.rotation @ rotations(quaternions) * log_scales.exp()[:, None]
    ray_space = root @ root.transpose(1, 2)
    covariance = ray_space[:, :2, :2]
    factors = torch.sqrt(2 * math.pi * torch.linalg.det(ray_space) / torch.linalg.det(covariance))
    centers = torch.stack([fx * tx / tz + cx, fy * ty / tz + cy], 1)
    return Footprints(centers, covariance, factors, t)


def render(parameters: Parameters, view: View, cut: float | None = None,
           pose: torch.Tensor | None = None,
           intrinsics: torch.Tensor | None = None) -> torch.Tensor:
    """Return the sum of footprints, (H, W), no unit: what the fast back ends render.

    With ``cut``, footprints end at that Mahalanobis distance and are scaled by the mass they lose,
    and Gaussians whose support reaches the plane of the source are culled. Without, only those
    whose centre lies behind it are.
    """
    _check(parameters, cut)
    camera = camera_of(view, parameters[0].device, pose, intrinsics)
    # How far a Gaussian reaches along the axis for each unit of Mahalanobis distance.
    along = (camera.rotation[2] @ rotations(parameters[2]) * parameters[1].exp()).norm(dim=1)
    depths = parameters[0] @ camera.rotation[2] + camera.translation[2]
    front = depths > (0.0 if cut is None else cut) * along
    means, log_scales, quaternions, densities = (block[front] for block in parameters)
    centers, covariance, factors, _ = footprints((means, log_scales, quaternions, densities),
                                                 camera)
    offsets = torch.stack(_pixels(view, means.device), -1).reshape(-1, 1, 2) - centers
    squared = torch.einsum('pni,nij,pnj->pn', offsets, torch.linalg.inv(covariance), offsets)
    kept = 1.0 if cut is None else 1.0 - math.exp(-0.5 * cut * cut)
    values = _cut_exponential(squared, cut) * (densities * factors)
    return values.sum(1).reshape(view.height, view.width) / kept


def _rotation(vector: torch.Tensor) -> torch.Tensor:
    """Return exp([ω]×), (3, 3), of a rotation vector (3,) in radians, |ω| up to π.

    By its Taylor series to the 30th power (π³⁰ / 30! is 3e-18), which has derivatives at 0, unlike
    the closed form; `torch.matrix_exp` errs by 1e-11 at a few hundredths of a radian.
    """
    x, y, z = vector.unbind()
    zero, one = torch.zeros_like(x), torch.eye(3, dtype=vector.dtype, device=vector.device)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    turn = one
    for power in range(30, 0, -1):
        turn = one + cross @ turn / power
    return turn


def _pixels(view: View, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return u and v of all pixel centres, (H, W) each."""
    u, v = torch.meshgrid(torch.arange(view.width, dtype=torch.float64, device=device),
                          torch.arange(view.height, dtype=torch.float64, device=device),
                          indexing='xy')
    return u, v


def _cut_exponential(squared: torch.Tensor, cut: float | None) -> torch.Tensor:
    values = torch.exp(-0.5 * squared)
    return values if cut is None else values * (squared <= cut * cut)


def _check(parameters: Parameters, cut: float | None = None) -> None:
    """Raise unless the tensors make a model, and the cut, if any, is positive."""
    count = len(parameters[0])
    for (name, columns), tensor in zip(BLOCKS.items(), parameters, strict=True):
        _check_tensor(name, tensor, (count,) if columns is None else (count, columns))
    check_unit(parameters[2].detach().cpu().numpy())
    if cut is not None and not cut > 0:
        raise ValueError(f'expected a cut above 0, got {cut!r}')


def _check_tensor(name: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float64:
        kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise TypeError(f'expected {name} as a float64 tensor, got {kind}')
    if tensor.shape != shape:
        raise ValueError(f'expected {name} of shape {shape}, got {tuple(tensor.shape)}')
    if not tensor.isfinite().all():
        raise ValueError(f'expected {name} with finite values, got {tensor.tolist()}')

"""The truth that the fast kernels are held to: float64 torch, dense, differentiable, slow.

Every function takes the model as the four float64 tensors (means, log_scales, quaternions,
densities) and works on all pairs of Gaussians and points, so sizes must be small. Derivatives come
from autograd.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View

Parameters = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def parameters_of(model: GaussianModel, requires_grad: bool = False) -> Parameters:
    """Return means, log_scales, quaternions and densities as float64 tensors (copies)."""
    means, log_scales, quaternions, densities = (
        torch.tensor(array, dtype=torch.float64, requires_grad=requires_grad)
        for array in model.blocks().values())
    return means, log_scales, quaternions, densities


def rotations(quaternions: torch.Tensor) -> torch.Tensor:
    """Return the rotation matrices (N, 3, 3) of quaternions (N, 4) w, x, y, z of any norm."""
    w, x, y, z = (quaternions / quaternions.norm(dim=1, keepdim=True)).unbind(1)
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def density(parameters: Parameters, points: np.ndarray, cut: float | None = None) -> torch.Tensor:
    """Return the density at points (..., 3) in metres, (...) 1/m.

    With ``cut``, Gaussians end at that Mahalanobis distance and are scaled by the mass they lose.
    """
    means, log_scales, quaternions, densities = parameters
    flat = torch.tensor(points, dtype=torch.float64).reshape(-1, 3)
    offsets = flat[:, None] - means[None]
    whitened = torch.einsum('pni,nij->pnj', offsets, rotations(quaternions)) / log_scales.exp()
    squared = (whitened ** 2).sum(-1)
    kept = 1.0
    if cut is not None:
        tail = math.sqrt(2 / math.pi) * cut * math.exp(-0.5 * cut * cut)
        kept = math.erf(cut / math.sqrt(2)) - tail
    values = (_cut_exponential(squared, cut) * densities).sum(1) / kept
    return values.reshape(points.shape[:-1])


def line_integrals(parameters: Parameters, view: View) -> torch.Tensor:
    """Return the exact integrals along the whole line through each pixel, (H, W), no unit.

    Along o + t d: ∫ = ρ √(2π / A) exp(-½ (C - B² / A)), with A = dᵀS⁻¹d, B = dᵀS⁻¹δ, C = δᵀS⁻¹δ,
    δ = o - p. The difference is written as |d̂ × δ̂|² / A of the whitened vectors.
    """
    means, log_scales, quaternions, densities = parameters
    whiten = rotations(quaternions) / log_scales.exp()[:, None]
    directions = torch.tensor(view.ray_directions(), dtype=torch.float64).reshape(-1, 3)
    source = torch.tensor(view.source, dtype=torch.float64)
    d = torch.einsum('pi,nij->pnj', directions, whiten)
    delta = torch.einsum('ni,nij->nj', source - means, whiten).expand_as(d)
    a = (d ** 2).sum(-1)
    distance = (torch.linalg.cross(d, delta) ** 2).sum(-1) / a
    values = densities * torch.sqrt(2 * math.pi / a) * torch.exp(-0.5 * distance)
    return values.sum(1).reshape(view.height, view.width)


def footprints(parameters: Parameters, view: View,
               pose: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor,
                                                          torch.Tensor]:
    """Return the affine (EWA) footprints of the Gaussians.

    Args:
        parameters: of the model.
        view: K and pose.
        pose: (6,) small motion of the body in the source frame, rotation vector (about the source)
            then translation; for derivatives by the pose.

    Returns:
        Centres (N, 2) in pixels, covariances (N, 2, 2) in px², factors (N,) in metres (the
        integral through the centre for a density of 1/m), and the centres in the source frame (N,
        3).
    """
    means, log_scales, quaternions, _ = parameters
    transform = view.source_from_reference
    rotation = torch.tensor(transform.rotation, dtype=torch.float64)
    translation = torch.tensor(transform.translation, dtype=torch.float64)
    if pose is not None:
        zero = torch.zeros((), dtype=torch.float64)
        x, y, z = pose[:3].unbind()
        turn = torch.matrix_exp(torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3))
        rotation, translation = turn @ rotation, turn @ translation + pose[3:]
    t = means @ rotation.T + translation
    tx, ty, tz = t.unbind(1)
    zero, length = torch.zeros_like(tx), t.norm(dim=1)
    fx, fy, cx, cy = view.k[0, 0], view.k[1, 1], view.k[0, 2], view.k[1, 2]
    # The explicit 3 x 3 ray-space map: pixels across and metres along the ray.
    jacobian = torch.stack([fx / tz, zero, -fx * tx / tz ** 2, zero, fy / tz, -fy * ty / tz ** 2,
                            tx / length, ty / length, tz / length], 1).reshape(-1, 3, 3)
    root = jacobian @ rotation @ rotations(quaternions) * log_scales.exp()[:, None]
    ray_space = root @ root.transpose(1, 2)
    covariance = ray_space[:, :2, :2]
    factors = torch.sqrt(2 * math.pi * torch.linalg.det(ray_space) / torch.linalg.det(covariance))
    return torch.stack([fx * tx / tz + cx, fy * ty / tz + cy], 1), covariance, factors, t


def render(parameters: Parameters, view: View, cut: float | None = None,
           pose: torch.Tensor | None = None) -> torch.Tensor:
    """Return the sum of footprints, (H, W), no unit: what the CPU back end renders.

    With ``cut``, footprints end at that Mahalanobis distance and are scaled by the mass they lose,
    and Gaussians whose support reaches the plane of the source are culled. Without, only those
    whose centre lies behind it are.
    """
    centers, covariance, factors, t = footprints(parameters, view, pose)
    axis = torch.tensor(view.axis, dtype=torch.float64)
    along = torch.einsum('i,nij->nj', axis, rotations(parameters[2])) * parameters[1].exp()
    front = t[:, 2] > (0.0 if cut is None else cut) * along.norm(dim=1)
    u, v = torch.meshgrid(torch.arange(view.width, dtype=torch.float64),
                          torch.arange(view.height, dtype=torch.float64), indexing='xy')
    offsets = torch.stack([u, v], -1).reshape(-1, 1, 2) - centers
    squared = torch.einsum('pni,nij,pnj->pn', offsets, torch.linalg.inv(covariance), offsets)
    kept = 1.0 if cut is None else 1.0 - math.exp(-0.5 * cut * cut)
    values = _cut_exponential(squared, cut)[:, front] * (parameters[3] * factors)[front]
    return values.sum(1).reshape(view.height, view.width) / kept


def _cut_exponential(squared: torch.Tensor, cut: float | None) -> torch.Tensor:
    values = torch.exp(-0.5 * squared)
    return values if cut is None else values * (squared <= cut * cut)

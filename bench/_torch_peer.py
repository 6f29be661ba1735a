"""A plain vectorised torch version of the renderer, float32, with gradients by autograd.

It does what the kernels do (the affine footprint, cut and renormalised) with whole-array
operations: Gaussians whose footprints have boxes of the same size are evaluated together, on
patches of just that many pixels, and added into the image by `index_add_`.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ixgs_ros.gaussians.model import GaussianModel, Gradients
from ixgs_ros.gaussians.reference import rotations
from ixgs_ros.geometry.view import View

Parameters = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
# Pairs of a Gaussian and a pixel in one operation: larger gains nothing.
LARGEST = 1 << 20


def footprints(parameters: Parameters, view: View) -> tuple[torch.Tensor, ...]:
    """Return u, v (px), Σxx, Σxy, Σyy, |Σ| (px², px⁴) and the line integrals at the centres."""
    means, log_scales, quaternions, densities = parameters
    transform, scales = view.source_from_reference, log_scales.exp()
    rotation = torch.tensor(transform.rotation, dtype=torch.float32)
    translation = torch.tensor(transform.translation, dtype=torch.float32)
    fx, fy, cx, cy = (float(value) for value in view.intrinsics)
    t = means @ rotation.T + translation
    depth = t[:, 2:]
    x, y = t[:, :1] / depth, t[:, 1:2] / depth
    axes = (rotation @ rotations(quaternions)) * scales[:, None]
    b0 = fx / depth * (axes[:, 0] - x * axes[:, 2])
    b1 = fy / depth * (axes[:, 1] - y * axes[:, 2])
    xx, xy, yy = (b0 * b0).sum(1), (b0 * b1).sum(1), (b1 * b1).sum(1)
    determinant = (torch.linalg.cross(b0, b1) ** 2).sum(1)
    factors = (math.sqrt(2 * math.pi) * fx * fy * scales.prod(1) * t.norm(dim=1)
               / depth[:, 0] ** 3 / determinant.sqrt())
    return fx * x[:, 0] + cx, fy * y[:, 0] + cy, xx, xy, yy, determinant, densities * factors


def patches_of(u: torch.Tensor, v: torch.Tensor, half_width: torch.Tensor,
               half_height: torch.Tensor) -> list[tuple[torch.Tensor, int, int]]:
    """Return chunks of Gaussians (indices) and the half sizes of the patch that holds each."""
    sizes = torch.stack([half_width, half_height], 1).ceil().long()
    shapes, which = torch.unique(sizes, dim=0, return_inverse=True)
    chunks = []
    for k, (columns, rows) in enumerate(shapes.tolist()):
        members = torch.nonzero(which == k)[:, 0]
        most = max(1, LARGEST // ((2 * columns + 1) * (2 * rows + 1)))
        chunks += [(part, columns, rows) for part in members.split(most)]
    return chunks


def render(parameters: Parameters, view: View, cut: float) -> torch.Tensor:
    """Return the image, (H, W) float32; every Gaussian must lie before the source."""
    u, v, xx, xy, yy, determinant, amplitudes = footprints(parameters, view)
    a, b, c = yy / determinant, -xy / determinant, xx / determinant
    amplitudes = amplitudes / (1 - math.exp(-0.5 * cut * cut))
    height, width = view.height, view.width
    image = torch.zeros(height * width)
    with torch.no_grad():
        chunks = patches_of(u, v, cut * xx.sqrt(), cut * yy.sqrt())
        nearest_u, nearest_v = u.round(), v.round()
    for members, columns, rows in chunks:
        offsets_x, offsets_y = torch.meshgrid(torch.arange(-columns, columns + 1.0),
                                              torch.arange(-rows, rows + 1.0), indexing='xy')
        px = nearest_u[members, None] + offsets_x.reshape(1, -1)
        py = nearest_v[members, None] + offsets_y.reshape(1, -1)
        dx, dy = px - u[members, None], py - v[members, None]
        squared = (a[members, None] * dx * dx + 2 * b[members, None] * dx * dy
                   + c[members, None] * dy * dy)
        inside = ((squared <= cut * cut) & (px >= 0) & (px < width) & (py >= 0) & (py < height))
        values = amplitudes[members, None] * torch.exp(-0.5 * squared) * inside
        at = (py * width + px).long().clamp_(0, height * width - 1)
        image = image.index_add(0, at.reshape(-1), values.reshape(-1))
    return image.reshape(height, width)


def parameters_of(model: GaussianModel) -> Parameters:
    """Return means, log_scales, quaternions and densities as float32 tensors with gradients."""
    means, log_scales, quaternions, densities = (
        torch.tensor(array, requires_grad=True) for array in model.blocks().values())
    return means, log_scales, quaternions, densities


def forward(parameters: Parameters, view: View, cut: float) -> np.ndarray:
    """Return the image alone, without a graph."""
    with torch.no_grad():
        return render(parameters, view, cut).numpy()


def forward_and_gradient(parameters: Parameters, view: View, cut: float,
                         d_image: torch.Tensor) -> Gradients:
    """Return d loss / d parameters after a forward pass."""
    gradients = torch.autograd.grad(render(parameters, view, cut), parameters, d_image)
    return Gradients(*(gradient.numpy() for gradient in gradients))

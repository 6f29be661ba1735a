"""How good a reconstruction is: its volume, and what it predicts of views that were not used.

An arm's values may be on another scale than bone (raw holds all tissue, a baseline may be off), so
each arm gets **one** line ``a v + b``, fitted to the truth inside the sphere by least squares, and
another one for its held-out views; what becomes negative is 0. Dice and surfaces compare the bone
of the truth (above half the ramp's attenuation) with what exceeds a threshold in the arm's volume:
the one with the best Dice, a favour that all arms get alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ixgs_ros.evaluation.patient import GRID, INSIDE, shadow
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.metrics import psnr, ssim3d, ssim_map
from ixgs_ros.volume.surface_distance import surface_distance

# At 150 HU, the middle of the ramp, half of 23/m is bone.
BONE_PER_M = 11.5


@dataclass(frozen=True)
class VolumeFigures:
    """A volume against the bone target inside the sphere.

    Args:
        psnr_db: peak 40/m, after the fit.
        ssim: mean of the 3-D SSIM map, range 40/m, after the fit.
        dice: of the bone at the best threshold.
        threshold: that one, on the arm's own values, 1/m.
        surface_mm: mean distance of the surfaces at that threshold.
        surface95_mm: what 95 % of the distances do not exceed.
        invented_3d: share of the voxels that are no bone and are called so at that threshold.
        lost_3d: share of the voxels of bone that are not.
    """

    psnr_db: float
    ssim: float
    dice: float
    threshold: float
    surface_mm: float
    surface95_mm: float
    invented_3d: float
    lost_3d: float


@dataclass(frozen=True)
class HeldOutFigures:
    """Predicted views against bone images, over the pixels whose rays meet the sphere.

    Args:
        view_psnr_db: peak: the largest value of these bone images.
        view_ssim: mean of the SSIM maps, of the same range.
    """

    view_psnr_db: float
    view_ssim: float


def fitted(values: np.ndarray, truth: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return ``max(a values + b, 0)`` with a and b fitted ``where`` by least squares."""
    x, y = values[where].astype(np.float64), truth[where].astype(np.float64)
    variance = float(x.var())
    a = float(((x - x.mean()) * (y - y.mean())).mean()) / variance if variance > 0 else 0.0
    return np.maximum(a * values + (y.mean() - a * x.mean()), 0.0)


def volume_figures(volume: np.ndarray, truth: np.ndarray) -> VolumeFigures:
    """Return the figures of a volume on `patient.GRID`, (z, y, x) in 1/m, as the truth is."""
    values = fitted(volume, truth, INSIDE)
    called, bone = volume[INSIDE], truth[INSIDE] > BONE_PER_M
    threshold, best = best_threshold(called, bone)
    called = called > threshold
    distance = surface_distance(volume > threshold, truth > BONE_PER_M,
                                1e3 * float(GRID.spacing[0]), INSIDE)
    return VolumeFigures(psnr(values[INSIDE], truth[INSIDE]),
                         float(ssim3d(values, truth)[INSIDE].mean()), best, threshold,
                         distance.mean, distance.p95, share_of(called, ~bone),
                         share_of(~called, bone))


def share_of(found: np.ndarray, among: np.ndarray) -> float:
    """Return which share of the voxels ``among`` (N,) bool was found; NaN if there are none."""
    return float(found[among].mean()) if among.any() else float('nan')


def best_threshold(values: np.ndarray, bone: np.ndarray) -> tuple[float, float]:
    """Return the threshold with the best Dice of all, and that Dice.

    Args:
        values: (N,) of an arm.
        bone: (N,) bool, what is bone.
    """
    order = np.argsort(-values, kind='stable')
    falling = np.append(values[order], -np.inf)
    hits = np.cumsum(bone[order])
    # With the k largest values called bone, if the next is smaller.
    scores = np.where(falling[:-1] > falling[1:],
                      2.0 * hits / (np.arange(1, len(order) + 1) + int(bone.sum())), -1.0)
    best = int(np.argmax(scores))
    return float(falling[best + 1]), float(scores[best])


def held_out_figures(model: GaussianModel, views: Sequence[View],
                     truth: Sequence[np.ndarray]) -> HeldOutFigures:
    """Return the figures of a model's images at views, against bone images (H, W) each."""
    splatter = CpuSplatter()
    images = np.stack([splatter.render(splatter.project(model, view)) for view in views])
    wanted, where = np.stack(truth), np.stack([shadow(view) for view in views])
    images, peak = fitted(images, wanted, where), float(wanted[where].max())
    ssim = np.stack([ssim_map(a, b, peak) for a, b in zip(images, wanted, strict=True)])
    return HeldOutFigures(psnr(images[where], wanted[where], peak), float(ssim[where].mean()))


def gap_left(raw: float, arm: float, ideal: float) -> float:
    """Return the share of the gap from raw to ideal that an arm leaves; NaN without a gap."""
    return (ideal - arm) / (ideal - raw) if ideal != raw else float('nan')

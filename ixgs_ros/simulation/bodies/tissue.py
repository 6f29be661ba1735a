"""Changes of what a body consists of; its shape stays. Each returns a new body."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy.ndimage import binary_fill_holes

from ixgs_ros.simulation.attenuation import hounsfield
from ixgs_ros.simulation.bodies.fields import points_of
from ixgs_ros.simulation.bone_target import ramp
from ixgs_ros.simulation.materials import (
    Body,
    MINERAL_DENSITY,
    reference_attenuation,
    WATER_DENSITY,
)

WATER, MINERAL, IODINE, METAL = range(4)


def with_bone_density(body: Body, factor: float) -> Body:
    """Return a body with ``factor`` times the mineral: osteoporosis below 1.

    Water takes the place of what is lost. The target follows the definition: marrow that becomes
    thinner than the ramp is bone no more, marrow that becomes denser is. The change of the ramp is
    taken at the voxel's own Hounsfield units, so that a voxel that a thin cortex fills in part
    keeps what it had.
    """
    densities = body.densities.copy()
    change = (factor - 1.0) * body.densities[MINERAL]
    densities[MINERAL] += change
    densities[WATER] -= change * np.float32(WATER_DENSITY / MINERAL_DENSITY)
    np.maximum(densities[WATER], 0.0, out=densities[WATER])
    before, after = _bony_attenuation(body.densities), _bony_attenuation(densities)
    share = body.bone / np.maximum(before, 1e-6) + ramp(hounsfield(after)) - ramp(
        hounsfield(before))
    bone = np.where(body.densities[MINERAL] > 0.0, np.clip(share, 0.0, 1.0) * after, body.bone)
    return replace(body, densities=densities, bone=bone)


def _bony_attenuation(densities: np.ndarray) -> np.ndarray:
    """Return the attenuation (z, y, x) of water and mineral, 1/m: bone without contrast medium."""
    bony = densities.copy()
    bony[IODINE:] = 0.0
    return reference_attenuation(bony)


def with_soft_density(body: Body, rng: np.random.Generator, spread: float) -> Body:
    """Return a body whose soft tissue varies smoothly in density by ``spread`` (a share).

    Where the bone target is, water stays as it is, so that the target does.
    """
    field = rng.normal(1.0, spread, [max(2, n // 12) for n in body.bone.shape])
    for axis, n in enumerate(body.bone.shape):
        field = np.moveaxis(np.tensordot(_between(field.shape[axis], n), field, (1, axis)), 0,
                            axis)
    densities = body.densities.copy()
    densities[WATER] *= np.where(body.bone > 0.0, 1.0, np.maximum(field, 0.0))
    return replace(body, densities=densities)


def without_contrast(body: Body) -> Body:
    """Return a body without iodine, as before the injection."""
    densities = body.densities.copy()
    densities[IODINE] = 0.0
    return replace(body, densities=densities)


def with_contrast(body: Body, center: np.ndarray, radii: np.ndarray, iodine: float) -> Body:
    """Return a body with iodine (kg/m³) in an ellipsoid of soft tissue; (3,) metres each.

    No iodine enters bone, metal or gas.
    """
    inside = _ellipsoid(body, center, radii)
    soft = (body.bone == 0.0) & (body.densities[METAL] == 0.0) & (body.densities[WATER] > 800.0)
    densities = body.densities.copy()
    densities[IODINE] += np.float32(iodine) * inside * soft
    return replace(body, densities=densities)


def with_gas(body: Body, center: np.ndarray, radii: np.ndarray) -> Body:
    """Return a body with a bubble: an ellipsoid of soft tissue becomes gas; bone stays."""
    keep = 1.0 - _ellipsoid(body, center, radii) * (body.bone == 0.0)
    keep[body.densities[METAL] > 0.0] = 1.0
    densities = body.densities.copy()
    densities[WATER] *= keep
    densities[IODINE] *= keep
    return replace(body, densities=densities)


def with_fat(body: Body, thickness: float, density: float = 920.0) -> Body:
    """Return a body that has become stouter: a layer of fat is put round each transverse slice.

    Args:
        body: the body, on square voxels; its grid is widened by the layer.
        thickness: of the layer, metres.
        density: of the fat as water of the same attenuation, kg/m³.
    """
    steps = np.ceil(thickness / body.spacing[:2]).astype(int) + 1
    margins = [(0, 0), (steps[1], steps[1]), (steps[0], steps[0])]
    densities = np.pad(body.densities, [(0, 0), *margins])
    bone = np.pad(body.bone, margins)
    for layer in range(len(bone)):
        filled = binary_fill_holes(densities[:, layer].sum(axis=0) > 200.0)
        if not filled.any():
            continue
        away = body.spacing[0] * cv2.distanceTransform((~filled).astype(np.uint8), cv2.DIST_L2, 5)
        share = np.clip((thickness - away) / body.spacing[0] + 0.5, 0.0, 1.0)
        share[filled] = 0.0
        water = densities[WATER, layer]
        np.maximum(water, density * share, out=water, where=away > 0.0)
    affine = np.array(body.lps_from_index)
    affine[:3, 3] -= affine[:3, :3] @ [steps[0], steps[1], 0]
    return Body(densities, bone, affine, body.metal)


def with_ends(body: Body, length: float, density: float = 1040.0) -> Body:
    """Return a body whose soft tissue goes on beyond both ends of the volume.

    A CT ends where the scan does, a patient does not: steep rays would leave through a cut that
    nobody has. The outermost slices are repeated, bone and metal replaced by soft tissue.

    Args:
        body: the body.
        length: that is added at either end, metres.
        density: of what stands for bone and metal, kg/m³ of water.
    """
    layers = int(np.ceil(length / body.spacing[2]))
    margins = [(layers, layers), (0, 0), (0, 0)]
    densities = np.pad(body.densities, [(0, 0), *margins])
    for added, slice_ in ((np.s_[:, :layers], body.densities[:, :1]),
                          (np.s_[:, -layers:], body.densities[:, -1:])):
        end = slice_.copy()
        end[WATER][(end[MINERAL] > 0.0) | (end[METAL] > 0.0)] = density
        end[[MINERAL, METAL]] = 0.0
        densities[added] = end
    affine = np.array(body.lps_from_index)
    affine[:3, 3] -= affine[:3, 2] * layers
    return Body(densities, np.pad(body.bone, margins), affine, body.metal)


def _between(knots: int, count: int) -> np.ndarray:
    """Return the matrix (count, knots) float32 that interpolates between even knots."""
    places = np.linspace(0.0, knots - 1.0, count)
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(knots))).astype(np.float32)


def _ellipsoid(body: Body, center: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return 1 inside an ellipsoid, 0 outside, with an edge about a voxel wide; float32."""
    x, y, z = points_of(body)
    squared = sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), center, radii, strict=True))
    edge = np.mean(radii) / np.mean(body.spacing)
    return np.clip(0.5 + edge * (1.0 - np.sqrt(squared)), 0.0, 1.0).astype(np.float32)

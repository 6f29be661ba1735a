"""The bone target: what a perfect standardizer would leave of a body. Defined here and only here.

``bone = attenuation × share``, where the share is a ramp of the Hounsfield units from 100 (none)
to 200 (all) inside an anatomical mask. The ramp alone would take blood with contrast medium,
kidneys and bowel for bone, since these reach 200 HU and more; the mask leaves them out, and the
table and metal as well. docs/bone-target.md tells how, with a picture and what goes wrong.

The mask rests on one observation: **bone has a shell**. A region of even grey value with nothing
denser around it is a pool of contrast medium; one that is wrapped in something denser is marrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ixgs_ros.simulation.attenuation import attenuation
from ixgs_ros.simulation.ct import Ct

RAMP_HU = (100.0, 200.0)
METAL_HU = 2500.0
BODY_HU = -300.0

# The mask is found on voxels of about this edge and after this much smoothing (sigma).
WORKING_M = 0.002
SMOOTHING_M = 0.002

# A pool: even, of these smoothed values, or dense all through a box of this edge (a heart's
# streaks are not even); at least this large, and hardly anywhere wrapped in something that is
# this much denser within this distance.
POOL_HU = (140.0, 700.0)
POOL_HU_PER_M = 12_000.0
SOLID_HU, SOLID_M = 250.0, 0.013
THICK_HU, THICK_M = 300.0, 0.009
POOL_M3 = 0.4e-6
SHELL_HU = 120.0
SHELL_M = 0.006
POOL_SHELLED = 0.13
# What holds more than this share of metal is an implant, no contrast medium.
POOL_METAL = 0.1

# Bone grows from what is this hard, but for the rim of a pool and for regions that lie mostly
# within reach of one; so often the reach is extended.
HARD_HU = 300.0
HARD_M3 = 0.05e-6
POOL_RIM_M = 0.003
POOL_REACH_M = 0.008
POOL_ROUNDS = 3
# Bone, its marrow and its blurred edge lie at most this far from something hard.
BONE_REACH_M = 0.015
# So far does the blurred edge of a pool reach.
POOL_EDGE_M = 0.005


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Where the bone is in a CT; what else is dense within the body is contrast medium.

    Args:
        bone: (z, y, x) bool, generous: marrow and the surroundings of the bone's edge too.
        body: (z, y, x) bool, the patient with what is inside, without the table.
    """

    bone: np.ndarray
    body: np.ndarray


def ramp(hu: np.ndarray) -> np.ndarray:
    """Return which share of bony tissue of these Hounsfield units is bone, in [0, 1]."""
    low, high = RAMP_HU
    return np.clip((hu - np.float32(low)) / np.float32(high - low), 0.0, 1.0)


def bone_share(ct: Ct, anatomy: Anatomy | None = None) -> np.ndarray:
    """Return how much of each voxel's attenuation is bone, (z, y, x) float32 in [0, 1].

    Args:
        ct: the CT.
        anatomy: that of the CT if it is known already.
    """
    anatomy = find_anatomy(ct) if anatomy is None else anatomy
    share = ramp(ct.hu)
    share[~anatomy.bone | (ct.hu > METAL_HU)] = 0.0
    return share


def bone_volume(ct: Ct, anatomy: Anatomy | None = None) -> np.ndarray:
    """Return the bone target, (z, y, x) float32 in 1/m; arguments as of :func:`bone_share`."""
    return bone_share(ct, anatomy) * attenuation(ct.hu)


def find_anatomy(ct: Ct) -> Anatomy:
    """Tell bone from contrast medium; a few seconds for a CT of 35 million voxels."""
    steps = np.maximum(1, np.round(WORKING_M / ct.spacing[::-1])).astype(int)
    hu = _block_means(np.minimum(ct.hu, np.float32(METAL_HU)), steps)
    spacing = ct.spacing[::-1] * steps
    smooth = ndimage.gaussian_filter(hu, SMOOTHING_M / spacing)
    body = _largest(_opened(smooth > BODY_HU, np.full(3, 5)))
    body = _filled(body)
    # Only the patient's box: a good half of a CT is air.
    box = ndimage.find_objects(body.astype(np.int8))[0] if body.any() else np.s_[:, :, :]
    bone = np.zeros_like(body)
    bone[box] = _bone(hu[box], smooth[box], body[box], spacing)
    # The smoothed edge lies within the skin.
    body = ndimage.binary_dilation(body, iterations=2)
    return Anatomy(*(_block_repeats(mask, steps, ct.hu.shape) for mask in (bone, body)))


def _bone(hu: np.ndarray, smooth: np.ndarray, body: np.ndarray,
          spacing: np.ndarray) -> np.ndarray:
    """Return the mask of what is near hard bone, but for what is nearer to a pool close by."""
    pools = _without_metal(_pools(smooth, spacing, body), hu)
    seeds, pools = _split(body & (hu > HARD_HU), pools, spacing)
    to_bone = _distance(seeds, spacing)
    to_pool = _distance(pools, spacing)
    return body & (to_bone < BONE_REACH_M) & ~((to_pool < to_bone) & (to_pool < POOL_EDGE_M))


def _pools(smooth: np.ndarray, spacing: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return the even or solid regions that no shell surrounds."""
    slope = np.sqrt(sum(g * g for g in np.gradient(smooth, *spacing)))
    even = body & (slope < POOL_HU_PER_M) & (smooth > POOL_HU[0]) & (smooth < POOL_HU[1])
    # On the ridge of a shell, too, the slope vanishes; but a ridge is thin: it has no core.
    core = _opened(even, np.full(3, 3))
    edge = 2 * np.round(0.5 * SOLID_M / spacing).astype(int) + 1
    solid = body & (ndimage.minimum_filter(smooth, size=edge) > SOLID_HU)
    labels, _ = ndimage.label(even | solid)
    cores = np.bincount(labels[core | solid], minlength=labels.max() + 1)
    least = POOL_M3 / np.prod(spacing)
    pools = np.zeros_like(even)
    reach = 2 * np.round(SHELL_M / spacing).astype(int) + 1
    margin = 3 + reach
    counts = np.bincount(labels.ravel())
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if counts[label] < least or not cores[label]:
            continue
        wide = tuple(slice(max(cut.start - m, 0), cut.stop + m)
                     for cut, m in zip(box, margin, strict=True))
        region, values = labels[wide] == label, smooth[wide]
        rim = ndimage.binary_dilation(region, iterations=2) & ~region
        densest = ndimage.maximum_filter(values, size=reach)[rim]
        inside = values[region]
        shell = max(inside.mean() + SHELL_HU, np.percentile(inside, 95.0) + 0.5 * SHELL_HU)
        if np.mean(densest > shell) < POOL_SHELLED:
            pools[wide] |= region
    # What is thick and joined to a pool is one with it, however it streaks.
    edge = 2 * np.round(0.5 * THICK_M / spacing).astype(int) + 1
    thick = _opened((smooth > THICK_HU) & body, edge)
    return ndimage.binary_propagation(pools & thick, mask=thick) | pools


def _without_metal(pools: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """Return the pools but for thick implants: the bone that these sit in would hug them."""
    labels, count = ndimage.label(pools)
    metal = np.bincount(labels[hu >= METAL_HU], minlength=count + 1)
    share = metal / np.maximum(np.bincount(labels.ravel(), minlength=count + 1), 1)
    return pools & (share <= POOL_METAL)[labels]


def _split(hard: np.ndarray, pools: np.ndarray,
           spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what of the hard regions bone grows from, and the pools with the rest added.

    Dense contrast medium is hard too, but no pool where it streaks. Such regions hug a pool, while
    a bone that touches one leads away from it. Repeated for what hugs the newly added.
    """
    rim = 2 * np.round(POOL_RIM_M / spacing).astype(int) + 1
    reach = 2 * np.round(POOL_REACH_M / spacing).astype(int) + 1
    for _ in range(POOL_ROUNDS):
        hard = hard & ~ndimage.maximum_filter(pools, size=rim)
        labels, count = ndimage.label(hard)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        near = np.bincount(labels[ndimage.maximum_filter(pools, size=reach)],
                           minlength=count + 1)
        hugging = near > 0.5 * sizes
        hugging[0] = False
        pools = pools | hugging[labels]
    is_bone = ~hugging & (sizes >= HARD_M3 / np.prod(spacing))
    is_bone[0] = False
    return is_bone[labels], pools


def _distance(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the distance to a mask, metres; infinite where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return ndimage.distance_transform_edt(~mask, sampling=spacing)


def _opened(mask: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return where boxes of ``size`` voxels fit into a mask; it goes on beyond the volume."""
    return ndimage.maximum_filter(ndimage.minimum_filter(mask, size=size), size=size)


def _largest(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected part of a mask."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def _filled(mask: np.ndarray) -> np.ndarray:
    """Fill what is enclosed within a transverse slice, such as lungs and gas."""
    return np.stack([ndimage.binary_fill_holes(layer) for layer in mask])


def _block_means(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the means of blocks of voxels; a block at the end repeats the last voxels."""
    padding = [(0, -size % step) for size, step in zip(values.shape, steps, strict=True)]
    padded = np.pad(values, padding, mode='edge')
    z, y, x = np.array(padded.shape) // steps
    return padded.reshape(z, steps[0], y, steps[1], x, steps[2]).mean(axis=(1, 3, 5))


def _block_repeats(values: np.ndarray, steps: np.ndarray,
                   shape: tuple[int, ...]) -> np.ndarray:
    """Undo :func:`_block_means`: every voxel gets its block's value."""
    for axis, step in enumerate(steps):
        values = values.repeat(step, axis=axis)
    return values[:shape[0], :shape[1], :shape[2]]

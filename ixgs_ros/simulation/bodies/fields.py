"""Where the voxels of a body lie."""

from __future__ import annotations

import numpy as np

from ixgs_ros.simulation.materials import Body


def points_of(body: Body) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the voxel centres' x, y and z, which broadcast to (z, y, x); LPS metres, float32.

    Raises:
        ValueError: the grid's axes are not those of LPS.
    """
    affine = np.asarray(body.lps_from_index)
    if np.abs(affine[:3, :3] - np.diag(np.diag(affine)[:3])).max() > 1e-9:
        raise ValueError(f'expected a grid along the axes of LPS, got {affine[:3, :3].tolist()}')
    x, y, z = (np.float32(affine[a, 3])
               + np.float32(affine[a, a]) * np.arange(n, dtype=np.float32)
               for a, n in enumerate(body.bone.shape[::-1]))
    return x[None, None, :], y[None, :, None], z[:, None, None]


def box_of(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper corner of a body's box, (3,) LPS metres each."""
    last = np.array(body.bone.shape[::-1]) - 0.5
    corners = np.stack(np.meshgrid(*zip([-0.5] * 3, last, strict=True)), axis=-1).reshape(-1, 3)
    corners = corners @ np.asarray(body.lps_from_index)[:3, :3].T + body.lps_from_index[:3, 3]
    return corners.min(axis=0), corners.max(axis=0)


def bone_points(body: Body, rng: np.random.Generator, count: int,
                middle: float = 0.6) -> np.ndarray:
    """Return points in bone, (count, 3) LPS metres, from the ``middle`` share of the height.

    Raises:
        ValueError: there is no bone there.
    """
    layers = body.bone.shape[0]
    first = int(0.5 * (1.0 - middle) * layers)
    weights = body.bone[first:max(layers - first, first + 1)].ravel()
    total = np.cumsum(weights, dtype=np.float64)
    if not total[-1] > 0.0:
        raise ValueError('expected bone in the middle of the body, got none')
    flat = np.searchsorted(total, rng.uniform(0.0, total[-1], count))
    k, j, i = np.unravel_index(np.minimum(flat, len(weights) - 1), (
        len(weights) // (body.bone.shape[1] * body.bone.shape[2]), *body.bone.shape[1:]))
    index = np.stack([i, j, k + first], axis=-1)
    return index @ np.asarray(body.lps_from_index)[:3, :3].T + body.lps_from_index[:3, 3]

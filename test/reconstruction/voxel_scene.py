"""Small volumes, views of them along every axis, and the coarse start's projectors in float64."""

import numpy as np

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.volume.grid import VoxelGrid

# Not whole vectors of voxels or pixels, for any number of lanes.
GRID = VoxelGrid(np.array([-0.040, -0.031, -0.035]), np.full(3, 0.004), (21, 17, 19))
HEIGHT, WIDTH = 13, 37


def view_along(direction, distance=0.3, focal=90.0, shape=(HEIGHT, WIDTH)):
    """A view from ``distance`` metres away, rolled about its axis and off its centre."""
    z = np.asarray(direction, float) / np.linalg.norm(direction)
    x = np.cross(z, [0.3, -0.5, 0.8] if abs(z[2]) < 0.9 else [0.6, 0.7, 0.2])
    x /= np.linalg.norm(x)
    height, width = shape
    k = np.array([[focal, 0, 0.47 * width], [0, 1.1 * focal, 0.55 * height], [0, 0, 1]])
    return View(k, RigidTransform(np.stack([x, np.cross(z, x), z], 1), -distance * z),
                height, width)


# One for each main axis, from both sides; diagonals, where rays of one image differ in it; one so
# wide that the rays of one row have several; one from within the volume.
VIEWS = {
    'x': view_along([1, 0.1, -0.2]), '-y': view_along([0.1, -1, 0.1]),
    'z': view_along([-0.2, 0.1, 1]), 'exactly x': view_along([1, 0, 0]),
    'xy': view_along([1, 1, 0.1]), 'xyz': view_along([-1, 1, -1]),
    'wide': view_along([1, 0.2, 0.8], 0.06, 9.0), 'inside': view_along([0.2, -1, 0.5], 0.01, 20.0),
}


def noise(seed=0):
    """A volume of uniform random voxels, (z, y, x) float32 in 1/m."""
    return np.random.default_rng(seed).uniform(0, 20, GRID.shape).astype(np.float32)


def blob(width=0.007):
    """A smooth body that ends within the volume, (z, y, x) float32 in 1/m."""
    distance = np.linalg.norm(GRID.points() - GRID.region.center - [0.002, -0.003, 0.001], axis=-1)
    return (20 * np.exp(-0.5 * (distance / width) ** 2)).astype(np.float32)


def joseph_sums(volume, view):
    """Line integrals (H, W) by Joseph's method, one ray after the other in float64."""
    image = np.zeros((view.height, view.width))
    source = (view.source - GRID.origin) / GRID.spacing
    for pixel, direction in zip(np.ndindex(image.shape), view.ray_directions().reshape(-1, 3),
                                strict=True):
        main = 2 - int(np.argmax(np.abs(direction[::-1])))
        t = (np.arange(GRID.size[main]) - source[main]) / direction[main]
        points = source + t[t > 0, None] * direction
        inside = ((points >= -1e-9) & (points <= np.array(GRID.size) - 1 + 1e-9)).all(1)
        image[pixel] = (trilinear(volume, points[inside]).sum()
                        * GRID.spacing[0] / abs(direction[main]))
    return image


def trilinear(volume, points):
    """Values at points (n, 3) within the volume, in voxel indices x, y, z."""
    low = np.clip(np.floor(points).astype(int), 0, np.array(GRID.size) - 2)
    fraction = points - low
    total = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, fraction, 1 - fraction).prod(1)
        x, y, z = (low + corner).T
        total += weight * volume[z, y, x]
    return total


def looked_up(image, view):
    """The image at each voxel's projection, bilinear, (z, y, x) float64; NaN where there is none.
    """
    pixels, depth = view.project(GRID.points())
    pixels[depth <= 0] = -1
    last = np.array([view.width - 1, view.height - 1])
    outside = ((pixels < 0) | (pixels > last)).any(-1)
    pixels[outside] = 0
    low = np.minimum(np.floor(pixels).astype(int), last - 1)
    (u, v), (fu, fv) = np.moveaxis(low, -1, 0), np.moveaxis(pixels - low, -1, 0)
    top = (1 - fu) * image[v, u] + fu * image[v, u + 1]
    below = (1 - fu) * image[v + 1, u] + fu * image[v + 1, u + 1]
    return np.where(outside, np.nan, (1 - fv) * top + fv * below)

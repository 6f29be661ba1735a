"""A CT that is quick to cast: a water box with three balls of bone off every axis."""

import numpy as np

from ixgs_ros.simulation.ct import Ct

BALLS_LPS = np.array([[0.13, 0.22, -0.31], [0.07, 0.17, -0.27], [0.11, 0.23, -0.25]])
CENTER_LPS = np.array([0.10, 0.20, -0.28])
RADIUS = 0.006


def small_ct() -> Ct:
    """Return 60 x 60 x 60 voxels of 2 mm about CENTER_LPS."""
    axis = 0.002 * (np.arange(60) - 29.5)
    z, y, x = np.meshgrid(axis, axis, axis, indexing='ij')
    hu = np.where(np.abs(z) < 0.05, -900.0, -1000.0)
    for ball in BALLS_LPS - CENTER_LPS:
        distance = np.sqrt((x - ball[0]) ** 2 + (y - ball[1]) ** 2 + (z - ball[2]) ** 2) - RADIUS
        hu += np.clip(0.5 - distance / 0.002, 0, 1) * (1500.0 - hu)
    affine = np.diag([0.002, 0.002, 0.002, 1.0])
    affine[:3, 3] = CENTER_LPS - 0.059
    return Ct(hu, affine, 'balls', target=CENTER_LPS)

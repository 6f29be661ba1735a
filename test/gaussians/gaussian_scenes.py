"""Random models, views and boxes for the tests of the Gaussian core."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View


def random_model(seed: int, count: int, half: float = 0.05, low: float = 1e-3,
                 high: float = 6e-3) -> GaussianModel:
    """Return Gaussians in a cube of half edge ``half``, deviations in [low, high], metres."""
    rng = np.random.default_rng(seed)
    means = rng.uniform(-half, half, (count, 3))
    log_scales = np.log(rng.uniform(low, high, (count, 3)))
    # Anywhere within the 1 % that a norm may be off.
    quaternions = rng.normal(size=(count, 4))
    quaternions *= (rng.uniform(0.991, 1.009, count)
                    / np.linalg.norm(quaternions, axis=1))[:, np.newaxis]
    densities = rng.uniform(0.0, 30.0, count)
    return GaussianModel(*(block.astype(np.float32)
                           for block in (means, log_scales, quaternions, densities)))


def one_gaussian(mean: tuple[float, float, float], scales: tuple[float, float, float],
                 rotation: Rotation | None = None, density: float = 20.0) -> GaussianModel:
    """Return a model of one Gaussian; metres and 1/m."""
    x, y, z, w = (Rotation.identity() if rotation is None else rotation).as_quat()
    return GaussianModel(np.array([mean], np.float32), np.log(np.array([scales], np.float32)),
                         np.array([[w, x, y, z]], np.float32), np.array([density], np.float32))


def view_from(rotation: np.ndarray, height: int, width: int, focal: float,
              offset: tuple[float, float] = (0.0, 0.0), distance: float = 0.65,
              target: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> View:
    """Return a view whose axis meets ``target``; ``offset`` moves the principal point, px."""
    k = np.array([[focal, 0, (width - 1) / 2 + offset[0]],
                  [0, 1.02 * focal, (height - 1) / 2 + offset[1]], [0, 0, 1]])
    return View(k, RigidTransform(rotation, np.asarray(target) - distance * rotation[:, 2]),
                height, width)


def random_view(seed: int, height: int = 48, width: int = 56, focal: float = 380.0) -> View:
    """Return a view of the origin from anywhere, its principal point off centre."""
    rng = np.random.default_rng(seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    return view_from(rotation, height, width, focal, tuple(rng.uniform(-6, 6, 2)),
                     target=tuple(rng.uniform(-0.01, 0.01, 3)))

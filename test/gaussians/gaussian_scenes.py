"""Random models and views for the tests of the Gaussian core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st
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


@dataclass
class Scene:
    """A model seen by a view."""

    seed: int
    model: GaussianModel
    view: View
    cut: float

    def noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return a loss's derivative by an image or volume, float32: noise of mean 1."""
        return np.random.default_rng(self.seed).normal(1.0, 1.0, shape).astype(np.float32)


@st.composite
def scenes(draw: Callable, narrowest: float = 1.0) -> Scene:
    """Return scenes of 1 to 60 Gaussians, seen from anywhere.

    Images of 1 to 90 pixels a side, the principal point up to half an image off its centre, focal
    lengths that differ by up to two; footprints with deviations of ``narrowest`` to over 50
    pixels. Below that, float32 cannot say well enough on which side of a pixel's centre they lie.
    """
    seed, count = draw(st.integers(0, 2 ** 31)), draw(st.integers(1, 60))
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    low, distance = draw(st.floats(5e-4, 4e-3)), draw(st.floats(0.3, 1.0))
    focal = distance / low * draw(st.floats(narrowest, 8.0))
    fx, fy = focal * draw(st.floats(1.15, 2.0)), focal * draw(st.floats(1.15, 2.0))
    shift = (width * draw(st.floats(-0.5, 0.5)), height * draw(st.floats(-0.5, 0.5)))
    # The Gaussians fill about the field, whose middle the source's axis need not meet.
    half = min(0.1, 2 * low + 0.5 * max(width / fx, height / fy) * distance)
    model = random_model(seed, count, half, low, low * draw(st.floats(1.5, 8.0)))
    rotation = Rotation.random(random_state=seed).as_matrix()
    k = np.array([[fx, 0, (width - 1) / 2 + shift[0]], [0, fy, (height - 1) / 2 + shift[1]],
                  [0, 0, 1]])
    source = rotation @ [distance * shift[0] / fx, distance * shift[1] / fy, -distance]
    return Scene(seed, model, View(k, RigidTransform(rotation, source), height, width),
                 draw(st.sampled_from([6.0, 7.5])))

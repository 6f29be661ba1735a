"""Adam over the blocks of a Gaussian model, with bounds, fused into one pass a step.

Adam (Kingma and Ba, 2015) divides each step by the gradient's own running size, so a rate is about
the length of a step in the block's unit. Densities are stepped as they are (the image is linear in
them) and clipped at 0; scales in logarithms, bounded in size and in anisotropy against needles.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.model import BLOCKS, check_block, GaussianModel, Gradients
from ixgs_ros.gaussians.team import team_of
from ixgs_ros.parameters import setting

# After so many steps the bias corrections of Adam are 1 within float32 for a decay of 0.99.
LONGEST_AGE = 2000
_TINY = np.float32(1e-30)


@dataclass(frozen=True)
class AdamConfig:
    """Rates, decays and bounds of the optimiser."""

    rate_means: float = setting(2.5e-5, 'step of the centres', unit='m', low=0.0)
    rate_log_scales: float = setting(0.007, 'step of the logarithms of the scales', low=0.0)
    rate_quaternions: float = setting(0.007, 'step of the unit quaternions', low=0.0)
    rate_densities: float = setting(0.1, 'step of the densities', unit='1/m', low=0.0)
    decay_mean: float = setting(0.9, 'decay of the running mean of gradients', low=0.0,
                                high=0.9999)
    decay_square: float = setting(0.99, 'decay of the running mean of their squares', low=0.0,
                                  high=0.9999)
    min_scale: float = setting(3e-4, 'smallest standard deviation', unit='m', low=1e-6)
    max_scale: float = setting(0.05, 'largest standard deviation', unit='m', low=1e-6)
    max_anisotropy: float = setting(6.0, 'largest ratio of two standard deviations of a Gaussian',
                                    low=1.0)


@njit(**INLINE)
def _moved(gradient: float, i: int, k: int, first: np.ndarray, second: np.ndarray, decay: tuple,
           correction: tuple) -> float:
    """Update the running means of element (i, k); return Adam's step for a rate of 1."""
    one = float32(1)
    first[i, k] += (one - decay[0]) * (gradient - first[i, k])
    second[i, k] += (one - decay[1]) * (gradient * gradient - second[i, k])
    return first[i, k] * correction[0] / (math.sqrt(second[i, k] * correction[1]) + _TINY)


@njit(**INLINE)
def _bound_scales(log_scales: np.ndarray, i: int, low: float, high: float, ratio: float) -> None:
    largest = min(high, max(log_scales[i, 0], log_scales[i, 1], log_scales[i, 2]))
    floor = max(low, largest - ratio)
    for k in range(3):
        log_scales[i, k] = min(high, max(floor, log_scales[i, k]))


@njit(**INLINE)
def _normalise(quaternions: np.ndarray, i: int) -> None:
    norm = float32(0)
    for k in range(4):
        norm += quaternions[i, k] * quaternions[i, k]
    inverse = float32(1) / math.sqrt(norm)
    for k in range(4):
        quaternions[i, k] *= inverse


@njit(**INLINE)
def _all_finite(i: int, d_means: np.ndarray, d_log_scales: np.ndarray, d_quaternions: np.ndarray,
                d_densities: np.ndarray) -> bool:
    # A sum of products with 0 is NaN exactly if a term is not finite.
    value = d_densities[i] * float32(0)
    for k in range(3):
        value += (d_means[i, k] + d_log_scales[i, k]) * float32(0)
    for k in range(4):
        value += d_quaternions[i, k] * float32(0)
    return value == float32(0)


@njit(**KERNEL)
def _step(begin: int, end: int, model: tuple, gradients: tuple, first: tuple, second: tuple,
          ages: np.ndarray, corrections: np.ndarray, rates: np.ndarray, decay: tuple,
          bounds: tuple) -> int:
    means, log_scales, quaternions, densities = model
    d_means, d_log_scales, d_quaternions, d_densities = gradients
    bad = 0
    for i in range(begin, end):
        if not _all_finite(i, d_means, d_log_scales, d_quaternions, d_densities):
            bad += 1
            continue
        ages[i] = min(ages[i] + 1, corrections.shape[0] - 1)
        correction = (corrections[ages[i], 0], corrections[ages[i], 1])
        for k in range(3):
            if rates[0] > 0:
                means[i, k] -= rates[0] * _moved(d_means[i, k], i, k, first[0], second[0], decay,
                                                 correction)
            if rates[1] > 0:
                log_scales[i, k] -= rates[1] * _moved(d_log_scales[i, k], i, k, first[1],
                                                      second[1], decay, correction)
        if rates[2] > 0:
            for k in range(4):
                quaternions[i, k] -= rates[2] * _moved(d_quaternions[i, k], i, k, first[2],
                                                       second[2], decay, correction)
            _normalise(quaternions, i)
        if rates[3] > 0:
            step = rates[3] * _moved(d_densities[i], i, 0, first[3], second[3], decay, correction)
            densities[i] = max(float32(0), densities[i] - step)
        if rates[1] > 0:
            _bound_scales(log_scales, i, bounds[0], bounds[1], bounds[2])
    return bad


class Adam:
    """The optimiser's state for one model of changing size.

    Args:
        count: Gaussians at the start.
        config: rates, decays and bounds.
        threads: how many to use; NUMBA_NUM_THREADS (all cores) if None.

    Each Gaussian has its own age, so one added late starts as carefully as the first ones did
    while the others keep their running means. A rate of 0 leaves a block untouched, state
    included.
    """

    def __init__(self, count: int, config: AdamConfig | None = None,
                 threads: int | None = None) -> None:
        self._team = team_of(threads)
        self.config = AdamConfig() if config is None else config
        if self.config.min_scale > self.config.max_scale:
            raise ValueError(f'expected min_scale <= max_scale, got {self.config.min_scale} m and '
                             f'{self.config.max_scale} m')
        self._first = _zeros(count)
        self._second = _zeros(count)
        self._ages = np.zeros(count, np.int32)
        decays = np.array([self.config.decay_mean, self.config.decay_square])
        ages = np.maximum(1, np.arange(LONGEST_AGE + 1))[:, np.newaxis]
        self._corrections = (1.0 / (1.0 - decays ** ages)).astype(np.float32)
        self._decay = (np.float32(decays[0]), np.float32(decays[1]))
        self._bounds = (np.float32(math.log(self.config.min_scale)),
                        np.float32(math.log(self.config.max_scale)),
                        np.float32(math.log(self.config.max_anisotropy)))

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self._ages)

    def step(self, model: GaussianModel, gradients: Gradients, factor: float = 1.0) -> None:
        """Move the model against the gradients, in place.

        Args:
            model: as many Gaussians as this state has.
            gradients: of the loss to be made smaller.
            factor: multiplies all rates (a schedule).

        Raises:
            ValueError: the counts differ.
            FloatingPointError: gradients are not finite; those Gaussians were left as they were.
        """
        for name in BLOCKS:
            check_block(name, getattr(model, name), len(self))
            check_block(name, getattr(gradients, name), len(self))
        c = self.config
        rates = np.array([c.rate_means, c.rate_log_scales, c.rate_quaternions, c.rate_densities])
        bad = self._team.run(_step, len(self), tuple(model.blocks().values()),
                             tuple(gradients.blocks().values()), self._first, self._second,
                             self._ages, self._corrections, (rates * factor).astype(np.float32),
                             self._decay, self._bounds)
        if sum(bad):
            raise FloatingPointError(f'expected finite gradients, got {sum(bad)} of {len(self)} '
                                     'Gaussians with NaN or infinity')

    def select(self, which: np.ndarray) -> None:
        """Keep the state of an index array or boolean mask, as `GaussianModel.select` does."""
        self._first = tuple(np.ascontiguousarray(block[which]) for block in self._first)
        self._second = tuple(np.ascontiguousarray(block[which]) for block in self._second)
        self._ages = self._ages[which].copy()

    def extend(self, count: int) -> None:
        """Append ``count`` Gaussians without a history."""
        self._first = tuple(np.concatenate(pair) for pair in zip(self._first, _zeros(count)))
        self._second = tuple(np.concatenate(pair) for pair in zip(self._second, _zeros(count)))
        self._ages = np.concatenate([self._ages, np.zeros(count, np.int32)])

    def forget(self, which: np.ndarray) -> None:
        """Restart the history of the Gaussians ``which`` (index array or mask)."""
        for block in (*self._first, *self._second):
            block[which] = 0
        self._ages[which] = 0

    def warm_up(self) -> None:
        """Compile the step, or load it from numba's cache."""
        Adam(1, self.config).step(GaussianModel.empty(1), Gradients.zeros(1))


def _zeros(count: int) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros((count, columns or 1), np.float32) for columns in BLOCKS.values())

"""Adam over the blocks of a Gaussian model, with bounds, fused into one pass a step.

Adam (Kingma and Ba, 2015) divides each step by the gradient's own running size, so a rate is about
the length of a step in the block's unit. Where there is next to nothing to fit, that would be a
walk at random of as long steps: the mean size of the block's gradients is added to each size, so
that small gradients make small steps (the usual ε is that in other units, and too small to
matter). Densities are stepped as they are (the image is linear in them) and clipped at 0; scales
in logarithms, bounded in size and in anisotropy against needles.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from numba import float32, intp, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.model import BLOCKS, check_block, GaussianModel, Gradients
from ixgs_ros.gaussians.simd import choose, put, take
from ixgs_ros.gaussians.team import GRAIN, team_of
from ixgs_ros.parameters import setting

# After so many steps the bias corrections of Adam are 1 within float32 for a decay of 0.99.
LONGEST_AGE = 2000
# Keeps 0 / 0 of a gradient that was always 0 from being NaN.
TINY = np.float32(1e-30)
# The mean size of a block's gradients is that of about so many Gaussians.
SAMPLE = 2000


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
    damping: float = setting(
        1.0, 'so many times the mean size of the gradients of a block is added to the size of '
        'each, by which its step is divided; 0: steps are as long where there is nothing to fit',
        low=0.0, high=100.0)
    min_scale: float = setting(3e-4, 'smallest standard deviation', unit='m', low=1e-6)
    max_scale: float = setting(0.05, 'largest standard deviation', unit='m', low=1e-6)
    max_anisotropy: float = setting(6.0, 'largest ratio of two standard deviations of a Gaussian',
                                    low=1.0)


@njit(**INLINE)
def _moved(parameter: np.ndarray, gradient: np.ndarray, first: np.ndarray, second: np.ndarray,
           i: int, last: int, k: int, rate: tuple, decay: tuple, state: tuple) -> simd.Vector:
    """Update the running means of column ``k`` from row ``i`` on; return the stepped parameters.

    ``rate`` is that of the block, and what is added to the sizes of its gradients. ``state`` holds
    the two bias corrections and ``finite``, NaN where nothing may change.
    """
    one, zero = float32(1), float32(0)
    correction, square_correction, finite = state
    g, m, v = take(gradient, i, last, k), take(first, i, last, k), take(second, i, last, k)
    old = take(parameter, i, last, k)
    m_new, v_new = m + (one - decay[0]) * (g - m), v + (one - decay[1]) * (g * g - v)
    put(first, i, last, k, choose(finite, zero, m_new, m))
    put(second, i, last, k, choose(finite, zero, v_new, v))
    step = m_new * correction / (math.sqrt(v_new * square_correction) + rate[1])
    return choose(finite, zero, old - rate[0] * step, old)


@njit(**INLINE)
def _bounded(a: simd.Vector, largest: simd.Vector, bounds: tuple) -> simd.Vector:
    """Return log-scales within bounds (lowest, highest, ln of the anisotropy)."""
    low, high, ratio = bounds
    top = choose(largest, high, high, largest)
    floor = choose(top - ratio, low, top - ratio, low)
    raised = choose(a, floor, a, floor)
    return choose(raised, high, high, raised)


@njit(**INLINE)
def _step_scales(log_scales: np.ndarray, d: np.ndarray, first: np.ndarray, second: np.ndarray,
                 i: int, last: int, rate: tuple, decay: tuple, state: tuple,
                 bounds: tuple) -> None:
    a = _moved(log_scales, d, first, second, i, last, intp(0), rate, decay, state)
    b = _moved(log_scales, d, first, second, i, last, intp(1), rate, decay, state)
    c = _moved(log_scales, d, first, second, i, last, intp(2), rate, decay, state)
    largest = choose(a, b, a, b)
    largest = choose(largest, c, largest, c)
    put(log_scales, i, last, 0, _bounded(a, largest, bounds))
    put(log_scales, i, last, 1, _bounded(b, largest, bounds))
    put(log_scales, i, last, 2, _bounded(c, largest, bounds))


@njit(**INLINE)
def _step_quaternions(quaternions: np.ndarray, d: np.ndarray, first: np.ndarray,
                      second: np.ndarray, i: int, last: int, rate: tuple, decay: tuple,
                      state: tuple) -> None:
    w = _moved(quaternions, d, first, second, i, last, intp(0), rate, decay, state)
    x = _moved(quaternions, d, first, second, i, last, intp(1), rate, decay, state)
    y = _moved(quaternions, d, first, second, i, last, intp(2), rate, decay, state)
    z = _moved(quaternions, d, first, second, i, last, intp(3), rate, decay, state)
    inverse = float32(1) / math.sqrt(w * w + x * x + y * y + z * z)
    put(quaternions, i, last, 0, w * inverse)
    put(quaternions, i, last, 1, x * inverse)
    put(quaternions, i, last, 2, y * inverse)
    put(quaternions, i, last, 3, z * inverse)


@njit(**INLINE)
def _difference_with_itself(gradients: tuple, i: int, last: int) -> simd.Vector:
    """Return 0 where all gradients of a Gaussian are finite, else NaN."""
    means, log_scales, quaternions, densities = gradients
    zero = float32(0)
    value = take(densities, i, last, 0) * zero
    for k in range(3):
        value += take(means, i, last, k) * zero + take(log_scales, i, last, k) * zero
    for k in range(4):
        value += take(quaternions, i, last, k) * zero
    return value


@njit(**KERNEL)
def _step(begin: int, end: int, model: tuple, gradients: tuple, first: tuple, second: tuple,
          ages: np.ndarray, corrections: np.ndarray, work: np.ndarray, rates: np.ndarray,
          damping: np.ndarray, decay: tuple, bounds: tuple) -> int:
    """Step the Gaussians [begin, end); return how many have gradients that are not finite.

    ``damping`` is added to the sizes of the gradients, a block each. ``work`` is (N, 3): a
    Gaussian's two bias corrections, and 0 or NaN.
    """
    last, oldest, zero = end - 1, corrections.shape[0] - 1, float32(0)
    for i in range(begin, end):
        age = min(ages[i] + 1, oldest)
        work[i, 0], work[i, 1] = corrections[age, 0], corrections[age, 1]
    for i in range(begin, end, simd.LANES):
        finite = _difference_with_itself(gradients, i, last)
        put(work, i, last, 2, finite)
        state = (take(work, i, last, 0), take(work, i, last, 1), finite)
        if rates[0] > 0:
            rate = (rates[0], damping[0])
            for k in range(3):
                put(model[0], i, last, k, _moved(model[0], gradients[0], first[0], second[0], i,
                                                 last, k, rate, decay, state))
        if rates[1] > 0:
            _step_scales(model[1], gradients[1], first[1], second[1], i, last,
                         (rates[1], damping[1]), decay, state, bounds)
        if rates[2] > 0:
            _step_quaternions(model[2], gradients[2], first[2], second[2], i, last,
                              (rates[2], damping[2]), decay, state)
        if rates[3] > 0:
            density = _moved(model[3], gradients[3], first[3], second[3], i, last, intp(0),
                             (rates[3], damping[3]), decay, state)
            put(model[3], i, last, 0, choose(density, zero, density, zero))
    bad = 0
    for i in range(begin, end):
        if work[i, 2] == zero:
            ages[i] = min(ages[i] + 1, oldest)
        else:
            bad += 1
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
        self._work = np.empty((count, 3), np.float32)
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
        bad = self._team.run(_step, len(self), _columns(model), _columns(gradients), self._first,
                             self._second, self._ages, self._corrections, self._work,
                             (rates * factor).astype(np.float32), self._damping(gradients),
                             self._decay, self._bounds, grain=GRAIN)
        if sum(bad):
            raise FloatingPointError(f'expected finite gradients, got {sum(bad)} of {len(self)} '
                                     'Gaussians with NaN or infinity')

    def _damping(self, gradients: Gradients) -> np.ndarray:
        """Return what is added to the sizes of the gradients of each block, (4,) float32."""
        some = np.arange(0, len(self), max(1, len(self) // SAMPLE))
        columns = [block[some] for block in _columns(gradients)]
        finite = np.logical_and.reduce([np.isfinite(block).all(axis=1) for block in columns])
        ages = np.minimum(self._ages[some[finite]] + 1, len(self._corrections) - 1)
        correction, keep = self._corrections[ages, 1, np.newaxis], self._decay[1]
        found = np.zeros(len(columns), np.float32)
        for k, (gradient, second) in enumerate(zip(columns, self._second, strict=True)):
            square = gradient[finite]**2
            sizes = np.sqrt((square + keep * (second[some[finite]] - square)) * correction)
            found[k] = self.config.damping * sizes.mean() if sizes.size else 0.0
        return found + TINY

    def select(self, which: np.ndarray) -> None:
        """Keep the state of an index array or boolean mask, as `GaussianModel.select` does."""
        self._first = tuple(np.ascontiguousarray(block[which]) for block in self._first)
        self._second = tuple(np.ascontiguousarray(block[which]) for block in self._second)
        self._ages = self._ages[which].copy()
        self._work = np.empty((len(self._ages), 3), np.float32)

    def extend(self, count: int) -> None:
        """Append ``count`` Gaussians without a history."""
        self._first = tuple(np.concatenate(pair) for pair in zip(self._first, _zeros(count)))
        self._second = tuple(np.concatenate(pair) for pair in zip(self._second, _zeros(count)))
        self._ages = np.concatenate([self._ages, np.zeros(count, np.int32)])
        self._work = np.empty((len(self._ages), 3), np.float32)

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


def _columns(blocks: GaussianModel | Gradients) -> tuple[np.ndarray, ...]:
    """Return the four blocks, densities as a column."""
    return blocks.means, blocks.log_scales, blocks.quaternions, blocks.densities[:, np.newaxis]

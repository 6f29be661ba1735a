"""The Gaussian model: a struct of arrays, and gradients of the same shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Columns of each block; None is a plain vector.
BLOCKS: dict[str, int | None] = {'means': 3, 'log_scales': 3, 'quaternions': 4, 'densities': None}
# How far a quaternion's norm may be from 1: round-off and a small step pass (they are normalised
# where they are used), a vector that was never meant as a rotation does not. It is tf2's limit.
UNIT_TOLERANCE = 0.01


def check_array(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise unless ``array`` is a C-contiguous float32 array of the given shape.

    Raises:
        TypeError: it is no array, or its dtype differs.
        ValueError: its shape or memory order differs.
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f'expected {name} as a float32 array, got {kind}')
    if array.shape != shape:
        raise ValueError(f'expected {name} of shape {shape}, got {array.shape}')
    if not array.flags.c_contiguous:
        raise ValueError(f'expected {name} C-contiguous, got strides {array.strides}')


def check_block(name: str, array: np.ndarray, count: int) -> None:
    """Raise unless ``array`` is block ``name`` of a model: C-contiguous float32, ``count`` rows.

    Raises:
        TypeError: it is no array, or its dtype differs.
        ValueError: its shape or memory order differs.
    """
    columns = BLOCKS[name]
    check_array(name, array, (count,) if columns is None else (count, columns))


@dataclass
class GaussianModel:
    """The density ``σ(x) = Σ ρ exp(-½ (x - p)ᵀ S⁻¹ (x - p))``, ``S = R diag(s)² Rᵀ``.

    Args:
        means: (N, 3) centres p in the reference frame, metres.
        log_scales: (N, 3) natural logarithms of the standard deviations s in metres.
        quaternions: (N, 4) w, x, y, z of R (reference from principal axes); unit within 1 %, and
            normalised where they are used.
        densities: (N,) peak densities ρ ≥ 0, 1/m.

    All are float32 and C-contiguous; the fields may be changed in place (the optimiser does).

    Raises:
        TypeError, ValueError: a block has another dtype, shape or order; values are checked by
            :meth:`validate` only, for it costs a pass over the arrays.
    """

    means: np.ndarray
    log_scales: np.ndarray
    quaternions: np.ndarray
    densities: np.ndarray

    def __post_init__(self) -> None:
        self.check_layout()

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self.means)

    @staticmethod
    def empty(count: int = 0) -> GaussianModel:
        """Return ``count`` Gaussians of no density at the origin, 1 m wide, not rotated."""
        quaternions = np.zeros((count, 4), np.float32)
        quaternions[:, 0] = 1.0
        return GaussianModel(np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32),
                             quaternions, np.zeros(count, np.float32))

    def blocks(self) -> dict[str, np.ndarray]:
        """Return the four arrays by name, in a fixed order."""
        return {name: getattr(self, name) for name in BLOCKS}

    def check_layout(self) -> None:
        """Raise unless dtypes, shapes and memory order are as promised."""
        count = len(self.means) if isinstance(self.means, np.ndarray) and self.means.ndim else 0
        for name, array in self.blocks().items():
            check_block(name, array, count)

    def copy(self) -> GaussianModel:
        """Return a deep copy."""
        return GaussianModel(**{name: array.copy() for name, array in self.blocks().items()})

    def select(self, which: np.ndarray) -> GaussianModel:
        """Return the Gaussians of an index array or a boolean mask, copied."""
        return GaussianModel(**{name: np.ascontiguousarray(array[which])
                                for name, array in self.blocks().items()})

    @staticmethod
    def concatenate(models: Iterable[GaussianModel]) -> GaussianModel:
        """Return all Gaussians of the models, one model after another."""
        parts = list(models)
        if not parts:
            return GaussianModel.empty()
        return GaussianModel(**{name: np.concatenate([getattr(part, name) for part in parts])
                                for name in BLOCKS})

    def validate(self) -> None:
        """Raise unless layout and values are right: finite, unit quaternions, no negative density.

        Raises:
            TypeError, ValueError: naming the block, the first bad Gaussian, its value and what
                was expected.
        """
        self.check_layout()
        for name, array in self.blocks().items():
            rows = np.isfinite(array).reshape(len(self), BLOCKS[name] or 1).all(axis=1)
            _raise_at(rows, name, array, 'finite values')
        # exp() of larger magnitudes leaves the range in which float32 products stay normal.
        _raise_at((np.abs(self.log_scales) < 16).all(axis=1), 'log_scales', self.log_scales,
                  'logarithms of metres within ±16')
        check_unit(self.quaternions)
        _raise_at(self.densities >= 0, 'densities', self.densities, 'densities >= 0 (1/m)')


def check_unit(quaternions: np.ndarray) -> None:
    """Raise unless quaternions (N, 4) are unit within UNIT_TOLERANCE.

    Raises:
        ValueError: naming the first that is not.
    """
    norms = np.linalg.norm(quaternions.astype(np.float64), axis=1)
    _raise_at(np.abs(norms - 1.0) <= UNIT_TOLERANCE, 'quaternions', quaternions,
              f'a norm within {UNIT_TOLERANCE:.0%} of 1')


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise unless all values of a float32 array are finite.

    Raises:
        ValueError: naming the first that is not, and where.
    """
    with np.errstate(over='ignore', invalid='ignore'):
        # One pass without a temporary: NaN and infinities reach the sum.
        if np.isfinite(array.sum()):
            return
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        at = [int(k) for k in np.unravel_index(bad[0], array.shape)]
        raise ValueError(f'expected {name} with finite values, got {array.flat[bad[0]]} at {at} '
                         f'({bad.size} of {array.size} are wrong)')


def _raise_at(good: np.ndarray, name: str, array: np.ndarray, expected: str) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise ValueError(f'expected {name} with {expected}, got {array[bad[0]].tolist()} at '
                         f'Gaussian {bad[0]} ({bad.size} of {len(array)} are wrong)')


@dataclass
class Gradients:
    """Derivatives of a loss by the model's parameters: float32, shapes as in the model.

    ``log_scales`` are derivatives by the logarithms; ``quaternions`` by the stored (not
    normalised) components, so they are orthogonal to the quaternion.
    """

    means: np.ndarray
    log_scales: np.ndarray
    quaternions: np.ndarray
    densities: np.ndarray

    def __len__(self) -> int:
        """Return the number of Gaussians."""
        return len(self.means)

    @staticmethod
    def zeros(count: int) -> Gradients:
        """Return gradients of ``count`` Gaussians, all 0."""
        return Gradients(**{name: np.zeros((count,) if columns is None else (count, columns),
                                           np.float32) for name, columns in BLOCKS.items()})

    def blocks(self) -> dict[str, np.ndarray]:
        """Return the four arrays by name, in a fixed order."""
        return {name: getattr(self, name) for name in BLOCKS}

    def add(self, other: Gradients, factor: float = 1.0) -> None:
        """Add ``factor`` times other gradients of the same model, in place."""
        for name, array in self.blocks().items():
            array += np.float32(factor) * getattr(other, name)

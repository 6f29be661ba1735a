"""What values that enter the core must be; each error names the argument, the value and why."""

from __future__ import annotations

import operator

import numpy as np


def checked_vector(name: str, values: object) -> np.ndarray:
    """Return three finite numbers as a read-only (3,) float64 array.

    Raises:
        ValueError: they are not.
    """
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f'expected {name} as three finite numbers, got {values!r}')
    vector.setflags(write=False)
    return vector


def checked_count(name: str, value: object) -> int:
    """Return a positive whole number (of rows, columns, voxels) as an int.

    Raises:
        TypeError: it is no whole number; 4.0 is none.
        ValueError: it is not positive.
    """
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f'expected {name} as a whole number, got {value!r}') from None
    if count < 1:
        raise ValueError(f'expected a positive {name}, got {count}')
    return count

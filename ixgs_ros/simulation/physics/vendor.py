"""The vendor's image, and what becomes of it when its processing is undone as far as known.

The look-up table is ``t = (s^g - f^g) / (1 - f^g)`` for a signal s between the floor f and 1:
linear for g = 1, towards a logarithm for g to 0 (the family of Box & Cox, 1964).
"""

from __future__ import annotations

import cv2
import numpy as np

from ixgs_ros.simulation.physics.blur import small_blur


def look_up(signal: np.ndarray, gamma: float, window: float) -> np.ndarray:
    """Return the signal (H, W) in (0, 1] through the table, in [0, 1].

    Args:
        signal: (H, W), 1 = brightest.
        gamma: exponent.
        window: the floor as a line integral: ``f = exp(-window)``.
    """
    floor = np.float32(np.exp(-gamma * window))
    power = cv2.pow(np.maximum(signal, np.float32(np.exp(-window))), gamma)
    return (power - floor) / (1 - floor)


def undo_look_up(shown: np.ndarray, gamma: float, window: float) -> np.ndarray:
    """Return line integrals (H, W) from what :func:`look_up` made; 0 where brightest."""
    floor = np.float32(np.exp(-gamma * window))
    power = np.clip(shown, 0, 1) * (1 - floor) + floor
    return cv2.log(power) * np.float32(-1.0 / gamma)


def enhance(shown: np.ndarray, amount: float, sigma: float) -> np.ndarray:
    """Return the image (H, W) with its detail amplified (unsharp masking).

    Args:
        shown: (H, W).
        amount: how much of the detail is added.
        sigma: standard deviation of what does not count as detail, pixels.
    """
    if amount <= 0.0:
        return shown
    return shown + np.float32(amount) * (shown - small_blur(shown, sigma))


def stored(shown: np.ndarray, bits: int, inverted: bool) -> np.ndarray:
    """Return the whole numbers (H, W) float32 of this depth; dark where bright if inverted."""
    if not 1 <= bits <= 16:
        raise ValueError(f'expected 1 to 16 bits, got {bits}')
    top = np.float32(2 ** bits - 1)
    levels = np.rint(np.clip(shown, 0, 1) * top)
    return top - levels if inverted else levels


def read(levels: np.ndarray, bits: int, inverted: bool) -> np.ndarray:
    """Return what :func:`stored` was given, (H, W) in [0, 1], but for rounding."""
    top = np.float32(2 ** bits - 1)
    return (top - levels if inverted else levels) / top

"""Detector counts to line integrals: ``y = -ln(I / I0)``, never min-max normalised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ixgs_ros.standardization.air import find_air, MIN_AREA
from ixgs_ros.standardization.config import PhysicsConfig
from ixgs_ros.standardization.weights import photon_weights
from ixgs_ros.verdict import Code, Refusal

# A pixel without signal has no finite line integral; it is masked and holds this value, above any
# body's.
MAX_LINE_INTEGRAL = 14.0

# Fewer rows or columns are no picture of a body: a quarter of a line, by which defective lines are
# told, has fewer than the eight pixels that this takes (pixels.py), and the coarsest level of the
# network's U-Net about one. Air needs 16 (air.py), the collimator's outline less.
MIN_SIDE = 32

# Nothing is brighter than air, so a plateau above the nominal air signal is air at a stronger
# exposure. A plateau far below it may as well be tissue.
MIN_AIR_OVER_NOMINAL = 0.5


class LineIntegrals(NamedTuple):
    """An image in physical units.

    Args:
        line_integrals: (H, W) float32, no unit; finite everywhere.
        weights: (H, W) float32 in [0, 1]; 0 where there is no signal or too much.
        air_counts: the unattenuated signal that was used, counts; 0 for already_log.
        air_visible: whether that was measured in this very image, so that the exposure is known.
    """

    line_integrals: np.ndarray
    weights: np.ndarray
    air_counts: float
    air_visible: bool


def counts_to_line_integrals(counts: np.ndarray, config: PhysicsConfig) -> LineIntegrals:
    """Turn detector counts into line integrals and weights.

    Args:
        counts: (H, W) uint8, uint16, float32 or float64 as stored.
        config: what the counts mean.

    Raises:
        Refusal: SIZE_MISMATCH for fewer than MIN_SIDE rows or columns; NO_SIGNAL where nothing
            gets through, the image is constant, or the air signal is neither given nor visible;
            SATURATED where too many pixels are, or all that are not dark; UNSUPPORTED_ENCODING
            for an inverted image whose full scale is unknown.
    """
    check_size(*counts.shape)
    full_scale = _full_scale(counts, config)
    saturated = counts >= full_scale if not config.inverted else counts <= 0
    _check_saturation(saturated, full_scale, config)
    values = counts.astype(np.float32)
    if config.inverted:
        values = np.float32(full_scale) - values
    if config.already_log:
        return _from_logarithm(values, config)
    signal = np.isfinite(values) & (values > 0)
    _check_signal(values, signal, config.air_counts, config)
    if not (signal & ~saturated).any():
        raise Refusal(Code.SATURATED, f'all {np.count_nonzero(signal)} pixels with a signal are '
                      f'at the full scale of {full_scale:g} counts; expected some below it')
    air = visible_air(np.where(signal, values, 0), signal & ~saturated, config.air_counts)
    if air is None and config.air_counts == 0:
        raise Refusal(Code.NO_SIGNAL, 'the image shows no air beside the body, so the '
                      'unattenuated signal is unknown; expected a flat bright region of at least '
                      f'{MIN_AREA:.0%} at the border of the field, or the parameter air_counts')
    used = config.air_counts if air is None else air
    _check_signal(values, signal, used, config)
    logarithm = np.log(values, out=np.full(values.shape, -np.inf, dtype=np.float32), where=signal)
    y = np.minimum(np.float32(np.log(used)) - logarithm, np.float32(MAX_LINE_INTEGRAL))
    return LineIntegrals(y, photon_weights(y, signal & ~saturated), used, air is not None)


def check_size(height: int, width: int) -> None:
    """Raise unless an image has pixels enough to be a shot.

    Raises:
        Refusal: SIZE_MISMATCH with the size.
    """
    if min(height, width) < MIN_SIDE:
        raise Refusal(Code.SIZE_MISMATCH, f'the image has {height} rows by {width} columns; '
                      f'expected at least {MIN_SIDE} of each')


def visible_air(intensity: np.ndarray, usable: np.ndarray, nominal: float) -> float | None:
    """Return the air signal that the image shows; None if it shows none.

    A plateau that cannot be air at the nominal signal is none.

    Args:
        intensity: (H, W) float32, linear, bright where nothing absorbs, 0 without signal.
        usable: (H, W) bool: signal, and not saturated.
        nominal: the unattenuated signal expected, in the same unit; 0 if unknown.
    """
    air = find_air(intensity, usable)
    return None if air is None or air < MIN_AIR_OVER_NOMINAL * nominal else air


def _full_scale(counts: np.ndarray, config: PhysicsConfig) -> float:
    """Return where the detector saturates, counts; infinite where that is unknown."""
    if config.full_scale > 0:
        return config.full_scale
    if np.issubdtype(counts.dtype, np.integer):
        return float(np.iinfo(counts.dtype).max)
    if config.inverted:
        raise Refusal(Code.UNSUPPORTED_ENCODING, f'the image is inverted {counts.dtype}, which '
                      'has no largest value; expected integers, or the parameter full_scale')
    return float('inf')


def _check_saturation(saturated: np.ndarray, full_scale: float, config: PhysicsConfig) -> None:
    if config.already_log:
        return
    share = float(saturated.mean())
    if share > config.max_saturated:
        raise Refusal(Code.SATURATED, f'{share:.1%} of the pixels are at the full scale of '
                      f'{full_scale:g} counts; expected at most {config.max_saturated:.1%}')


def _check_signal(values: np.ndarray, signal: np.ndarray, air: float,
                  config: PhysicsConfig) -> None:
    """Refuse an image without content; with ``air`` known (not 0), also one that is too dark."""
    if not signal.any():
        raise Refusal(Code.NO_SIGNAL, f'no pixel of {values.size} is positive; expected counts '
                                      'above 0')
    found = values[signal]
    low, high = float(found.min()), float(found.max())
    if low == high and signal.all():
        raise Refusal(Code.NO_SIGNAL, f'all pixels are {low:g}; expected an image')
    bright = float(np.quantile(np.where(signal, values, 0), 0.99))
    if bright < config.min_signal * air or bright <= 0:
        raise Refusal(Code.NO_SIGNAL, f'the brightest hundredth of the pixels begins at '
                      f'{bright:g} counts; expected at least {config.min_signal * air:g} = '
                      f'min_signal {config.min_signal:g} of the air signal {air:g}')


def _from_logarithm(values: np.ndarray, config: PhysicsConfig) -> LineIntegrals:
    """Take stored line integrals; where air is visible, its line integral is made 0."""
    stored = values * np.float32(config.log_scale)
    signal = np.isfinite(stored) & (stored < MAX_LINE_INTEGRAL)
    y = np.where(signal, stored, np.float32(MAX_LINE_INTEGRAL)).astype(np.float32)
    # A line integral far below 0 is no physics; the bound keeps exp finite, and the air test says
    # no.
    intensity = np.where(signal, np.exp(-np.maximum(y, np.float32(-50))), np.float32(0))
    _check_signal(intensity, signal, 1.0, config)
    air = visible_air(intensity, signal, 1.0)
    if air is not None:
        y = np.where(signal, y + np.float32(np.log(air)), y)
    return LineIntegrals(y, photon_weights(y, signal), 0.0, air is not None)

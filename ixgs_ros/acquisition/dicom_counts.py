"""Stored values of a DICOM X-ray image to line integrals.

What a value says of the beam is in PixelIntensityRelationship and its sign, and where a vendor is
silent about them, in the habits of its modality (DICOM PS3.3 C.8.7.1.1.2, C.8.11.3.1.2):

=============================  ====================================================
the file says                  we take
=============================  ====================================================
LIN; LOG with a Modality LUT   the value, after the Modality LUT, as the intensity
LOG without one                the value as the logarithm of the intensity
DISP or nothing, XA and RF     the value as the intensity
DISP or nothing, CR and DX     what is displayed, after window or VOI LUT, as the
                               logarithm of the intensity; also of all DX images
                               'for presentation'
=============================  ====================================================

A logarithm's scale is not told: the full range is taken as two decades, the latitude of computed
radiography. Line integrals of the last three rows are therefore of the right sign and order, not
of the right size. Where no sign is told: fluoroscopy shows air bright (MONOCHROME2: high values
are air), radiographs show air dark (MONOCHROME1: high values are air).

Pixels that the file declares to be padding (PS3.3 C.7.5.1.1.2) have no signal. What it says of
collimators is not used: a radiograph that the tests read has edges outside of its image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import math
from typing import Any

import numpy as np
from pydicom.pixels import apply_modality_lut, apply_voi

from ixgs_ros.standardization import counts_to_line_integrals, LineIntegrals, PhysicsConfig
from ixgs_ros.standardization.collimator import find_field
from ixgs_ros.standardization.weights import photon_weights
from ixgs_ros.verdict import Refusal

LOG_RANGE = float(np.log(100.0))
# Without air beside the body, the unattenuated signal is taken to be this quantile of the open
# field: brighter pixels are reflexes of lossy coding and edges sharpened for display.
AIR_QUANTILE = 0.99


@dataclass(frozen=True)
class Meaning:
    """What stored values are.

    Args:
        logarithmic: the values are logarithms of the intensity, up to a scale.
        displayed: they are so only after the VOI transformation, as a reader sees them.
        bright_is_air: high values, after the Modality LUT, belong to high intensities.
        physical: line integrals come out in the right size, given the air signal.
    """

    logarithmic: bool
    displayed: bool
    bright_is_air: bool
    physical: bool


@dataclass(frozen=True, eq=False)
class Converted:
    """An image in physical units, and what was assumed.

    Args:
        image: line integrals and weights; ``air_counts`` is relative to the full scale.
        intensity: (H, W) float32, relative to the full scale, bright where nothing absorbs.
        assumptions: sentences; empty where all was told or measured.
    """

    image: LineIntegrals
    intensity: np.ndarray
    assumptions: tuple[str, ...]


def meaning_of(dataset: Any) -> Meaning:
    """Return what the stored values of a dataset are (see the table above)."""
    modality = str(dataset.get('Modality'))
    relation = str(dataset.get('PixelIntensityRelationship') or 'DISP')
    if str(dataset.get('PresentationIntentType') or '') == 'FOR PRESENTATION':
        relation = 'DISP'
    linear = relation == 'LIN' or (relation == 'LOG' and bool(dataset.get('ModalityLUTSequence')))
    radiograph = modality in ('CR', 'DX')
    displayed = relation not in ('LIN', 'LOG') and radiograph
    logarithmic = (relation == 'LOG' and not linear) or displayed
    return Meaning(logarithmic, displayed, _bright_is_air(dataset, radiograph), linear)


def convert(dataset: Any, stored: np.ndarray, air_counts: float = 0.0) -> Converted:
    """Return the line integrals of one frame.

    Args:
        dataset: what the file says of it.
        stored: (H, W) integers, as stored.
        air_counts: stored value where nothing absorbs, for images that show no air; 0 = unknown.

    Raises:
        Refusal: NO_SIGNAL where the image is constant or dark, SATURATED where too much is white.
        ValueError: ``air_counts`` cannot be stored, or a table or window of the file is none.
    """
    meaning = meaning_of(dataset)
    intensity = relative_intensity(dataset, stored, meaning)
    # The white of a display image is often air that the window clipped.
    config = PhysicsConfig(full_scale=1.0, max_saturated=0.3 if meaning.physical else 1.0,
                           air_counts=_known_air(dataset, air_counts, meaning))
    assumptions = [] if meaning.physical else [_assumption(meaning)]
    try:
        image = counts_to_line_integrals(intensity, config)
    except Refusal:
        if air_counts > 0:
            raise
        air = _assumed_air(intensity)
        image = counts_to_line_integrals(intensity, replace(config, air_counts=air))
        assumptions.append(f'no air is seen beside the body: the {AIR_QUANTILE:.0%} quantile of '
                           'the open field is taken for unattenuated')
    if not meaning.physical:
        image = image._replace(weights=photon_weights(image.line_integrals, intensity > 0))
    return Converted(image, intensity, tuple(assumptions))


def relative_intensity(dataset: Any, stored: np.ndarray, meaning: Meaning) -> np.ndarray:
    """Return the intensity (H, W) float32 relative to the full scale, 0 where there is no signal.

    Logarithms become intensities, so that one way leads on from here.
    """
    values, (low, high) = _after_modality(dataset, stored)
    if meaning.displayed:
        values, low, high = _displayed(dataset, values, low, high), 0.0, 1.0
    brightness = values - low if meaning.bright_is_air else high - values
    share = np.clip(brightness / (high - low), 0.0, 1.0)
    if meaning.logarithmic:
        share = np.exp(LOG_RANGE * (share - 1.0))
    return np.where(_padding(dataset, stored), 0.0, share).astype(np.float32)


def _padding(dataset: Any, stored: np.ndarray) -> np.ndarray:
    """Return which stored values (H, W) are no image, by PixelPaddingValue and its range.

    Raises:
        ValueError: a limit is no whole number.
    """
    limits = [dataset.get(name) for name in ('PixelPaddingValue', 'PixelPaddingRangeLimit')]
    first = limits[0]
    last = first if limits[1] is None else limits[1]
    if first is None:
        return np.zeros(stored.shape, dtype=bool)
    if not (isinstance(first, int) and isinstance(last, int)):
        raise ValueError('expected whole numbers as PixelPaddingValue and PixelPaddingRangeLimit, '
                         f'got {first!r} and {last!r}')
    return np.asarray((stored >= min(first, last)) & (stored <= max(first, last)))


def _bright_is_air(dataset: Any, radiograph: bool) -> bool:
    """Whether high values after the Modality LUT belong to high intensities.

    The sign, where told, is that of the stored values; the photometric interpretation is that of
    the values after the Modality LUT.
    """
    sign = dataset.get('PixelIntensityRelationshipSign')
    if sign is None:
        photometric = str(dataset.PhotometricInterpretation)
        return photometric == ('MONOCHROME1' if radiograph else 'MONOCHROME2')
    first, last = _of_extremes(dataset)
    return (int(sign) > 0) == (last >= first)


def _stored_range(dataset: Any) -> np.ndarray:
    """Return the smallest and the largest value that can be stored, (2,) int64."""
    bits = int(dataset.BitsStored)
    signed = int(dataset.get('PixelRepresentation') or 0) == 1
    return np.array([0, 2**bits - 1]) - (2**(bits - 1) if signed else 0)


def _of_extremes(dataset: Any) -> tuple[float, float]:
    """Return what the Modality LUT makes of the smallest and the largest stored value."""
    first, last = _by_modality(_stored_range(dataset), dataset)
    return float(first), float(last)


def _by_modality(values: np.ndarray, dataset: Any) -> np.ndarray:
    """Return stored values after rescale or Modality LUT."""
    return _by_table('ModalityLUTSequence', apply_modality_lut, values, dataset)


def _by_table(name: str, apply: Callable[[np.ndarray, Any], Any], values: np.ndarray,
              dataset: Any) -> np.ndarray:
    """Return what pydicom makes of values by the tables of a dataset.

    Raises:
        ValueError: the table is incomplete.
    """
    try:
        return np.asarray(apply(values, dataset))
    except Exception as error:  # pydicom raises many kinds; each means a table that is none.
        if not dataset.get(name):
            raise
        raise ValueError(f'expected {name} with a LUTDescriptor of three numbers and as many '
                         'entries of LUTData as it says, got one that cannot be applied '
                         f'({type(error).__name__}: {error})') from error


def _after_modality(dataset: Any, stored: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the values (H, W) after rescale or Modality LUT, and their possible range."""
    low, high = sorted(_of_extremes(dataset))
    if low == high:
        raise ValueError(f'expected a rising or falling Modality LUT, got {low:g} for the '
                         'smallest and for the largest value')
    return _by_modality(stored, dataset), (low, high)


def _displayed(dataset: Any, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the values as displayed, in [0, 1]: VOI LUT or window, else their whole range."""
    if dataset.get('VOILUTSequence'):
        looked_up = _by_table('VOILUTSequence', apply_voi, np.rint(values).astype(np.int64),
                              dataset)
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return np.asarray(looked_up / (2.0**bits - 1.0))
    if dataset.get('WindowCenter') is None or dataset.get('WindowWidth') is None:
        return np.asarray((values - low) / (high - low))
    return _windowed(values, _first(dataset.WindowCenter), _first(dataset.WindowWidth),
                     str(dataset.get('VOILUTFunction') or 'LINEAR'))


def _windowed(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Apply a window (PS3.3 C.11.2.1.2, C.11.2.1.3); the result is in [0, 1].

    Raises:
        ValueError: it has no width.
    """
    wide_enough = width >= 1.0 if function == 'LINEAR' else width > 0.0
    if not (wide_enough and math.isfinite(width) and math.isfinite(center)):
        raise ValueError(f'expected a WindowWidth of at least 1, or above 0 if VOILUTFunction is '
                         f'not LINEAR, and a finite WindowCenter; got {width:g} and {center:g} '
                         f'({function})')
    if function == 'SIGMOID':
        return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (values - center) / width)))
    if function == 'LINEAR':
        # Its ends are pixel values, not the borders between them.
        center, width = center - 0.5, max(width - 1.0, 1.0)
    return np.asarray(np.clip((values - center) / width + 0.5, 0.0, 1.0))


def _first(value: Any) -> float:
    """Return the first of one or several windows' values."""
    return float(value[0] if isinstance(value, Sequence) else value)


def _known_air(dataset: Any, air_counts: float, meaning: Meaning) -> float:
    """Return the unattenuated signal relative to the full scale; 0 if it is unknown."""
    if air_counts == 0:
        return 0.0
    low, high = _stored_range(dataset)
    if not low <= air_counts <= high:
        raise ValueError(f'expected air_counts among the stored values, {low} to {high}, got '
                         f'{air_counts:g}')
    stored = np.full((1, 1), round(air_counts), dtype=np.int64)
    air = float(relative_intensity(dataset, stored, meaning)[0, 0])
    if air == 0.0:
        raise ValueError(f'expected air_counts as a stored value that is bright, got '
                         f'{air_counts:g}, which this image shows as black')
    return air


def _assumed_air(intensity: np.ndarray) -> float:
    """Return what is taken for the unattenuated signal of an image without air."""
    return float(np.quantile(intensity[find_field(intensity).mask], AIR_QUANTILE))


def _assumption(meaning: Meaning) -> str:
    if meaning.logarithmic:
        return ('values are taken for logarithms of the intensity, whose full range spans '
                f'{LOG_RANGE / np.log(10):g} decades')
    return 'values made for display are taken for intensities'

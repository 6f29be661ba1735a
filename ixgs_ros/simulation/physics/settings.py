"""The numbers of one exposure, and the ranges they are drawn from.

Every effect is one or a few fields of :class:`Physics`, with a neutral value (its default: the
effect is off or ideal) and a range. docs/standardization-training.md says where the ranges come
from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
import math
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Range:
    """Where a number is drawn from.

    Args:
        low: smallest value.
        high: largest value.
        logarithmic: drawn evenly in the logarithm.
        chance: share of the exposures in which the number is drawn; else it stays neutral.
        least: what no widening, and no range of one's own, goes below, as it would mean nothing.
        most: what none goes above.
        text: meaning and unit.
    """

    low: float
    high: float
    logarithmic: bool
    chance: float
    least: float
    most: float
    text: str

    def at(self, share: float) -> float:
        """Return the value at a share of the range: 0 = low, 1 = high, beyond = widened."""
        if self.low == self.high:
            value = self.low
        elif self.logarithmic:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        return min(max(value, self.least), self.most)

    def share(self, value: float) -> float:
        """Return the inverse of :meth:`at`, not clipped."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def ranged(neutral: float, low: float, high: float, text: str, *, logarithmic: bool = False,
           chance: float = 1.0, least: float = -math.inf, most: float = math.inf) -> Any:
    """Return a dataclass field with a neutral default and a range (see :class:`Range`)."""
    return field(default=neutral, metadata={
        'range': Range(low, high, logarithmic, chance, least, most, text)})


@dataclass(frozen=True)
class Physics:
    """One exposure. The defaults make it ideal but polychromatic: 100 kV, 2.5 mm aluminium.

    Lengths on the detector are metres at 1.02 m from the source. Positions and sizes of field and
    table are shares of half the image's smaller side, from its middle.
    """

    kvp: float = ranged(100.0, 60.0, 125.0, 'tube voltage, kV', least=50.0, most=140.0)
    aluminium: float = ranged(1.5, 1.5, 5.0, 'filter beside the inherent 1 mm of aluminium, mm '
                              'aluminium', least=0.0, most=50.0)
    copper: float = ranged(0.0, 0.05, 0.6, 'filter, mm copper', chance=0.6, least=0.0, most=5.0)
    table: float = ranged(0.0, 2.0, 20.0, 'table and mattress, kg/m² water-equivalent',
                          chance=0.6, least=0.0, most=200.0)
    table_edge: float = ranged(-4.0, -1.5, 0.9, 'where the edge of the table crosses the image',
                               chance=0.4, least=-10.0, most=10.0)
    table_angle: float = ranged(0.0, 0.0, 2.0 * math.pi, 'direction from the edge into the '
                                'table, radians')

    heel: float = ranged(0.0, 0.0, 0.12, 'fall of intensity to either side that the panel does '
                         'not correct', least=0.0, most=0.9)
    heel_angle: float = ranged(0.0, 0.0, 2.0 * math.pi, 'direction of the fall, radians')
    vignetting: float = ranged(0.0, 0.0, 0.2, 'fall of intensity from middle to corner',
                               least=0.0, most=0.9)
    round_radius: float = ranged(9.0, 0.6, 1.1, 'radius of a round collimator', chance=0.4,
                                 least=0.2)
    round_shift: float = ranged(0.0, 0.0, 0.1, 'how far the round collimator is off the middle',
                                least=0.0, most=2.0)
    shutter_width: float = ranged(9.0, 0.35, 1.0, 'half width between a pair of shutters',
                                  chance=0.4, least=0.2)
    shutter_height: float = ranged(9.0, 0.35, 1.0, 'half height between the other pair',
                                   chance=0.4, least=0.2)
    shutter_angle: float = ranged(0.0, -0.8, 0.8, 'turn of the shutters, radians', chance=0.5)
    penumbra: float = ranged(0.0005, 0.0005, 0.004, "width of the collimator's edge, m",
                             least=1e-4, most=0.1)

    scatter: float = ranged(0.0, 0.08, 2.5, 'scatter over primary behind 20 cm of water in an '
                            'unbounded field', logarithmic=True, chance=0.95, least=0.0, most=20.0)
    scatter_width: float = ranged(0.05, 0.025, 0.08, 'standard deviation of scatter behind a '
                                  'thin body, m on the detector', least=0.005, most=1.0)
    glare: float = ranged(0.0, 0.0, 0.1, 'share of the light that the panel spreads widely',
                          least=0.0, most=0.9)
    glare_width: float = ranged(0.02, 0.01, 0.05, 'standard deviation of the glare, m',
                                least=0.002, most=1.0)
    focal_blur: float = ranged(0.0, 0.0, 0.0008, "full width at half maximum of the focal spot's "
                               'image, m on the detector', least=0.0, most=0.02)
    motion: float = ranged(0.0, 0.0005, 0.005, 'length of the blur by motion, m on the detector',
                           chance=0.25, least=0.0, most=0.1)
    motion_angle: float = ranged(0.0, 0.0, math.pi, 'direction of the motion, radians')

    photons: float = ranged(1e10, 400.0, 5e4, 'detected photons per mm² in the middle of the '
                            'field, kept by the automatic exposure', logarithmic=True, least=1.0)
    swank: float = ranged(1.0, 0.7, 0.95, 'share of the quanta that the noise is as if of',
                          least=0.1, most=1.0)
    electronic: float = ranged(0.0, 1.0, 15.0, 'electronic noise, photons per mm of pixel',
                               logarithmic=True, least=0.0, most=1e4)
    panel_mtf: float = ranged(1.0, 0.2, 0.95, "modulation transfer of the panel at the image's "
                              'Nyquist frequency, beside that of the pixel', least=0.0, most=1.0)
    headroom: float = ranged(1e6, 4.0, 200.0, 'where the panel saturates, over the mean in the '
                             'middle of the field', logarithmic=True, least=1.5)
    gain_residual: float = ranged(0.0, 0.0, 0.015, 'relative gain error from pixel to pixel',
                                  least=0.0, most=0.5)
    line_residual: float = ranged(0.0, 0.0, 0.004, 'relative gain error from column to column',
                                  least=0.0, most=0.5)
    offset_residual: float = ranged(0.0, -0.01, 0.02, 'offset error over the mean in the middle',
                                    least=-1.0, most=1.0)
    dead_pixels: float = ranged(0.0, 1e-5, 1e-3, 'share of the pixels that are dead or stuck',
                                logarithmic=True, chance=0.5, least=0.0, most=0.2)
    dead_lines: float = ranged(0.0, 0.5, 2.5, 'dead rows and columns', chance=0.15, least=0.0,
                               most=100.0)

    gamma: float = ranged(1.0, 0.02, 1.0, "exponent of the vendor's look-up table; 1 = linear, "
                          'towards 0 = logarithmic', chance=0.5, least=0.01, most=5.0)
    window: float = ranged(14.0, 2.0, 5.0, 'line integrals from the mean in the middle to black',
                           chance=0.5, least=1.0, most=14.0)
    enhancement: float = ranged(0.0, 0.2, 1.5, 'unsharp masking: how much of the detail is added',
                                chance=0.3, least=0.0, most=20.0)
    enhancement_width: float = ranged(0.003, 0.001, 0.01, 'what counts as detail: standard '
                                      'deviation, m on the detector', least=5e-4, most=0.1)
    inverted: float = ranged(0.0, 1.0, 1.0, 'whether the stored image is dark where it is bright',
                             chance=0.5, least=0.0, most=1.0)
    bits: float = ranged(16.0, 8.0, 14.0, 'depth of the stored image, bits', least=6.0, most=16.0)
    gamma_error: float = ranged(1.0, 0.9, 1.1, 'exponent assumed in the undoing, over the true '
                                'one', least=0.5, most=2.0)
    scale_error: float = ranged(1.0, 0.92, 1.08, 'factor that remains on the line integrals',
                                least=0.5, most=2.0)
    exposure_error: float = ranged(0.0, -0.5, 0.5, 'offset that remains on the line integrals',
                                   least=-5.0, most=5.0)


def ranges() -> dict[str, Range]:
    """Return the range of every field of :class:`Physics`."""
    return dict(_RANGES)


_RANGES: dict[str, Range] = {entry.name: entry.metadata['range'] for entry in fields(Physics)}


def draw_physics(rng: np.random.Generator, widening: float = 0.0,
                 within: Mapping[str, Range] = _RANGES) -> Physics:
    """Return a random exposure.

    Args:
        rng: draws two numbers a field, so a change of one field's range changes no other field.
        widening: by how much of its width each range is widened at either end.
        within: the range of every field, as :func:`ranges` or own_ranges.py has them.
    """
    drawn = {}
    shares = rng.uniform(size=(len(_RANGES), 2)).tolist()
    for name, (there, share) in zip(_RANGES, shares, strict=True):
        entry = within[name]
        if there < entry.chance:
            drawn[name] = entry.at((1.0 + 2.0 * widening) * share - widening)
    if drawn.get('gamma', 1.0) > 0.6:
        # Nobody stores a linear image in a byte: the body would be a few grey levels.
        drawn['bits'] = max(drawn['bits'], min(12.0, within['bits'].high))
    return Physics(**drawn)


def at_edge(physics: Physics, effect: str, beyond: float = 0.1,
            within: Mapping[str, Range] = _RANGES) -> Physics:
    """Return the exposure with one number beyond the harder end of its range.

    The harder end is the one farther from the neutral value.

    Args:
        physics: the others' values.
        effect: a field of :class:`Physics`.
        beyond: by how much of the range's width.
        within: the range of every field.

    Raises:
        ValueError: there is no such effect.
    """
    entry = within.get(effect)
    if entry is None:
        raise ValueError(f'expected an effect among {", ".join(within)}; got {effect!r}')
    neutral = getattr(Physics(), effect)
    low_is_harder = abs(neutral - entry.low) > abs(neutral - entry.high)
    return replace(physics, **{effect: entry.at(-beyond if low_is_harder else 1.0 + beyond)})

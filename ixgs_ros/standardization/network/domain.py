"""Whether an image is like those that the network was trained on: a few statistics with names.

A network answers whatever it is asked. What is unlike all that it has seen (negative pictures,
air, black frames, another modality) is told by a statistic that lies outside the range of the
training images, and by its name and value. This finds gross misuse only: an image within all
ranges may still be one that the network does badly on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ixgs_ros.standardization.network.inputs import Scaled

# What the statistics are called in a message.
NAMES = {
    'level': 'median line integral',
    'spread': 'spread of the line integrals (5 to 95 %)',
    'detail': 'contrast of fine detail',
    'crests': 'share of bright over dark fine detail (negative picture?)',
    'field': 'usable share of the image',
    'width': "width of the image at the network's pixel size (px)",
    'shapes': 'share of the variance that is more than fine detail (noise alone?)',
}
# Ranges hold this share of the training images in the middle, and a part of their width more to
# either side; what was positive in all of them stays so: at least half of the least.
INNER, WIDER = 0.998, 0.25
# What users' own pairs may all have alike, as they come from one rig: by so large a part of the
# largest value may others differ all the same.
LEAST_WIDER = {'width': 0.25, 'field': 0.25}
LEAST_PIXELS = 64
# An image this many times as wide as the widest of the training has a wrong K, and scaled to it
# it might ask for more memory than there is.
TOO_WIDE = 4.0


def statistics(scaled: Scaled) -> dict[str, float]:
    """Return the statistics of an image at the network's pixel size, by the names of NAMES.

    Raises:
        ValueError: hardly any pixel is usable.
    """
    image, mask = scaled.line_integrals, scaled.mask
    values = image[mask]
    if values.size < LEAST_PIXELS:
        raise ValueError(f"{values.size} usable pixels at the network's pixel size; expected at "
                         f'least {LEAST_PIXELS}')
    low, middle, high = np.percentile(values, [5.0, 50.0, 95.0])
    fine = _fine_detail(image, mask)
    return {'level': float(middle), 'spread': float(high - low),
            'detail': float(np.abs(fine).mean()),
            'crests': float(np.cbrt(np.mean(fine ** 3)) / (fine.std() + 1e-6)),
            'field': float(mask.mean()), 'width': float(max(mask.shape)),
            'shapes': 1.0 - float(np.mean(fine ** 2) / (values.var() + 1e-6))}


@dataclass(frozen=True)
class Domain:
    """The ranges of the statistics over the training images.

    Args:
        ranges: (low, high) by name; a statistic without a range is not asked.
    """

    ranges: dict[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for name, limits in self.ranges.items():
            if name not in NAMES or not _is_range(limits):
                raise ValueError('expected a range (low, high) of a statistic among '
                                 f'{", ".join(NAMES)}; got {name}: {limits!r}')
        # JSON has lists only.
        object.__setattr__(self, 'ranges', {name: (float(low), float(high))
                                            for name, (low, high) in self.ranges.items()})

    @classmethod
    def of(cls, samples: list[dict[str, float]]) -> Domain:
        """Return the ranges of training images' statistics."""
        ranges = {}
        for name in NAMES:
            values = np.array([sample[name] for sample in samples])
            low, high = np.quantile(values, [0.5 - INNER / 2, 0.5 + INNER / 2])
            margin = max(WIDER * (high - low), LEAST_WIDER.get(name, 0.0) * high) + 1e-3
            least = 0.5 * low if low > 0.0 else -np.inf
            ranges[name] = (float(max(low - margin, least)), float(high + margin))
        return cls(ranges)

    def complaint(self, scaled: Scaled) -> str:
        """Return why an image is unlike the training images; empty if it is like them."""
        try:
            found = statistics(scaled)
        except ValueError as error:
            return str(error)
        return next(filter(None, (self._outside(name, found[name]) for name in self.ranges)), '')

    def too_wide(self, shape: tuple[int, int]) -> str:
        """Return why an image is too wide to be scaled at all; empty if it is not.

        Args:
            shape: rows and columns that it would have at the network's pixel size.
        """
        if max(shape) <= TOO_WIDE * self.ranges.get('width', (0.0, np.inf))[1]:
            return ''
        return self._outside('width', float(max(shape))) + '; is the focal length of K in pixels?'

    def _outside(self, name: str, value: float) -> str:
        low, high = self.ranges[name]
        if low <= value <= high:
            return ''
        return (f'{NAMES[name]} is {value:.3g}; expected {low:.3g} to {high:.3g}, as in the '
                'images that the network was trained on')


def _is_range(limits: Any) -> bool:
    """Whether these are two numbers, the lower one first."""
    return (isinstance(limits, (list, tuple)) and len(limits) == 2
            and all(type(limit) in (int, float) for limit in limits)
            and bool(limits[0] <= limits[1]))


def _fine_detail(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the differences from the mean around each usable pixel, without the mask's edge."""
    weights = mask.astype(np.float32)
    around = cv2.GaussianBlur(image, (0, 0), 3.0)
    share = np.maximum(cv2.GaussianBlur(weights, (0, 0), 3.0), 1e-3)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return (image - around / share)[inside if inside.any() else mask]

"""Draws training bodies from sources: a procedural one, or a CT whose anatomy is varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ixgs_ros.simulation.bodies.procedural import procedural_body
from ixgs_ros.simulation.bodies.template import template_of
from ixgs_ros.simulation.bodies.variation import varied_shape, varied_tissue
from ixgs_ros.simulation.materials import Body
from ixgs_ros.simulation.sources import check_source, load_ct

PROCEDURAL = 'procedural'


@dataclass(frozen=True, eq=False)
class BodySource:
    """Where bodies come from.

    Args:
        name: what a pool calls it: 'procedural', or the CT's name or file name without suffix.
        template: the CT as a body; None for procedural bodies.
    """

    name: str
    template: Body | None = None


def open_sources(places: Sequence[str]) -> list[BodySource]:
    """Return the sources; each CT is read once, however often it is named.

    Args:
        places: 'procedural', or what :func:`~ixgs_ros.simulation.sources.load_ct` takes. What is
            named several times is drawn that much more often.

    Raises:
        CtError: a place is none, or what is there is not a usable CT.
    """
    for place in set(places) - {PROCEDURAL}:
        check_source(place)
    opened = {place: BodySource(PROCEDURAL) if place == PROCEDURAL else
              BodySource(source_name(place), template_of(load_ct(place)))
              for place in dict.fromkeys(places)}
    return [opened[place] for place in places]


def source_name(place: str) -> str:
    """Return what a pool calls a source: its name, or its file's without suffixes."""
    return Path(place).name.split('.')[0]


def draw_body(rng: np.random.Generator, sources: Sequence[BodySource]) -> tuple[Body, str]:
    """Return a random body and the name of the source that it is made from.

    Args:
        rng: draws the source and all that is varied.
        sources: one of them is taken, each with the same chance.
    """
    source = sources[int(rng.integers(len(sources)))]
    body = procedural_body(rng) if source.template is None else source.template
    return varied_tissue(varied_shape(body, rng), rng), source.name

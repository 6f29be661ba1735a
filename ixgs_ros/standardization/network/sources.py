"""What a training is made from: a pool of simulated shots by source, or a folder of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ixgs_ros.simulation.licences import LICENCES
from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.physics import draw_physics, expose_shot
from ixgs_ros.simulation.physics.own_ranges import plain, PREFIX
from ixgs_ros.simulation.physics.settings import Range
from ixgs_ros.simulation.shot_pool import ShotPool
from ixgs_ros.standardization.network.dataset import Examples, ExposedShots, Exposure
from ixgs_ros.standardization.network.folder_pairs import FolderPairs, Progress


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Examples, and what is to be written into the weights about them.

    Args:
        training: what is trained on.
        by_source: all examples by what the figures call them.
        provenance: JSON values by name.
        licences: licence and attribution by source.
        digest: SHA-256 of what the examples are made from; others of the same number have another.
        notes: sentences on what had to be assumed of the images.
    """

    training: Examples
    by_source: Mapping[str, Examples]
    provenance: dict[str, Any]
    licences: dict[str, str]
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on, as plain values by name."""
        physics = {f'{PREFIX}{name}': limits
                   for name, limits in self.provenance.get('physics', {}).items()}
        return {'sources': sorted(self.provenance['shots']), 'shots_sha256': self.digest,
                **physics}


def from_pool(folder: Path, excluded: Sequence[str], licences: Mapping[str, str],
              within: Mapping[str, Range]) -> TrainingData:
    """Open a pool of material shots; shots of excluded sources are not trained on.

    Args:
        folder: of the pool.
        excluded: sources that are only evaluated on.
        licences: licence and attribution of sources beyond LICENCES, by name.
        within: the ranges that the physics of each exposure is drawn from.

    Raises:
        ValueError: the pool cannot be used, or an excluded source is not in it.
    """
    pool = ShotPool(folder)
    indices: dict[str, list[int]] = {}
    for index in range(len(pool)):
        indices.setdefault(pool.source(index), []).append(index)
    for name in (*excluded, *licences):
        if name not in indices:
            raise ValueError(f'expected a source of the pool ({", ".join(sorted(indices))}), '
                             f'got {name!r}')
    trained = [index for name in sorted(indices) if name not in excluded
               for index in indices[name]]
    exposed = exposure_within(within)
    by_source = {f'{name} ({"unseen" if name in excluded else "trained on"})':
                 ExposedShots(pool, indices[name], exposed) for name in sorted(indices)}
    provenance: dict[str, Any] = {
        'pool': folder.name, 'pool_sha256': pool.digest(), 'excluded': sorted(excluded),
        'shots': {name: len(found) for name, found in sorted(indices.items())
                  if name not in excluded},
        'physics': plain(within)}
    known = {**LICENCES, **licences}
    return TrainingData(ExposedShots(pool, trained, exposed), by_source, provenance,
                        {name: known.get(name, 'unknown') for name in provenance['shots']},
                        pool.digest())


def from_pairs(folder: Path, progress: Progress | None = None) -> TrainingData:
    """Open a folder of pairs.

    Args:
        folder: of the pairs.
        progress: told of what takes a while.

    Raises:
        PairsError: it is not what was expected.
    """
    pairs = FolderPairs(folder, progress)
    notes = tuple(f'{count} of {len(pairs)} shots: {text}'
                  for text, count in pairs.assumptions.items())
    return TrainingData(pairs, {'pairs (trained on)': pairs},
                        {'pairs': folder.name, **pairs.provenance}, {'pairs': pairs.licence},
                        pairs.digest(), notes)


def exposure_within(within: Mapping[str, Range]) -> Exposure:
    """Return what exposes a shot with physics drawn anew: line integrals and mask come out."""
    def exposed(shot: MaterialShot, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        found = expose_shot(shot, draw_physics(rng, within=within), rng)
        return found.line_integrals, found.mask
    return exposed

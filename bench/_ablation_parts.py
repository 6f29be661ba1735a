"""The parts of the engine by name, and how each is switched off.

Most parts are settings. Some are constants of a module or one of its functions, for nobody has had
to set them; those are replaced while a reconstruction runs. What the engine does not have cannot
be switched off: the number of Gaussians does not grow, and two rows with fewer and more of them
say what growth could bring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
import math
from types import ModuleType
from typing import Any
from unittest.mock import patch

from _peers_scenes import Problem, Snapshot, TRUTH_GRID
import numpy as np

from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import (
    coarse,
    exposure,
    lattice,
    ReconstructionConfig,
    Reconstructor,
    refinement,
    solution,
    start,
    starts,
)
from ixgs_ros.reconstruction.work import Pieces
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.attenuation import WATER_PER_M

CHUNK = 5
# Of a stream: after each shot, before the next one comes.
STEPS_A_SHOT = 10
WHOLE, STREAM = 'whole', 'whole, streamed'
CLEAN, JITTER, PHOTONS, TRUNCATED = 'clean', 'jitter', 'photons', 'truncated'
ALL = (CLEAN, JITTER, PHOTONS, TRUNCATED)


@dataclass(frozen=True)
class Part:
    """One part of the engine, and what there is without it.

    Args:
        off: what is switched off, in words for the table.
        conditions: where it is looked at: those that it has something to do with.
        settings: by the names of ``ReconstructionConfig``.
        constants: module, name and value of what is replaced.
        shot: what is done to each shot.
        streamed: whether shots come one by one; else all at once.
        against: the name of the row that this one is compared with.
    """

    off: str
    conditions: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    constants: Sequence[tuple[ModuleType, str, Any]] = ()
    shot: Callable[[Shot], Shot] = lambda shot: shot
    streamed: bool = False
    against: str = WHOLE


def water(layers: list[coarse.Layer], *_: Any) -> Pieces[None]:
    """Fill the layers with water wherever something may be, in place of the coarse sweeps."""
    for layer in layers:
        layer.volume = np.where(layer.support > 0, WATER_PER_M, 0).astype(np.float32)
        yield


# In the order in which they are measured.
PARTS = {
    WHOLE: Part('nothing', ALL),
    'fewer': Part('three quarters of the Gaussians: at most 12 500', ALL,
                  {'model.max_gaussians': 12_500}),
    'damping': Part('the damping of steps where there is little to fit', ALL,
                    {'refine.adam.damping': 0.0}),
    'longer steps': Part('the longer steps where much is left: as the rates say',
                         (CLEAN, JITTER, PHOTONS), constants=[(refinement, 'LONGEST', 1.0)]),
    'fine at metal': Part('the finer lattice at metal', (PHOTONS,),
                          constants=[(lattice, 'METAL_CELL', 1.0)]),
    'matching': Part('the matching of a new start to its voxels', ALL,
                     constants=[(start, 'MATCHES', 0)]),
    'more': Part('the cap of 50 000 Gaussians: at most 100 000', ALL,
                 {'model.max_gaussians': 100_000}),
    'poses': Part('the refinement of the poses', (CLEAN, JITTER, PHOTONS),
                  {'poses.rotation_sd': 0.0, 'poses.position_sd': 0.0}),
    'shell': Part('the shell: nothing lies beyond the region', (TRUNCATED,),
                  {'model.shell_share': 0.0}),
    'tv': Part('the total variation in the refinement', ALL,
               {'refine.tv_weight': 0.0}),
    'weights': Part('the weights by photons: all pixels alike', (JITTER, PHOTONS),
                    {'refine.weight_power': 0.0}),
    'residual weights': Part('the weights by residuals: by photons as elsewhere', (TRUNCATED,),
                             constants=[(solution, 'weighted', lambda m, noise: m)]),
    'outliers': Part('the lower weights of outlier pixels', ALL, {'refine.outliers': 0.0}),
    'exposures': Part('the exposures: offset 0 and scale 1', (JITTER, TRUNCATED),
                      constants=[(exposure, 'SCALE_SD', 1e-9)],
                      shot=lambda shot: replace(shot, exposure_offset=0.0)),
    'sweeps': Part('the many sweeps with momentum of the coarse voxels: 4 without instead',
                   (JITTER, TRUNCATED), constants=[(coarse, 'FROM_NOTHING', coarse.QUICK),
                                                   (coarse, 'BEYOND', coarse.QUICK)]),
    'geometry': Part('the refinement of centres, scales and turns: densities only',
                     ALL,
                     {f'refine.adam.rate_{name}': 0.0
                      for name in ('means', 'log_scales', 'quaternions')}),
    'coarse': Part('the coarse voxels: water in the visual hull instead',
                   (CLEAN, JITTER, PHOTONS),
                   constants=[(coarse, 'solve', water)]),
    'bound': Part('the bound of the anisotropy (6)', (CLEAN, JITTER, PHOTONS),
                  {'refine.adam.max_anisotropy': 1e4}),
    'anisotropy': Part('the anisotropy: spheres only', (CLEAN, JITTER, PHOTONS),
                       {'refine.adam.max_anisotropy': 1.0}),
    'densities': Part('the three density sweeps after the coarse voxels', (JITTER, TRUNCATED),
                      constants=[(solution, 'SWEEP_RATES', ())]),
    STREAM: Part('nothing, shots one by one', (JITTER,), streamed=True),
    'new starts': Part('the new starts of a stream: the one of two views stays', (JITTER,),
                       constants=[(starts, 'FIRST_VIEWS', 2),
                                  (starts, 'GROWTH', math.inf),
                                  (starts, 'LATEST_GROWTH', math.inf)],
                       streamed=True, against=STREAM),
}


@contextmanager
def switched_off(part: Part) -> Iterator[None]:
    """Replace a part's constants, and put them back."""
    with ExitStack() as stack:
        for module, name, value in part.constants:
            stack.enter_context(patch.object(module, name, value))
        yield


def run(problem: Problem, part: Part) -> Iterator[Snapshot]:
    """Yield the volume after every few steps, as ``_peers_methods.ours`` does, without a part."""
    model = Reconstructor(build(ReconstructionConfig, {
        'region.center': problem.region.center.tolist(),
        'region.size': problem.region.size.tolist(), **part.settings}))
    shots = [part.shot(shot) for shot in problem.shots]
    if part.streamed:
        for shot in shots:
            model.add_shot(shot)
            model.settle()
            model.refine(STEPS_A_SHOT)
    else:
        model.add_shots(shots)
    while True:
        yield partial(model.volume, TRUTH_GRID)
        model.refine(CHUNK)

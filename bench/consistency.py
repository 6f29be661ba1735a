"""``./ixgs bench consistency``: which wrong shots are refused, and which good ones with them.

A truncated CT, the virtual rig with its noise, jitter and exposure errors. After 6, 10 and 16
shots the model is asked (``Reconstructor.check``) what it thinks of shots it has not seen: as they
are, and made wrong in one way each. Nothing is tuned here; the seeds are not those of the demo.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
import sys

import numpy as np
from scipy.spatial.transform import Rotation

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import ReconstructionConfig, Reconstructor
from ixgs_ros.shot import Shot
from ixgs_ros.simulation.ct import Ct
from ixgs_ros.simulation.rig import RigConfig, VirtualRig
from ixgs_ros.simulation.sources import load_ct
from ixgs_ros.standardization import Standardizer
from ixgs_ros.standardization.beer_lambert import counts_to_line_integrals
from ixgs_ros.standardization.config import PhysicsConfig

FILLED = (6, 10, 16)
VIEWS, STEPS_A_SHOT, FIRST_SEED = 24, 20, 101

Change = Callable[[Shot, Shot], Shot]


def moved(shot: Shot, degrees: float, millimetres: float) -> Shot:
    """Return the shot with its pose turned about an axis through the region, and shifted."""
    axis = np.array([0.6, 0.64, 0.48])
    motion = RigidTransform(Rotation.from_rotvec(np.deg2rad(degrees) * axis).as_matrix(),
                            1e-3 * millimetres * axis)
    view = shot.view
    return replace(shot, view=View(view.k, motion @ view.reference_from_source, view.height,
                                   view.width))


def with_image(shot: Shot, line_integrals: np.ndarray, weights: np.ndarray) -> Shot:
    """Return the shot with another image."""
    return replace(shot, line_integrals=np.ascontiguousarray(line_integrals),
                   weights=np.ascontiguousarray(weights))


CHANGES: dict[str, Change] = {
    'as it is': lambda shot, other: shot,
    "another view's image": lambda shot, other: with_image(shot, other.line_integrals,
                                                           other.weights),
    'mirrored image': lambda shot, other: with_image(shot, shot.line_integrals[:, ::-1],
                                                     shot.weights[:, ::-1]),
    'upside down': lambda shot, other: with_image(shot, shot.line_integrals[::-1],
                                                  shot.weights[::-1]),
    'turned by 25°': lambda shot, other: moved(shot, 25.0, 0.0),
    'turned by 10°': lambda shot, other: moved(shot, 10.0, 0.0),
    'turned by 3°': lambda shot, other: moved(shot, 3.0, 0.0),
    'shifted by 20 mm': lambda shot, other: moved(shot, 0.0, 20.0),
}


def shots_of(rig: VirtualRig) -> Iterator[Shot]:
    """Yield the rig's shots as the reconstruction gets them, at their reported poses."""
    physics = PhysicsConfig(air_counts=rig.config.detector.air_counts)
    standardizer = Standardizer()
    for planned in rig.shots:
        found = counts_to_line_integrals(rig.expose(planned.index).astype(np.float32), physics)
        view = View(planned.view.k, planned.reported, planned.view.height, planned.view.width)
        yield standardizer.standardize(Shot(planned.index + 1, planned.stamp_ns, view,
                                            found.line_integrals, found.weights))


def refusals(ct: Ct, seed: int) -> dict[tuple[str, int], list[bool]]:
    """Return for each change and number of shots in the model which of the others are refused."""
    rig = VirtualRig(ct, RigConfig(seed=seed, views=VIEWS))
    shots = list(shots_of(rig))
    model = Reconstructor(build(ReconstructionConfig, {
        'region.size': rig.region.size.tolist()}))
    found: dict[tuple[str, int], list[bool]] = {}
    for shot in shots[:max(FILLED)]:
        if model.check(shot).accepted:
            model.add_shot(shot)
            model.settle()
            model.refine(STEPS_A_SHOT)
        else:
            found.setdefault(('as it is', 0), []).append(True)
        if shot.id in FILLED:
            rest = shots[max(FILLED):]
            for name, change in CHANGES.items():
                found[name, shot.id] = [
                    not model.check(change(one, other)).accepted
                    for one, other in zip(rest, rest[1:] + rest[:1])]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table for each CT; return the exit code."""
    parser = argparse.ArgumentParser(prog='consistency', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ct', action='append', help='lidc, phantom, a folder or a file; may be '
                        'given several times (default: lidc and phantom)')
    parser.add_argument('--seeds', type=int, default=3, help='how many seeds (default: 3)')
    arguments = parser.parse_args(argv)
    for name in arguments.ct or ['lidc', 'phantom']:
        ct = load_ct(name)
        total: dict[tuple[str, int], list[bool]] = {}
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
            for key, values in refusals(ct, seed).items():
                total.setdefault(key, []).extend(values)
        while_filling = len(total.get(('as it is', 0), []))
        print(f'\n{ct.name}: refused, per cent ({arguments.seeds} seeds, '
              f'{len(total["as it is", FILLED[0]])} shots a cell); of the '
              f'{arguments.seeds * max(FILLED)} good shots that filled the model '
              f'{while_filling} were refused\n')
        print('| shot | ' + ' | '.join(f'after {k}' for k in FILLED) + ' |')
        print('|---' * (1 + len(FILLED)) + '|')
        for change in CHANGES:
            cells = (f'{100 * np.mean(total[change, k]):.0f}' for k in FILLED)
            print(f'| {change} | ' + ' | '.join(cells) + ' |', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())

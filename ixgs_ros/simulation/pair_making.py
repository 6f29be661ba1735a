"""Fills a pool of shots: bodies drawn from sources, each seen by a C-arm from many sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.bodies import BodySource, draw_body, open_sources, source_name
from ixgs_ros.simulation.bodies.fields import bone_points, box_of
from ixgs_ros.simulation.bodies.tissue import with_ends
from ixgs_ros.simulation.material_caster import MaterialCaster
from ixgs_ros.simulation.materials import Body
from ixgs_ros.simulation.shot_pool import (
    FORMAT,
    INDEX,
    PoolError,
    read_index,
    write_body,
    write_index,
)
from ixgs_ros.simulation.sources import fingerprint

# So far does soft tissue go on beyond the ends of a body.
BEYOND_M = 0.15
# Half precision ends here.
LARGEST = 65504.0


@dataclass(frozen=True)
class PairSettings:
    """What a pool holds.

    Args:
        sources: see :func:`~ixgs_ros.simulation.bodies.open_sources`.
        bodies: how many.
        views: of each body.
        size: rows and columns of a shot.
        seed: body b depends on (seed, b) and the sources only.

    Raises:
        ValueError: a number is not positive, or there is no source.
    """

    sources: tuple[str, ...]
    bodies: int
    views: int
    size: int
    seed: int

    def __post_init__(self) -> None:
        for name, least in (('bodies', 1), ('views', 1), ('size', 8), ('seed', 0)):
            if getattr(self, name) < least:
                raise ValueError(f'expected {name} of at least {least}, got {getattr(self, name)}')
        if not self.sources:
            raise ValueError('expected at least one source, got none')


def make_pairs(folder: Path, settings: PairSettings, done: Callable[[int], None]) -> int:
    """Fill a pool; what is there already stays.

    Args:
        folder: of the pool; made if it is not there.
        settings: what it shall hold. A pool that was broken off goes on with the same ones; it
            may grow in bodies.
        done: called with the number of bodies in the pool as it grows.

    Returns:
        How many bodies were made.

    Raises:
        PoolError: the folder holds something else, or a pool of other settings.
        CtError: a source cannot be used.
    """
    index = _index(folder, settings)
    # A body whose file was lost is made again, the same as it was.
    index['bodies'] = [entry for entry in index['bodies'] if (folder / entry['file']).is_file()]
    have = {entry['body'] for entry in index['bodies']}
    missing = [number for number in range(settings.bodies) if number not in have]
    sources = open_sources(settings.sources) if missing else []
    for number in missing:
        index['bodies'].append(_make_body(folder, number, settings, sources))
        write_index(folder, index)
        done(len(index['bodies']))
    return len(missing)


def draw_isocentres(rng: np.random.Generator, body: Body, count: int) -> np.ndarray:
    """Return points in bone, drawn towards the body's middle from the sides, (count, 3) metres."""
    points = bone_points(body, rng, count)
    lower, upper = box_of(body)
    middle = 0.5 * (lower[0] + upper[0])
    points[:, 0] = middle + rng.uniform(0.0, 1.0, count) * (points[:, 0] - middle)
    return points


def draw_view(rng: np.random.Generator, isocentre: np.ndarray, size: int) -> View:
    """Return a view with LAO and CRAN within ±60°, one in six about lateral.

    The field is about 19 cm wide at the isocentre, narrower than a body.

    Args:
        rng: draws camera and pose.
        isocentre: (3,) what to look at, LPS metres.
        size: rows and columns.
    """
    sdd = rng.uniform(0.95, 1.15)
    carm = CArm(sod=sdd * rng.uniform(0.58, 0.68), sdd=sdd, height=size, width=size,
                pixel_pitch=rng.uniform(0.26, 0.34) / size)
    lao, cran = np.deg2rad(60.0) * rng.uniform(-1.0, 1.0, 2)
    if rng.uniform() < 1.0 / 6.0:
        lao = rng.choice([-1.0, 1.0]) * np.deg2rad(rng.uniform(75.0, 105.0))
        cran = np.deg2rad(rng.uniform(-15.0, 15.0))
    angles = CArmAngles(lao, cran, np.deg2rad(15.0) * rng.uniform(-1.0, 1.0), isocentre)
    return carm.view(angles, rng.normal(0.0, 0.003, 2))


def _make_body(folder: Path, number: int, settings: PairSettings,
               sources: list[BodySource]) -> dict:
    """Write one body's shots and return its entry of the index."""
    rng = np.random.default_rng([settings.seed, number])
    body, source = draw_body(rng, sources)
    caster = MaterialCaster(with_ends(body, BEYOND_M))
    shots = [caster.cast(draw_view(rng, isocentre, settings.size))
             for isocentre in draw_isocentres(rng, body, settings.views)]
    largest = max(float(shot.areas.max()) for shot in shots)
    if largest > LARGEST:
        raise ValueError(f'body {number}: expected areas up to {LARGEST} kg/m², got {largest}')
    name = f'body_{number:05d}.npz'
    write_body(folder, name, shots)
    return {'body': number, 'file': name, 'source': source, 'seed': [settings.seed, number],
            'metal': body.metal}


def _index(folder: Path, settings: PairSettings) -> dict:
    """Return the index to go on with, new or as it was left."""
    wanted = {'format': FORMAT, **asdict(settings), 'sources': _fingerprints(settings.sources)}
    del wanted['bodies']
    if not (folder / INDEX).exists():
        if folder.exists() and any(folder.iterdir()):
            raise PoolError(f'{folder}: expected an empty folder or a pool, got other files')
        folder.mkdir(parents=True, exist_ok=True)
        index = {**wanted, 'bodies': []}
        write_index(folder, index)
        return index
    index = read_index(folder)
    for name, value in wanted.items():
        if index.get(name) != value:
            raise PoolError(f'{folder}: the pool was begun with {name} {index.get(name)}, not '
                            f'{value}; take another folder')
    return index


def _fingerprints(sources: Sequence[str]) -> list[list[str]]:
    """Return the sources and, of files and folders, their digests: another CT is another.

    Raises:
        PoolError: two sources have one name, by which their shots are told apart.
    """
    names = [source_name(place) for place in dict.fromkeys(sources)]
    for name in names:
        if names.count(name) > 1:
            raise PoolError(f'expected sources of different names, got {names.count(name)} times '
                            f'{name}: what is made of them is told apart by it')
    return [[Path(place).name, fingerprint(place)] for place in sources]

"""Where the contrast medium is: how bright each blood pool and organ of a body is, HU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Contrast:
    """Hounsfield units of blood by place, and of what filters it.

    ``injected`` is the vein that the medium comes in by, ``right`` the right heart and the
    pulmonary arteries, ``left`` the left heart, the pulmonary veins and arteries of the body,
    ``veins`` the lower vena cava; ``urine`` kidneys' pelves, ureters and bladder.
    """

    injected: float
    right: float
    left: float
    veins: float
    muscle: float
    liver: float
    kidney: float
    urine: float


def draw_contrast(rng: np.random.Generator) -> Contrast:
    """Return a phase: none, medium in the lung's arteries, in the body's, or all over.

    Levels as CT angiography aims for (250 to 500 HU) and venous phases reach (100 to 200 HU).
    """
    blood, liver = rng.uniform(30.0, 55.0), rng.uniform(35.0, 68.0)
    kind = rng.choice(['none', 'lung', 'body', 'mixed', 'venous', 'late'],
                      p=[0.2, 0.16, 0.24, 0.16, 0.16, 0.08])
    urine = rng.uniform(250.0, 1500.0) if rng.uniform() < 0.2 else rng.uniform(0.0, 15.0)
    if kind == 'none':
        return Contrast(blood, blood, blood, blood, 50.0, liver, 34.0, urine)
    if kind == 'late':
        level = rng.uniform(60.0, 110.0)
        return Contrast(level, level, level, level, 70.0, liver + 25.0, 90.0,
                        rng.uniform(300.0, 2000.0))
    if kind == 'venous':
        level = rng.uniform(100.0, 210.0)
        return Contrast(level, level, level, level * rng.uniform(0.7, 1.05),
                        rng.uniform(70.0, 100.0), liver + rng.uniform(20.0, 60.0),
                        rng.uniform(140.0, 220.0), urine)
    bright, dim = rng.uniform(200.0, 500.0), rng.uniform(blood, 220.0)
    right, left = {'lung': (bright, dim), 'body': (dim, bright),
                   'mixed': (bright, bright * rng.uniform(0.6, 1.2))}[kind]
    injected = rng.choice([right, rng.uniform(300.0, 1400.0)])
    return Contrast(float(injected), right, left, rng.uniform(blood, 120.0),
                    rng.uniform(55.0, 110.0), liver + rng.uniform(0.0, 25.0),
                    rng.uniform(60.0, 200.0), urine)

"""Draw docs/images/procedural_bodies.png: procedural bodies from before and from the side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.simulation.bodies.fields import box_of
from ixgs_ros.simulation.bodies.procedural import body_at
from ixgs_ros.simulation.bodies.tissue import with_ends
from ixgs_ros.simulation.material_caster import MaterialCaster
from ixgs_ros.simulation.materials import reference_attenuation

PICTURE = Path(__file__).resolve().parents[1] / 'docs' / 'images' / 'procedural_bodies.png'
# Heights of L5, mm, from a chest to a pelvis; the seed is the place in the list.
HEIGHTS = (-350.0, -330.0, -310.0, -230.0, -150.0, 20.0, 50.0)
PIXELS = 230
FIELD_M = 0.52


def main(picture: Path = PICTURE) -> None:
    """Draw a column a body: what a shot shows and its bone, AP above and lateral below."""
    carm = CArm(sod=0.9, sdd=1.1, height=PIXELS, width=PIXELS, pixel_pitch=FIELD_M / PIXELS)
    columns = []
    for seed, height in enumerate(HEIGHTS):
        body = body_at(np.random.default_rng(seed), height)
        middle = 0.5 * np.add(*box_of(body))
        caster = MaterialCaster(with_ends(body, 0.05))
        tiles = []
        for lao in (0.0, 0.5 * np.pi):
            shot = caster.cast(carm.view(CArmAngles(lao, 0.0, 0.0, middle)))
            tiles += [_grey(reference_attenuation(shot.areas), 0.4), _grey(shot.bone, 0.0)]
        columns.append(np.vstack(tiles))
    cv2.imwrite(str(picture), np.hstack(columns))


def _grey(image: np.ndarray, low: float) -> np.ndarray:
    """Return line integrals as grey values from ``low`` to nearly the largest."""
    top = max(float(np.percentile(image, 99.2)), low + 0.5)
    return (255.0 * np.clip((image - low) / (top - low), 0.0, 1.0)).astype(np.uint8)


if __name__ == '__main__':
    main()

"""Draw docs/images/standardization_physics.png: one shot of a body under each effect.

    python tools/draw_physics_sheet.py [OUT.png]

The body is the chest LIDC-IDRI-0001 (CC BY 3.0, doi:10.7937/K9/TCIA.2015.LO9QL9SX), downloaded on
first use. Shown are line integrals, dark where little is in the way, as vendors show them; what
the mask leaves out is tinted.
"""

from __future__ import annotations

from dataclasses import replace
import sys

import matplotlib
from matplotlib import pyplot as plt
import numpy as np

from ixgs_ros.geometry.orbits import CArm, CArmAngles
from ixgs_ros.simulation.material_caster import cast
from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.materials import body_of
from ixgs_ros.simulation.physics import draw_physics, expose_shot, Physics
from ixgs_ros.simulation.sources import load_ct

SIZE, FIELD_M = 256, 0.3
ASIDE = np.array([0.07, 0.0, 0.02])      # of the spine, so that lung and rib are in the picture
PLAIN = Physics(photons=5e4)
EFFECTS = {
    'ideal, 100 kV': PLAIN,
    '65 kV': replace(PLAIN, kvp=65.0),
    '0.6 mm copper': replace(PLAIN, copper=0.6),
    'table and its edge': replace(PLAIN, table=20.0, table_edge=0.2, table_angle=0.4),
    'heel 12 %, vignetting 20 %': replace(PLAIN, heel=0.12, vignetting=0.2),
    'round collimator': replace(PLAIN, round_radius=0.75, scatter=0.5, penumbra=0.003),
    'turned shutters': replace(PLAIN, shutter_width=0.5, shutter_height=0.8, shutter_angle=0.4,
                               scatter=0.5),
    'scatter 0.5': replace(PLAIN, scatter=0.5),
    'scatter 2.5': replace(PLAIN, scatter=2.5),
    'glare 10 %': replace(PLAIN, glare=0.1),
    'focal spot 0.8 mm, panel 0.2': replace(PLAIN, focal_blur=0.0008, panel_mtf=0.2),
    'motion 5 mm': replace(PLAIN, motion=0.005, motion_angle=0.6),
    'few photons': replace(PLAIN, photons=400.0, swank=0.7),
    'electronic noise': replace(PLAIN, photons=400.0, electronic=15.0),
    'saturated air and lung': replace(PLAIN, headroom=4.0),
    'panel residuals, defects': replace(PLAIN, gain_residual=0.015, line_residual=0.004,
                                        dead_pixels=1e-3, dead_lines=2.0),
    'edge enhancement': replace(PLAIN, enhancement=1.5),
    '8 bit, gamma 0.2 taken for 0.22': replace(PLAIN, gamma=0.2, window=3.0, bits=8.0,
                                               gamma_error=1.1),
    'exposure unknown: + 0.5': replace(PLAIN, exposure_error=0.5),
}
DRAWN = 9
COLUMNS = 7


def chest() -> MaterialShot:
    """Return a shot of the thoracic spine, aside of it a lung."""
    ct = load_ct('lidc')
    center = ct.center if ct.target is None else ct.target
    carm = CArm(height=SIZE, width=SIZE, pixel_pitch=FIELD_M / SIZE)
    angles = CArmAngles(lao=0.35, cran=0.1, isocentre=center + ASIDE)
    return cast(body_of(ct), carm.view(angles))


def draw(axes: plt.Axes, shot: MaterialShot, physics: Physics, title: str, seed: int) -> None:
    """Show one exposure on axes of its own."""
    exposed = expose_shot(shot, physics, np.random.default_rng(seed))
    low, high = np.quantile(exposed.line_integrals[exposed.mask], [0.003, 0.997])
    grey = np.clip((exposed.line_integrals - low) / (high - low), 0, 1)
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[~exposed.mask] = 0.6 * picture[~exposed.mask] + 0.4 * np.array([0.2, 0.4, 0.9])
    axes.imshow(picture)
    axes.set_title(f'{title}\n{low:.1f} to {high:.1f}', fontsize=7)


def main() -> None:
    """Write the sheet."""
    matplotlib.use('agg')
    target = sys.argv[1] if len(sys.argv) > 1 else 'docs/images/standardization_physics.png'
    shot = chest()
    rows = -(-(len(EFFECTS) + DRAWN) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(1.75 * COLUMNS, 2.05 * rows))
    cells = iter(grid.ravel())
    for title, physics in EFFECTS.items():
        draw(next(cells), shot, physics, title, seed=0)
    for seed in range(DRAWN):
        physics = draw_physics(np.random.default_rng(seed))
        draw(next(cells), shot, physics, f'drawn, {physics.kvp:.0f} kV', seed)
    for axes in grid.ravel():
        axes.axis('off')
    figure.tight_layout(pad=0.4)
    figure.savefig(target, dpi=110)


if __name__ == '__main__':
    main()

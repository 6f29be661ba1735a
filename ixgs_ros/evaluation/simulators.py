"""What takes the shots: an independent simulator, or the one that training shots come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from ixgs_ros.evaluation.gecatsim_shots import scale_to, Setup, shoot
from ixgs_ros.evaluation.patient import Patient
from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.geometry.view import View
from ixgs_ros.simulation.materials import body_of, contrast_attenuation
from ixgs_ros.simulation.ray_caster import RayCaster

# The beam widens to 0.29 m behind the isocentre, and a slanting ray runs 0.6 m through a body.
SPACING, ACROSS, DEEP = 0.002, 146, 320
SCALING_VIEWS = 3
# The tube's current follows the body, as automatic exposure does: 5000 photons on each mm² in the
# middle of the field, which is exp(-4.6) of what 100 mA bring through air.
CURRENT, WANTED = 100.0, 4.6
# Which shots a simulator takes. A number grows with each change that makes other shots, so that
# those of before are neither reused nor in one mean with the new ones. gecatsim 2: contrast medium
# is iodine.
VERSIONS = {'gecatsim': 2, 'ours': 1}


class Simulator(Protocol):
    """Takes the shots of one patient."""

    def line_integrals(self, view: View, number: int) -> np.ndarray:
        """Return what a view measures, (H, W) float32, NaN where the panel shows nothing.

        Args:
            view: where.
            number: of the station; it seeds the shot's chance.
        """


class Gecatsim:
    """The whole body by gecatsim, with noise and scatter; right exposures.

    One factor for the patient takes the beam's effective energy away. It is fitted on shots
    without noise and scatter, which would be taken for a matter of energy.

    Args:
        patient: whom.
        carm: the rig.
        views: some of the views, to fit the factor on.
        seed: of the noise.
    """

    def __init__(self, patient: Patient, carm: CArm, views: list[View], seed: int) -> None:
        self._patient, self._seed = patient, seed
        self._contrast = contrast_attenuation(body_of(patient.ct))
        self._caster = RayCaster.from_affine(patient.per_m, patient.reference_from_index)
        self._clean = Setup(carm.sod, carm.sdd, SPACING, ACROSS, DEEP, noise=False)
        self._views, self._scale = views[:SCALING_VIEWS], 0.0

    def line_integrals(self, view: View, number: int) -> np.ndarray:
        """Return what a view measures, (H, W) float32."""
        if self._scale == 0.0:
            self._scale = scale_to([self._caster.project(v) for v in self._views],
                                   [self._shoot(v, self._clean, 0) for v in self._views])
        rig = replace(self._clean, noise=True, scatter=True,
                      current=automatic_current(self._caster.project(view)))
        image = self._shoot(view, rig, 1000 * self._seed + number)
        return (self._scale * image).astype(np.float32)

    def _shoot(self, view: View, rig: Setup, seed: int) -> np.ndarray:
        return shoot(self._patient.per_m, self._patient.reference_from_index, view, rig, seed,
                     self._contrast)


def automatic_current(line_integrals: np.ndarray) -> float:
    """Return the tube's current, mA, for a body with these line integrals, (H, W)."""
    height, width = line_integrals.shape
    middle = line_integrals[height // 4:-(height // 4), width // 4:-(width // 4)]
    return CURRENT * float(np.exp(np.median(middle) - WANTED))


class Ours:
    """The simulator that training shots come from: what the network knows, to compare with.

    Args:
        patient: whom.
        seed: of the rig's physics, which differ from shot to shot, and of the noise.
    """

    def __init__(self, patient: Patient, seed: int) -> None:
        self._body, self._seed = body_of(patient.ct), seed
        self._lps_from_reference = patient.lps_from_reference

    def line_integrals(self, view: View, number: int) -> np.ndarray:
        """Return what a view measures, (H, W) float32, NaN outside the collimator's field."""
        from ixgs_ros.simulation.material_caster import cast
        from ixgs_ros.simulation.physics import draw_physics, expose_shot
        in_lps = View(view.k, self._lps_from_reference @ view.reference_from_source, view.height,
                      view.width)
        rng = np.random.default_rng((self._seed, number))
        exposed = expose_shot(cast(self._body, in_lps), draw_physics(rng), rng)
        return np.where(exposed.mask, exposed.line_integrals, np.nan).astype(np.float32)

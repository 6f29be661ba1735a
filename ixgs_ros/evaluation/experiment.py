"""The experiment on one patient: shots, arms, reconstructions, figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
import time
from typing import Any

import numpy as np

from ixgs_ros.evaluation.arms import Arm
from ixgs_ros.evaluation.figures_of_merit import (
    held_out_figures,
    HeldOutFigures,
    volume_figures,
    VolumeFigures,
)
from ixgs_ros.evaluation.patient import GRID, Patient
from ixgs_ros.evaluation.shot_cache import ShotCache
from ixgs_ros.evaluation.simulators import Gecatsim, Ours, Simulator, VERSIONS
from ixgs_ros.evaluation.table import Question, Row
from ixgs_ros.evaluation.trajectories import held_out, stations, used
from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import build
from ixgs_ros.reconstruction import ReconstructionConfig, Reconstructor
from ixgs_ros.shot import Shot
from ixgs_ros.standardization.network.evaluation import figures, mean_figures
from ixgs_ros.standardization.standardizer import Standardizer
from ixgs_ros.standardization.weights import photon_weights
from ixgs_ros.verdict import Refusal

# The region that is reconstructed is wider than the sphere, as a surgeon's would be.
REGION_SIZE = 0.160
DETECTOR_EDGE = 0.3072
CHUNK = 4
LEAST_SHOTS = 2
WARM_SECONDS = 5.0
BONE_FIGURES = ('relative_l1', 'invented', 'lost')


@dataclass(frozen=True)
class Series:
    """The shots of one patient.

    Args:
        ct: its name.
        simulator: of :data:`~ixgs_ros.evaluation.simulators.VERSIONS`.
        trajectory: of `trajectories.TRAJECTORIES`.
        seed: of stations and noise.
        pixels: edge of the images.
    """

    ct: str
    simulator: str
    trajectory: str
    seed: int
    pixels: int

    @property
    def carm(self) -> CArm:
        """The C-arm with a detector of 0.307 m."""
        return CArm(pixel_pitch=DETECTOR_EDGE / self.pixels, height=self.pixels,
                    width=self.pixels)

    @property
    def views(self) -> list[View]:
        """All views, held-out ones too."""
        return [self.carm.view(station) for station in stations(self.trajectory, self.seed)]

    @property
    def made_by(self) -> str:
        """The simulator with the version of its shots, by which shots and rows are known again."""
        version = VERSIONS[self.simulator]
        return self.simulator if version == 1 else f'{self.simulator}-{version}'

    @property
    def folder(self) -> str:
        """Name of the folder that the shots are kept in."""
        return '_'.join(str(value) for value in self._named().values())

    def _named(self) -> dict[str, Any]:
        return {**asdict(self), 'simulator': self.made_by}

    def question(self, arm: str, version: str, views: int, seconds: float) -> Question:
        """Return what is asked of an arm."""
        return Question(**self._named(), seconds=seconds, arm=arm, version=version, views=views)


class Experiment:
    """Answers questions about one series.

    Args:
        series: which shots.
        patient: of whom.
        folder: where shots are kept.
        simulator: takes the shots; the one that the series names if None.
    """

    def __init__(self, series: Series, patient: Patient, folder: Path,
                 simulator: Simulator | None = None) -> None:
        self._series, self._views = series, series.views
        if simulator is None:
            simulator = (Ours(patient, series.seed) if series.simulator == 'ours'
                         else Gecatsim(patient, series.carm, self._views, series.seed))
        self._cache = ShotCache(folder / series.folder, simulator)
        self._bone = patient.bone_images(self._views)
        self._truth = patient.truth()
        self._physics = Standardizer()

    def take(self, numbers: Iterable[int], said: Callable[[int], None]) -> None:
        """Take the shots of these stations that are not kept yet."""
        for done, number in enumerate(numbers, start=1):
            self._cache.shot(self._views[number], number)
            said(done)

    def warm_up(self, question: Question) -> None:
        """Compile all that reconstructs, which no arm is to be charged for."""
        shots = [self._measured(k) for k in used(question.trajectory, question.views)]
        # Twice, for the first time may be spent on compiling alone. Shots that cannot be used are
        # for the arms to tell.
        for _ in range(2):
            with suppress(Refusal):
                reconstruct(shots, min(WARM_SECONDS, question.seconds))

    def answer(self, question: Question, arm: Arm) -> Row:
        """Reconstruct from an arm's shots and return the figures.

        Those of the reconstruction are NaN where the shots made no volume.
        """
        shots, refused, views = [], 0, []
        for number in used(question.trajectory, question.views):
            measured = self._measured(number)
            try:
                shots.append(arm(measured, self._bone[number]))
            except Refusal:
                refused += 1
                continue
            if shots[-1].quantity == 'bone':
                views.append(figures(shots[-1].line_integrals, self._bone[number],
                                     self._usable(measured)))
        volume, predicted = VolumeFigures(*8 * [np.nan]), HeldOutFigures(*2 * [np.nan])
        if len(shots) >= LEAST_SHOTS:
            model = reconstruct(shots, question.seconds)
            volume = volume_figures(model.volume(GRID), self._truth)
            predicted = self._predict(question.trajectory, model)
        means = mean_figures(views) or dict.fromkeys(BONE_FIGURES, np.nan)
        return Row(**asdict(question), **asdict(volume), **asdict(predicted), refused=refused,
                   relative_l1=means['relative_l1'], invented=means['invented'],
                   lost=means['lost'])

    def _predict(self, trajectory: str, model: Reconstructor) -> HeldOutFigures:
        """Return how well a model predicts the held-out views."""
        numbers = held_out(trajectory)
        return held_out_figures(model.model, [self._views[k] for k in numbers],
                                [self._bone[k] for k in numbers])

    def _usable(self, measured: Shot) -> np.ndarray:
        """Return the pixels (H, W) bool that a standardizer has to speak of.

        All but unusable ones: what the network leaves open counts as said.
        """
        return self._physics.standardize(measured).weights > 0

    def _measured(self, number: int) -> Shot:
        """Return a shot as acquisition hands it on."""
        image = self._cache.shot(self._views[number], number)
        usable = np.isfinite(image)
        image = np.where(usable, image, 0.0)
        return Shot(number + 1, number * 10**9, self._views[number], image,
                    photon_weights(image, usable))


def reconstruct(shots: list[Shot], seconds: float) -> Reconstructor:
    """Return a reconstruction of all shots at once, after so many CPU seconds of all threads.

    What the shots are of is what is reconstructed; all else are default settings. It ends early
    when its own held-out pixels say so.
    """
    model = Reconstructor(build(ReconstructionConfig, {
        'region.size': [REGION_SIZE] * 3, 'quantity': shots[0].quantity}))
    started = time.process_time()
    model.add_shots(shots)
    while time.process_time() - started < seconds and not model.converged:
        model.refine(CHUNK)
    return model

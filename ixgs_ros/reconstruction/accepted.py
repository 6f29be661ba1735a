"""The shots that were accepted, what is said of each, and the region that they show."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from ixgs_ros.geometry.region import automatic_region, NoRegionError, SMALLEST_ANGLE
from ixgs_ros.reconstruction import checks, outliers, state
from ixgs_ros.reconstruction.agreement import agreement
from ixgs_ros.reconstruction.config import ReconstructionConfig
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.reconstruction.fit import ShotFit
from ixgs_ros.reconstruction.measurement import measure, Measurement
from ixgs_ros.reconstruction.solution import Solution
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, Refusal, Verdict
from ixgs_ros.volume.grid import Region

# Steps of a new shot's pose towards the model, before it is judged.
NEW_ALIGNMENTS = 2


@dataclass(frozen=True)
class Judgement:
    """What becomes of a shot.

    Args:
        verdict: the code and a sentence.
        region: of the volume with this shot.
        agreement: of the image's structure with the model's; NaN without a model.
        correction: of its pose.
    """

    verdict: Verdict
    region: Region | None
    agreement: float
    correction: Correction


class Accepted:
    """The shots in the order in which they came; `fits` has one entry for each.

    Args:
        config: all settings.
    """

    def __init__(self, config: ReconstructionConfig) -> None:
        self.shots: list[Shot] = []
        self.fits: dict[int, ShotFit] = {}
        size = np.array(config.region.size)
        self.region = Region(np.array(config.region.center), size) if size.any() else None
        self._automatic = self.region is None
        self._config = config

    @property
    def quantity(self) -> str:
        """What the volume holds: 'attenuation' or 'bone'; '' while no shot has decided it."""
        if self._config.quantity != 'auto':
            return self._config.quantity
        return self.shots[0].quantity if self.shots else ''

    @property
    def used(self) -> np.ndarray:
        """Which of the shots take part, (shots,) bool; those in quarantine do not."""
        return np.array([not self.fits[shot.id].aside for shot in self.shots], dtype=bool)

    @property
    def taking_part(self) -> list[Shot]:
        """The shots that are not in quarantine."""
        return [shot for shot in self.shots if not self.fits[shot.id].aside]

    @property
    def views(self) -> int:
        """How many take part."""
        return int(self.used.sum())

    def copy(self) -> Accepted:
        """Return the same, apart: what becomes of one changes nothing of the other."""
        result = copy(self)
        result.shots = list(self.shots)
        result.fits = {shot_id: replace(fit) for shot_id, fit in self.fits.items()}
        return result

    def set_region(self, region: Region) -> None:
        """Let the region be this one, whatever the shots show."""
        self.region = region
        self._automatic = False

    def measured(self, shot: Shot, region: Region) -> Measurement:
        """Return an accepted shot as the solver uses it, its pose as it was fitted last."""
        return measure(shot, region.center, self._config, self.fits[shot.id].correction)

    def judge(self, shot: Shot, solution: Solution | None) -> Judgement:
        """Return what becomes of a shot; changes nothing.

        Args:
            shot: that comes.
            solution: the model of those before it, if there is one.
        """
        region, agreed, correction = self.region, float('nan'), Correction()
        verdict = (checks.check_quantity(shot, self.quantity) or checks.check_size(shot)
                   or checks.check_duplicate(shot, self.shots)
                   or checks.check_room(len(self.shots), self._config.max_shots))
        if verdict is None and region is None and self.shots:
            region, verdict = self._region_with(shot)
        if verdict is None and region is not None:
            verdict = checks.check_overlap(shot, region)
        if verdict is None and solution is not None:
            m = self._aligned(shot, solution)
            correction = m.correction
            agreed = agreement(m.values, solution.image(m), (m.weights > 0) | (m.held_out > 0))
            before = [f.agreement for f in self.fits.values()
                      if not f.aside and not np.isnan(f.agreement)]
            verdict = checks.check_consistency(agreed, self.views, before)
        if verdict is None:
            verdict = checks.acceptance(shot, len(self.shots) + 1, region, correction,
                                        self._config.volume.spacing,
                                        checks.depth_hint([*self.shots, shot]))
        return Judgement(verdict, region, agreed, correction)

    def accept(self, shot: Shot, solution: Solution | None) -> ShotFit:
        """Judge and remember a shot.

        Raises:
            Refusal: it is not accepted; nothing has changed.
        """
        found = self.judge(shot, solution)
        if not found.verdict.accepted:
            raise Refusal(found.verdict.code, found.verdict.message)
        self.region = found.region
        self.shots.append(shot)
        self.fits[shot.id] = ShotFit(shot.id, found.verdict, agreement=found.agreement,
                                     correction=found.correction)
        return self.fits[shot.id]

    def take_back(self, region: Region | None) -> None:
        """Forget the last shot, which nothing was fitted to yet; the region is that of before."""
        del self.fits[self.shots.pop().id]
        self.region = region

    def forget(self, shot_id: int) -> None:
        """Forget a shot and nothing else: region and fits are those of the model with it."""
        del self.fits[shot_id]
        self.shots = [shot for shot in self.shots if shot.id != shot_id]

    def remove(self, shot_id: int) -> None:
        """Forget a shot, and all that was fitted together with it.

        Raises:
            KeyError: there is no such shot.
        """
        if shot_id not in self.fits:
            raise KeyError(f'expected the id of an accepted shot, one of {sorted(self.fits)}, got '
                           f'{shot_id}')
        later = {shot.id for shot in self.shots[[s.id for s in self.shots].index(shot_id):]}
        self.forget(shot_id)
        if self._automatic:
            self.region = self._first_region()
        hint = checks.depth_hint(self.shots)
        for number, shot in enumerate(self.shots, 1):
            verdict = checks.acceptance(shot, number, self.region, Correction(),
                                        self._config.volume.spacing, hint)
            # What foretold the later ones had seen the shot that is out.
            agreed = float('nan') if shot.id in later else self.fits[shot.id].agreement
            self.fits[shot.id] = ShotFit(shot.id, verdict, agreement=agreed)

    def report(self, solution: Solution) -> None:
        """Bring what is said of each shot up to date."""
        exposures, hint = solution.exposures, checks.depth_hint(self.shots)
        for k, shot in enumerate(self.shots):
            fit, correction = self.fits[shot.id], solution.measurements[k].correction
            fit.exposure_offset = float(exposures.offsets[k])
            fit.scale = float(exposures.scales[k])
            fit.correction = correction
            if fit.aside:
                fit.verdict = outliers.quarantine(solution.misfits, solution.used, k)
            else:
                fit.verdict = checks.acceptance(shot, k + 1, self.region, correction,
                                                self._config.volume.spacing, hint)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all of it as arrays; see `state`."""
        arrays = {'automatic': np.asarray(self._automatic)}
        for k, shot in enumerate(self.shots):
            arrays |= state.shot_arrays(shot, f'shots/{k}/')
        fits = [self.fits[shot.id] for shot in self.shots]
        arrays['fits'] = np.array([[fit.residual, fit.agreement, fit.aside]
                                   for fit in fits]).reshape(-1, 3)
        corrections = [state.correction_array(fit.correction) for fit in fits]
        arrays['corrections'] = np.array(corrections).reshape(-1, state.CORRECTION)
        if self.region is not None:
            arrays['region'] = np.stack([self.region.center, self.region.size])
        return arrays

    @staticmethod
    def restored(config: ReconstructionConfig, arrays: Mapping[str, np.ndarray]) -> Accepted:
        """Return the shots of :meth:`arrays`.

        Raises:
            KeyError, TypeError, ValueError: an array is missing or wrong, or there are too many.
        """
        state.check_shots(len(arrays['fits']), config.max_shots)
        result = Accepted(config)
        result.shots = [state.shot_from(arrays, f'shots/{k}/')
                        for k in range(len(arrays['fits']))]
        for shot, (residual, agreed, aside), numbers in zip(result.shots, arrays['fits'],
                                                            arrays['corrections'], strict=True):
            result.fits[shot.id] = ShotFit(shot.id, Verdict(Code.ACCEPTED, 'resumed'),
                                           float(residual), agreement=float(agreed),
                                           correction=state.correction_from(numbers),
                                           aside=bool(aside))
        if 'region' in arrays:
            result.region = Region(*arrays['region'])
        result._automatic = bool(arrays['automatic'])
        return result

    def _aligned(self, shot: Shot, solution: Solution) -> Measurement:
        """Return a new shot's measurement, its pose fitted to the model if that may be done."""
        m = measure(shot, solution.region.center, self._config)
        if self.views >= self._config.poses.least_views:
            for _ in range(NEW_ALIGNMENTS):
                m = m.moved(solution.aligned(m))
        return m

    def _region_with(self, shot: Shot) -> tuple[Region | None, Verdict | None]:
        """Return the automatic region of all shots and this one, or why there cannot be one."""
        views = [s.view for s in (*self.shots, shot)]
        if checks.largest_angle(views) < SMALLEST_ANGLE:
            return None, None
        try:
            return automatic_region(views), None
        except NoRegionError as error:
            return None, Verdict(Code.OUT_OF_VIEW, str(error))

    def _first_region(self) -> Region | None:
        """Return the automatic region that the shots would have had, come one by one."""
        for count in range(2, len(self.shots) + 1):
            views = [shot.view for shot in self.shots[:count]]
            if checks.largest_angle(views) >= SMALLEST_ANGLE:
                with suppress(NoRegionError):
                    return automatic_region(views)
        return None

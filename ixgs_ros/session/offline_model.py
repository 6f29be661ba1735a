"""One model of an offline run: the shots it took, its budget, and what became of each image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.reconstruction.reconstructor import Reconstructor
from ixgs_ros.session.budget import Budget
from ixgs_ros.session.clock import PartClock, WorkClock
from ixgs_ros.session.report import Report, ShotRecord
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import judged
from ixgs_ros.volume.grid import Region, VoxelGrid


@dataclass(frozen=True, eq=False)
class Made:
    """What was made of the shots of one quantity.

    Args:
        report: without metrics.
        volume: (z, y, x) float32 in 1/m; None if the shots do not make a model.
        deviation: of its voxels; None also where none is known, see `reconstruction.confidence`.
        grid: where its voxels lie; None with the volume.
        region: what was reconstructed; None with the volume.
    """

    report: Report
    volume: np.ndarray | None
    deviation: np.ndarray | None
    grid: VoxelGrid | None
    region: Region | None


class OfflineModel:
    """A reconstruction that takes what the stages before it pass on.

    Args:
        config: of the reconstruction.
        budget: how much it is refined.
        common: the clock of the work that all models share.
        models: how many models share it.
        failed: gets what was not foreseen in the work on a shot, which is then FAILED.
    """

    def __init__(self, config: ReconstructorConfig, budget: Budget, common: WorkClock,
                 models: int, failed: Callable[[Exception], None]) -> None:
        self.reconstructor = Reconstructor(config)
        self.clock = WorkClock()
        self._budget = budget
        self._spent = PartClock(self.clock, common, models)
        self._failed = failed
        self._refused: list[ShotRecord] = []
        self._stamps: dict[int, int] = {}
        self._seconds: dict[int, float] = {}

    def refuse(self, record: ShotRecord) -> None:
        """Keep what became of an image that the stages before did not pass on."""
        self._refused.append(record)

    def take(self, shot: Shot, before_s: float) -> None:
        """Fit a shot, or keep why not, and refine.

        Args:
            shot: standardized.
            before_s: wall time that the stages before spent on it.
        """
        started = self.clock.wall_s
        with self.clock:
            verdict = judged(partial(self._fit, shot), self._failed)
            if verdict is not None:
                self._take_out(shot)
                self.refuse(ShotRecord.refused(shot.id, shot.stamp_ns, verdict))
                return
        self._stamps[shot.id] = shot.stamp_ns
        self._seconds[shot.id] = before_s + self.clock.wall_s - started

    def _fit(self, shot: Shot) -> None:
        self.reconstructor.add_shot(shot)
        self.reconstructor.settle()
        self._budget.after_shot(self.reconstructor, self._spent)

    def _take_out(self, shot: Shot) -> None:
        """Let the model be that of the other shots, where the work on one failed half-way."""
        if shot.id in self.reconstructor.fits:
            try:
                self.reconstructor.remove_shot(shot.id)
            except Exception as error:  # it is out all the same, and others are to come
                self._failed(error)

    def record(self, shot_id: int) -> ShotRecord:
        """Return what became of an image so far."""
        if shot_id in self._stamps:
            return ShotRecord.fitted(self._stamps[shot_id], self.reconstructor.fits[shot_id])
        return next(record for record in self._refused if record.id == shot_id)

    def finish(self) -> Made:
        """Refine to the end of the budget, and voxelize."""
        model = self.reconstructor
        volume = deviation = None
        with self.clock:
            self._budget.at_end(model, self._spent)
            model.bring_up_to_date()
            if model.grid is not None and len(model.model) > 0:
                volume = model.volume()
        if volume is not None:
            known = model.deviation()
            deviation = None if known is None else known.volume
        found = volume is not None
        return Made(self._report(), volume, deviation, model.grid if found else None,
                    model.region if found else None)

    def quarantined(self) -> list[str]:
        """Return what is said of the shots that the model does not explain in the end."""
        return [f'shot {fit.id}: {fit.verdict.code.value}: {fit.verdict.message}'
                for fit in self.reconstructor.fits.values() if fit.aside]

    def _report(self) -> Report:
        model = self.reconstructor
        records = [*self._refused, *(self.record(shot_id) for shot_id in self._stamps)]
        return Report(records, list(self._seconds.values()), self.clock.cpu_s, self.clock.wall_s,
                      len(model.model), model.steps, model.held_out_residual,
                      contradiction=model.contradiction)

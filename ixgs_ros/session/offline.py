"""A recording through the core, shot after shot, without ROS: what the nodes do, at full speed.

The bag's own times are the clock of the acquisition, so two runs see the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ixgs_ros.acquisition import (
    AcquiredShot,
    Acquisition,
    CameraModel,
    CompressedFrame,
    ImageFrame,
    Outcome,
)
from ixgs_ros.nodes.warm_up import warm_up
from ixgs_ros.reconstruction.available import available_memory, check_memory
from ixgs_ros.reconstruction.memory import estimate_memory, MemoryEstimate
from ixgs_ros.reconstruction.reconstructor import Reconstructor
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.bag_messages import Message, Transforms
from ixgs_ros.session.budget import Budget
from ixgs_ros.session.clock import WorkClock
from ixgs_ros.session.parameters_file import Parameters
from ixgs_ros.session.report import Report, ShotRecord
from ixgs_ros.standardization import Standardizer
from ixgs_ros.verdict import Refusal
from ixgs_ros.volume.grid import Region, VoxelGrid


@dataclass(frozen=True)
class ShotEvent:
    """One image message that got its verdict.

    Args:
        record: what became of it.
        views: shots in the model.
        held_out_residual: so far; NaN if there is none yet.
        seconds: wall time spent on it.
    """

    record: ShotRecord
    views: int
    held_out_residual: float
    seconds: float


@dataclass(frozen=True, eq=False)
class OfflineResult:
    """What an offline run gives.

    Args:
        report: without metrics.
        volume: (z, y, x) float32 in 1/m; None if the shots do not make a model.
        deviation: of its voxels; None also where none is known, see `reconstruction.confidence`.
        grid: where its voxels lie; None with the volume.
        region: what was reconstructed; None with the volume.
        events: what else there is to say, in words: of the acquisition, and of shots that were
            accepted and then set aside.
    """

    report: Report
    volume: np.ndarray | None
    deviation: np.ndarray | None
    grid: VoxelGrid | None
    region: Region | None
    events: list[str]


def replay_offline(bag: BagReader, parameters: Parameters, budget: Budget,
                   on_shot: Callable[[ShotEvent], None] = lambda event: None,
                   on_memory: Callable[[MemoryEstimate], None] = lambda estimate: None,
                   ) -> OfflineResult:
    """Reconstruct a recording.

    Args:
        bag: an open recording.
        parameters: of all stages.
        budget: how much is refined.
        on_shot: called after each image message's verdict; its time is not counted.
        on_memory: called once, with what the reconstruction takes at most.

    Raises:
        BagError: the bag is damaged.
        ParameterError: the reconstruction does not fit into memory, or the standardizer's network
            cannot be loaded.
    """
    estimate = estimate_memory(parameters.reconstructor)
    check_memory(parameters.reconstructor, estimate, available_memory())
    on_memory(estimate)
    run = _Run(parameters, budget, on_shot)
    warm_up(parameters.reconstructor)
    for topic, log_ns, message in bag.messages():
        run.feed(message, log_ns, static=topic == bag.topics.tf_static)
    return run.finish()


class _Run:
    """The stages of one run and what came out of them so far."""

    def __init__(self, parameters: Parameters, budget: Budget,
                 on_shot: Callable[[ShotEvent], None]) -> None:
        self._acquisition = Acquisition(parameters.acquisition)
        self._standardizer = Standardizer(parameters.standardizer)
        self._reconstructor = Reconstructor(parameters.reconstructor)
        self._budget, self._on_shot = budget, on_shot
        self._clock = WorkClock()
        self._refused: list[ShotRecord] = []
        self._stamps: dict[int, int] = {}
        self._seconds: dict[int, float] = {}

    def feed(self, message: Message, log_ns: int, static: bool) -> None:
        """Take one message, and all shots that it completes."""
        with self._clock:
            if isinstance(message, Transforms):
                for item in message.transforms:
                    self._acquisition.add_transform(
                        item.parent, item.child, item.stamp_ns, item.translation.tolist(),
                        item.quaternion.tolist(), static)
            elif isinstance(message, CameraModel):
                self._acquisition.add_camera_info(message)
            elif isinstance(message, ImageFrame | CompressedFrame):
                self._acquisition.add_image(message, log_ns)
            outcomes = self._acquisition.poll(log_ns)
        self._take_all(outcomes)

    def finish(self) -> OfflineResult:
        """End what still waits, refine to the end of the budget, and voxelize."""
        with self._clock:
            outcomes = self._acquisition.flush()
        self._take_all(outcomes)
        model = self._reconstructor
        volume = deviation = None
        with self._clock:
            self._budget.at_end(model, self._clock)
            if model.grid is not None and len(model.model) > 0:
                volume = model.volume()
        if volume is not None:
            known = model.deviation()
            deviation = None if known is None else known.volume
        found = volume is not None
        return OfflineResult(self._report(), volume, deviation, model.grid if found else None,
                             model.region if found else None,
                             [*self._acquisition.take_events(), *self._quarantined()])

    def _quarantined(self) -> list[str]:
        """Return what is said of the shots that the model does not explain in the end."""
        return [f'shot {fit.id}: {fit.verdict.code.value}: {fit.verdict.message}'
                for fit in self._reconstructor.fits.values() if fit.aside]

    def _take_all(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            before = self._clock.wall_s
            with self._clock:
                self._take(outcome)
            seconds = self._clock.wall_s - before
            if outcome.id in self._stamps:
                self._seconds[outcome.id] = seconds
            self._on_shot(ShotEvent(self._record(outcome.id), self._reconstructor.views,
                                    self._reconstructor.held_out_residual, seconds))

    def _take(self, outcome: Outcome) -> None:
        """Pass a shot through the stages; its verdict is kept."""
        if not isinstance(outcome, AcquiredShot):
            self._refused.append(ShotRecord.refused(outcome.id, outcome.stamp_ns, outcome.verdict))
            return
        try:
            self._reconstructor.add_shot(self._standardizer.standardize(outcome.shot))
        except Refusal as refusal:
            self._refused.append(ShotRecord.refused(outcome.id, outcome.stamp_ns, refusal.verdict))
            return
        self._stamps[outcome.id] = outcome.stamp_ns
        self._budget.after_shot(self._reconstructor, self._clock)

    def _record(self, shot_id: int) -> ShotRecord:
        if shot_id in self._stamps:
            return ShotRecord.fitted(self._stamps[shot_id], self._reconstructor.fits[shot_id])
        return next(record for record in self._refused if record.id == shot_id)

    def _report(self) -> Report:
        model = self._reconstructor
        records = [*self._refused, *(self._record(shot_id) for shot_id in self._stamps)]
        return Report(records, list(self._seconds.values()), self._clock.cpu_s,
                      self._clock.wall_s, len(model.model), model.steps, model.held_out_residual)

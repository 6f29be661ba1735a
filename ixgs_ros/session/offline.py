"""A recording through the core, shot after shot, without ROS: what the nodes do, at full speed.

The bag's own times are the clock of the acquisition, so two runs see the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import traceback

from ixgs_ros.acquisition import (
    AcquiredShot,
    Acquisition,
    CameraModel,
    CompressedFrame,
    ImageFrame,
    Outcome,
)
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.nodes.warm_up import warm_up
from ixgs_ros.reconstruction.available import available_memory, check_memory
from ixgs_ros.reconstruction.memory import estimate_memory, MemoryEstimate
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.bag_messages import Message, Transforms
from ixgs_ros.session.budget import Budget
from ixgs_ros.session.clock import WorkClock
from ixgs_ros.session.offline_model import Made, OfflineModel
from ixgs_ros.session.parameters_file import Parameters
from ixgs_ros.session.report import ShotRecord
from ixgs_ros.shot import Shot
from ixgs_ros.standardization import Standardizer
from ixgs_ros.verdict import judged


@dataclass(frozen=True)
class ShotEvent:
    """One image message that got its verdict.

    Args:
        record: what became of it.
        views: shots in the model; of bone, where there are two.
        held_out_residual: so far; NaN if there is none yet.
        seconds: wall time spent on it.
    """

    record: ShotRecord
    views: int
    held_out_residual: float
    seconds: float


@dataclass(frozen=True, eq=False)
class OfflineResult(Made):
    """What an offline run gives: the volume, of bone where the standardizer passes on both.

    Args:
        events: what else there is to say, in words: of the acquisition, and of shots that were
            accepted and then set aside.
        attenuation: the second model, of attenuation; None where there is one only.
    """

    events: list[str]
    attenuation: Made | None = None


def replay_offline(bag: BagReader, parameters: Parameters, budget: Budget,
                   on_shot: Callable[[ShotEvent], None] = lambda event: None,
                   on_memory: Callable[[MemoryEstimate], None] = lambda estimate: None,
                   on_failure: Callable[[Exception], None] = traceback.print_exception,
                   ) -> OfflineResult:
    """Reconstruct a recording.

    Args:
        bag: an open recording.
        parameters: of all stages.
        budget: how much is refined.
        on_shot: called after each image message's verdict; its time is not counted.
        on_memory: called once for each model, with what the reconstruction takes at most.
        on_failure: called with what was not foreseen in the work on a shot. The shot is FAILED,
            the model is that of the others, and the next shot is taken up.

    Raises:
        BagError: the bag is damaged.
        ParameterError: the reconstruction does not fit into memory, or the standardizer's network
            cannot be loaded.
    """
    _check_memory(parameters, on_memory)
    run = _Run(parameters, budget, on_shot, on_failure)
    warm_up(parameters.reconstructor)
    for topic, log_ns, message in bag.messages():
        run.feed(message, log_ns, static=topic == bag.topics.tf_static)
    return run.finish()


def _check_memory(parameters: Parameters,
                  on_memory: Callable[[MemoryEstimate], None]) -> None:
    """Raise ParameterError if the models do not fit into memory side by side."""
    left = available_memory()
    for config in _configurations(parameters):
        estimate = estimate_memory(config)
        check_memory(config, estimate, left)
        left = None if left is None else left - estimate.total
        on_memory(estimate)


def _configurations(parameters: Parameters) -> list[ReconstructorConfig]:
    """Return the configuration of every model: one, or those of bone and of attenuation."""
    found = [parameters.reconstructor, parameters.attenuation]
    return [config for config in found if config is not None]


class _Run:
    """The stages of one run; the models stand beside one another behind the standardizer."""

    def __init__(self, parameters: Parameters, budget: Budget,
                 on_shot: Callable[[ShotEvent], None],
                 on_failure: Callable[[Exception], None]) -> None:
        self._acquisition = Acquisition(parameters.acquisition)
        self._standardizer = Standardizer(parameters.standardizer)
        self._clock = WorkClock()
        self._on_shot = on_shot
        self._on_failure = on_failure
        configs = _configurations(parameters)
        budgets = [budget] if len(configs) == 1 else budget.halves()
        self._models = [OfflineModel(config, part, self._clock, len(configs), on_failure)
                        for config, part in zip(configs, budgets, strict=True)]

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
            outcomes = self._verdicts(lambda: self._acquisition.poll(log_ns))
        self._take_all(outcomes)

    def finish(self) -> OfflineResult:
        """End what still waits, refine to the end of the budget, and voxelize."""
        with self._clock:
            outcomes = self._verdicts(self._acquisition.flush)
        self._take_all(outcomes)
        first, *others = [model.finish() for model in self._models]
        clocks = [self._clock, *(model.clock for model in self._models)]
        first.report.cpu_s = sum(clock.cpu_s for clock in clocks)
        first.report.wall_s = sum(clock.wall_s for clock in clocks)
        events = [*self._acquisition.take_events(),
                  *(line for model in self._models for line in model.quarantined())]
        return OfflineResult(first.report, first.volume, first.deviation, first.grid,
                             first.region, events, *others)

    def _verdicts(self, ask: Callable[[], list[Outcome]]) -> list[Outcome]:
        """Ask the acquisition until it answers: an image that it fails at is in the answer then.

        Raises:
            Exception: of the acquisition, where no image is the cause: no verdict came of it.
        """
        while True:
            verdicts = self._acquisition.verdicts.total()
            try:
                return ask()
            except Exception as error:
                if self._acquisition.verdicts.total() == verdicts:
                    raise
                self._on_failure(error)

    def _take_all(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            before = self._wall_s()
            self._take(outcome)
            first = self._models[0]
            self._on_shot(ShotEvent(first.record(outcome.id), first.reconstructor.views,
                                    first.reconstructor.held_out_residual,
                                    self._wall_s() - before))

    def _take(self, outcome: Outcome) -> None:
        """Pass a shot through the stages; every model keeps its verdict."""
        before = self._clock.wall_s
        with self._clock:
            passed = self._standardized(outcome)
        if isinstance(passed, ShotRecord):
            for model in self._models:
                model.refuse(passed)
            return
        for model, shot in zip(self._models, passed, strict=True):
            model.take(shot, self._clock.wall_s - before)

    def _standardized(self, outcome: Outcome) -> Sequence[Shot] | ShotRecord:
        """Return the shot for each model, or why there is none."""
        if not isinstance(outcome, AcquiredShot):
            return ShotRecord.refused(outcome.id, outcome.stamp_ns, outcome.verdict)
        shots: list[Shot] = []

        def standardize() -> None:
            if len(self._models) > 1:
                shots.extend(self._standardizer.standardize_both(outcome.shot))
            else:
                shots.append(self._standardizer.standardize(outcome.shot))
        verdict = judged(standardize, self._on_failure)
        if verdict is not None:
            return ShotRecord.refused(outcome.id, outcome.stamp_ns, verdict)
        return shots

    def _wall_s(self) -> float:
        return self._clock.wall_s + sum(model.clock.wall_s for model in self._models)

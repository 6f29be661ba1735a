"""What the reconstructor's compute thread does: takes shots, refines between them, publishes.

Everything here but the methods that say so runs on that one thread. The reconstruction counts its
work in steps; here seconds become steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
import threading
import time

import numpy as np

from ixgs.msg import Shot as ShotMessage
from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.nodes.reconstruction_results import RequestError, Sinks, Status, to_fit
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.reconstruction.fit import ShotFit
from ixgs_ros.reconstruction.news import is_news
from ixgs_ros.reconstruction.next_view import coverage, next_view
from ixgs_ros.reconstruction.reconstructor import Reconstructor
from ixgs_ros.ros.judging import judged
from ixgs_ros.ros.markers import DrawnShot
from ixgs_ros.ros.messages import to_ns
from ixgs_ros.ros.shot_message import from_shot_message
from ixgs_ros.ros.volume_message import fitting_grid, VolumeInfo
from ixgs_ros.shot import Shot
from ixgs_ros.verdict import Code, failure, Refusal, Verdict
from ixgs_ros.volume.grid import Region, VoxelGrid

# A service or a shot waits at most about so long for the refinement to come to a stop.
CHUNK_S = 0.08
# Voxelizing and publishing may take at most this share of the time.
PUBLISH_SHARE = 0.25
# Shots that arrive together share one volume, unless the first of them has waited so long.
GATHER_S = 0.5
# Refused shots that are drawn; the oldest goes first.
REFUSED_DRAWN = 50


class ReconstructionSession:
    """The reconstruction, its shots in waiting and what of it was published.

    Args:
        config: of the node.
        sinks: where results go.
    """

    def __init__(self, config: ReconstructorConfig, sinks: Sinks) -> None:
        self._config = config
        self._sinks = sinks
        self._reconstructor = Reconstructor(config)
        self._cpu_share = config.refine.cpu_share
        self._inbox: deque[ShotMessage] = deque()
        self._inbox_lock = threading.Lock()
        self._nudged = threading.Event()
        # Ids of which a refusal was said last: an accepted shot may have the same one.
        self._refused_ids: deque[int] = deque()
        self._active = False
        self._paused = False
        self._revision = 0
        self._resting_until = 0.0
        self._deviation_revision = -1
        self._forget()

    def _forget(self) -> None:
        self._stamp_ns = 0
        self._accepted: list[Shot] = []
        self._refused_drawn: deque[DrawnShot] = deque(maxlen=REFUSED_DRAWN)
        self._refused = 0
        self._overloads = 0
        # Accepted shots that no published volume contains yet, and when each was taken up.
        self._unpublished: list[tuple[Shot, float]] = []
        # Of every shot that was reported: when a volume first contained it, and its fit as said.
        self._reported: dict[int, tuple[int, ShotFit]] = {}
        self._rested_revision = -1
        self._state_shown = ''
        self._published_revision = -1
        self._published_at = 0.0
        self._publish_s = 0.0
        self._last_latency = float('nan')

    # -- from any thread ------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Shots that wait for the compute thread."""
        return len(self._inbox)

    def offer(self, message: ShotMessage) -> bool:
        """Let a shot wait; False, and counted, if as many wait as may (``inbox``)."""
        with self._inbox_lock:
            if len(self._inbox) >= self._config.inbox:
                self._overloads += 1
                return False
            self._inbox.append(message)
        return True

    def refused(self, shot_id: int) -> None:
        """Know that a message was refused, after its report was published.

        Where an accepted shot has its id, that shot is reported again with the next status, since
        the last report of an id holds.
        """
        self._refused_ids.append(shot_id)

    def set_cpu_share(self, share: float) -> None:
        """Change ``refine.cpu_share``."""
        self._cpu_share = share

    def nudge(self) -> None:
        """End the rest that ``refine.cpu_share`` asks for: there is work to do."""
        self._nudged.set()

    # -- on the compute thread: the work --------------------------------------------------------

    def work(self) -> bool:
        """Take the next shot or refine a little; return whether there is more to do."""
        if not self._active or self._paused:
            return False
        try:
            if self._inbox:
                self._take(self._inbox.popleft())
                return True
            return self._refine_on()
        except Exception as error:  # the next shot comes all the same
            self._sinks.failed('refinement', error)
            self._give_up(error)
            return bool(self._inbox)

    def _take(self, message: ShotMessage) -> None:
        taken_at = time.monotonic()
        shots: list[Shot] = []

        def add() -> None:
            shots.append(from_shot_message(message))
            self._add(shots[0], message.header.frame_id)
        verdict = judged(add, lambda error: self._sinks.failed('shots', error))
        if verdict is None:
            self._unpublished.append((shots[0], taken_at))
            self._publish_first()
        else:
            self._refused_drawn.extend(DrawnShot(shot.id, shot.view, verdict.code, shot.stamp_ns)
                                       for shot in shots)
            self._refuse(message, verdict)
        self._show_scene()
        self.show_status()

    def _refuse(self, message: ShotMessage, verdict: Verdict) -> None:
        self._refused += 1
        self._sinks.report(message.id, to_ns(message.header.stamp), verdict)
        self.refused(message.id)

    def _add(self, shot: Shot, frame: str) -> None:
        if frame != self._config.reference_frame:
            raise Refusal(Code.NO_TRANSFORM, f'the shot is given in {frame!r}, expected '
                          f'{self._config.reference_frame!r}')
        self._reconstructor.add_shot(shot)
        self._accepted.append(shot)
        self._stamp_ns = shot.stamp_ns
        self._revision += 1

    def _give_up(self, error: Exception) -> None:
        """Take the shots that no volume shows yet out of the model: one of them is the cause.

        Args:
            error: what came instead of their volume.
        """
        lost = [shot for shot, _ in self._unpublished]
        for shot in lost:
            self._refused += 1
            self._refused_drawn.append(DrawnShot(shot.id, shot.view, Code.FAILED, shot.stamp_ns))
            with self._going_on():
                self._forget_shot(shot, failure(error))
        if lost:
            with self._going_on():
                self._show_others()

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Tell what is raised, and go on: the other shots get their reports, the volume stays."""
        try:
            yield
        except Exception as error:
            self._sinks.failed('refinement', error)

    def _publish_first(self) -> None:
        """Refine shortly and publish, so that the new shot is soon seen."""
        if self._reconstructor.gaussians == 0:
            self._report_unpublished(0)
            return
        if self._inbox and time.monotonic() - self._unpublished[0][1] < GATHER_S:
            return
        self._refine_for(self._config.publish.first_refinement)
        self._publish()

    def _refine_on(self) -> bool:
        """Refine a chunk in idle time, at most ``refine.cpu_share`` of it."""
        if self._unpublished:
            self._publish_first()
            return True
        share = self._cpu_share
        if self._reconstructor.converged or share == 0.0:
            return self._publish_last()
        self._rest()
        start = time.monotonic()
        if not self._refine_for(CHUNK_S):
            return False
        elapsed = time.monotonic() - start
        self._resting_until = time.monotonic() + elapsed * (1.0 - share) / share
        pause = max(self._config.publish.period, self._publish_s / PUBLISH_SHARE)
        changed = self._published_revision != self._revision
        if changed and time.monotonic() - self._published_at >= pause:
            self._publish()
            self.show_status()
        return True

    def _publish_last(self) -> bool:
        if self._published_revision != self._revision and self._reconstructor.gaussians:
            self._publish()
            self.show_status()
        elif self._state() != self._state_shown:   # what was done last changed no volume
            self.show_status()
        return False

    def _rest(self) -> None:
        rest = self._resting_until - time.monotonic()
        if rest > 0 and not self._nudged.is_set():
            self._nudged.wait(rest)
        self._nudged.clear()

    def _refine_for(self, seconds: float) -> bool:
        """Advance about so long, a piece of work at a time; return whether there was any."""
        end = time.monotonic() + seconds
        model, before, advanced = self._reconstructor, self._reconstructor.steps, False
        while time.monotonic() < end and not model.converged and model.advance():
            advanced = True
        # Pieces of a new start change nothing yet; what comes of it is followed by steps.
        self._revision += model.steps > before
        return advanced

    # -- on the compute thread: what services ask for -------------------------------------------

    def set_active(self, active: bool) -> None:
        """Start or stop taking shots and refining; the model stays."""
        self._active = active
        self._published_revision = -1
        self.show_status()

    def set_paused(self, paused: bool) -> None:
        """Let the model stand still; shots wait meanwhile, as many as ``inbox`` allows."""
        self._paused = paused
        self.show_status()

    def reset(self) -> None:
        """Forget all shots, also those that wait, and the model; say so on all outputs.

        A shot of which nothing was reported yet is reported as REMOVED.
        """
        unseen = [(shot.id, shot.stamp_ns) for shot, _ in self._unpublished]
        with self._inbox_lock:
            unseen += [(message.id, to_ns(message.header.stamp)) for message in self._inbox]
            self._inbox.clear()
        self._reconstructor.reset()
        self._forget()
        for shot_id, stamp_ns in unseen:
            self._sinks.report(shot_id, stamp_ns, Verdict(
                Code.REMOVED, 'this shot waited still when the model was reset; no volume has '
                'shown it'))
        self._revision += 1
        self._publish_nothing()
        self._show_scene()
        self.show_status()

    def remove_shot(self, shot_id: int) -> str:
        """Forget a shot, also one that waits: all is as if it had never come.

        Returns:
            What was removed, a sentence.

        Raises:
            RequestError: no shot of this id waits or was accepted; nothing has changed.
        """
        waiting = self._withdraw(shot_id)
        known = [shot for shot in self._accepted if shot.id == shot_id]
        if not waiting and not known:
            ids = ', '.join(str(shot.id) for shot in self._accepted) or 'none yet'
            raise RequestError(f'expected the id of a shot that waits or was accepted ({ids}), '
                               f'got {shot_id}')
        for stamp_ns in (to_ns(message.header.stamp) for message in waiting):
            self._sinks.report(shot_id, stamp_ns, Verdict(
                Code.REMOVED, 'removed on request before it was looked at'))
        try:
            for shot in known:
                self._forget_shot(shot, Verdict(
                    Code.REMOVED, 'removed on request; the model is that of the other shots'))
        finally:  # it is out in any case
            if known:
                self._show_others()
            else:
                self.show_status()
        return (f'shot {shot_id} is removed'
                + ('' if known else ', it waited still')
                + f'; {self._reconstructor.views} shots are in the model')

    def _withdraw(self, shot_id: int) -> list[ShotMessage]:
        """Take the messages of a shot out of the inbox."""
        with self._inbox_lock:
            found = [message for message in self._inbox if message.id == shot_id]
            others = [message for message in self._inbox if message.id != shot_id]
            self._inbox.clear()
            self._inbox.extend(others)
        return found

    def _forget_shot(self, shot: Shot, verdict: Verdict) -> None:
        """Take an accepted shot out of the model, and say why."""
        self._accepted.remove(shot)
        self._unpublished = [entry for entry in self._unpublished if entry[0] is not shot]
        steady_ns, said = self._reported.pop(shot.id, (0, None))
        self._stamp_ns = self._accepted[-1].stamp_ns if self._accepted else 0
        self._revision += 1
        try:
            self._reconstructor.remove_shot(shot.id)
        finally:  # it is out in any case
            self._sinks.report(shot.id, shot.stamp_ns, verdict, steady_ns=steady_ns,
                               before=None if said is None else said.verdict.code)

    def _show_others(self) -> None:
        """Show the model that is left when shots were taken out."""
        if self._reconstructor.gaussians:
            self._publish()
        else:
            self._publish_nothing()
        self._show_scene()
        self.show_status()

    def set_region(self, region: Region) -> None:
        """Reconstruct another box."""
        self._reconstructor.set_region(region)
        self._revision += 1
        if self._reconstructor.gaussians:
            self._publish()
        self._show_scene()
        self.show_status()

    def deviation_in(self, grid: VoxelGrid) -> np.ndarray | None:
        """Return how far each voxel of a grid may be off, 1/m; None where that is not known.

        It is of the model as it is, and costs about a second; there must be a model.
        """
        found = self._reconstructor.deviation(grid)
        return None if found is None else found.volume

    def volume_in(self, region: Region | None, spacing: float,
                  limit: int) -> tuple[np.ndarray, VoxelGrid, VolumeInfo]:
        """Voxelize the model as it is.

        Args:
            region: the box; None is the reconstructed one.
            spacing: distance of voxel centres, metres.
            limit: voxels allowed.

        Raises:
            RequestError: no shots make a model yet, or the grid has more voxels than allowed.
        """
        box = self._reconstructor.region if region is None else region
        if self._reconstructor.gaussians == 0 or box is None:
            raise RequestError(f'there is no model yet: {self._reconstructor.views} shots are in, '
                               'expected at least 2 from different directions')
        count = float(np.prod(np.maximum(1, np.round(box.size / spacing))))
        if count > limit:
            raise RequestError(f'{count:.3g} voxels of {1e3 * spacing:g} mm fill the box, '
                               f'expected at most {limit}: ask for a smaller box or a coarser '
                               'spacing')
        grid = VoxelGrid.covering(box, spacing)
        return self._reconstructor.volume(grid), grid, self._info()

    # -- on the compute thread: publication -----------------------------------------------------

    def _info(self) -> VolumeInfo:
        return VolumeInfo(self._stamp_ns, self._config.reference_frame,
                          self._reconstructor.quantity, self._revision, self._reconstructor.views,
                          self._reconstructor.held_out_residual)

    def _publish(self) -> None:
        start = time.monotonic()
        whole = self._reconstructor.grid
        assert whole is not None
        grid = fitting_grid(whole)
        self._sinks.volume(self._reconstructor.volume(grid), grid, self._info())
        self._published_at = time.monotonic()
        self._report_unpublished(time.monotonic_ns())
        self._report_again(lambda said, now: said.aside != now.aside)
        self._published_revision = self._revision
        self._sinks.gaussians(self._reconstructor.model, self._stamp_ns)
        self._publish_s = time.monotonic() - start

    def _publish_nothing(self) -> None:
        """Replace the latched volume by one empty voxel of zero views: nothing stale is shown."""
        self._sinks.volume(*self._empty(), self._info())
        self._sinks.gaussians(GaussianModel.empty(), self._stamp_ns)

    def _empty(self) -> tuple[np.ndarray, VoxelGrid]:
        grid = VoxelGrid(np.zeros(3), np.full(3, self._config.volume.spacing), (1, 1, 1))
        return np.zeros(grid.shape, np.float32), grid

    def _show_deviation(self) -> None:
        """Publish the deviation of a model that stands, or take back that of an earlier one."""
        if self._deviation_revision == self._revision:
            return
        if self._stands and not self._inbox and self._sinks.wants_deviation():
            whole = self._reconstructor.grid
            assert whole is not None
            grid = fitting_grid(whole)
            found = self._reconstructor.deviation(grid)
            shown = self._empty() if found is None else (found.volume, grid)
            self._sinks.deviation(*shown, self._info())
            self._deviation_revision = self._revision
        elif self._deviation_revision >= 0:
            self._sinks.deviation(*self._empty(), self._info())
            self._deviation_revision = -1

    def _report_unpublished(self, steady_ns: int) -> None:
        for shot, taken_at in self._unpublished:
            if steady_ns:
                self._last_latency = time.monotonic() - taken_at
            self._report(shot, steady_ns)
        self._unpublished.clear()

    def _report(self, shot: Shot, steady_ns: int, before: Code | None = None) -> None:
        """Say how a shot is explained by now; ``before`` is the code said of it last."""
        found = self._reconstructor.fits[shot.id]
        self._reported[shot.id] = steady_ns, replace(found)
        self._sinks.report(shot.id, shot.stamp_ns, found.verdict, to_fit(found, shot.view),
                           steady_ns, before)

    def _report_again(self, is_due: Callable[[ShotFit, ShotFit], bool]) -> None:
        """Report again the shots of which what was said and what is now ask for it."""
        recolored = False
        for shot in self._accepted:
            if shot.id not in self._reported:   # its first report is still to come
                continue
            steady_ns, said = self._reported[shot.id]
            now = self._reconstructor.fits[shot.id]
            if is_due(said, now):
                recolored |= said.verdict.code is not now.verdict.code
                self._report(shot, steady_ns, said.verdict.code)
        if recolored:
            self._show_scene()

    def _report_after_refusals(self) -> None:
        """Report accepted shots again that share their id with a message refused since."""
        refused = {self._refused_ids.popleft() for _ in range(len(self._refused_ids))}
        if refused:
            self._report_again(lambda said, now: said.id in refused)

    def _report_at_rest(self) -> None:
        """Report once more what the last reports say no longer, where the model stands.

        While it is refined, every fit changes: a shot is reported once at each rest at most.
        """
        if self._stands and self._rested_revision != self._revision:
            self._reconstructor.bring_up_to_date()
            self._report_again(is_news)
            self._rested_revision = self._revision

    @property
    def _stands(self) -> bool:
        """Whether there is a model, and nothing moves it until somebody asks or a shot comes."""
        return self._reconstructor.gaussians > 0 and (
            self._paused or not self._active
            or (not self._inbox and (self._cpu_share == 0.0 or self._reconstructor.converged)))

    def _show_scene(self) -> None:
        used = [DrawnShot(shot.id, shot.view, self._reconstructor.fits[shot.id].verdict.code,
                          shot.stamp_ns) for shot in self._accepted]
        views = [shot.view for shot in self._accepted
                 if not self._reconstructor.fits[shot.id].aside]
        region = self._reconstructor.region
        covered, proposed = 0.0, None
        if views and region is not None:
            covered = coverage(views, region)
            proposed = next_view(views, region, self._config.next_view,
                                 self._config.lps_from_reference.transform())
        self._sinks.scene([*used, *self._refused_drawn], region,
                          None if proposed is None else proposed.view, self._stamp_ns)
        self._sinks.coverage(covered)

    def show_status(self) -> None:
        """Publish the status of now, before it the reports and the deviation that are due."""
        self._report_after_refusals()
        self._report_at_rest()
        self._show_deviation()
        model, self._state_shown = self._reconstructor, self._state()
        self._sinks.status(Status(
            self._stamp_ns, self._state_shown, model.views, self._refused + self._overloads,
            model.gaussians, model.steps, self._revision, model.held_out_residual, model.converged,
            self._last_latency, model.region, model.contradiction or ''))

    def _state(self) -> str:
        if self._paused:
            return 'paused'
        if self._reconstructor.gaussians == 0:
            return 'waiting'
        return 'converged' if self._reconstructor.converged else 'refining'

"""The reconstructor node: shots in; a volume, Gaussians, reports and a status out, all latched.

Callbacks only put work before the compute thread (``reconstruction_session.py``), which owns the
model and every numba call; services are answered from there too, while the executor goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from geometry_msgs.msg import Point, Vector3
from std_srvs.srv import SetBool, Trigger

from ixgs.msg import Shot
from ixgs.srv import GetVolume, RemoveShot, SaveVolume, SetRegion
from ixgs_ros.nodes.reconstruction_outputs import ReconstructionOutputs
from ixgs_ros.nodes.reconstruction_results import RequestError
from ixgs_ros.nodes.reconstruction_session import ReconstructionSession
from ixgs_ros.nodes.reconstructor_config import ReconstructorConfig
from ixgs_ros.nodes.warm_up import warm_up
from ixgs_ros.parameters import check_value, parameters_of
from ixgs_ros.reconstruction.available import available_memory, check_memory
from ixgs_ros.reconstruction.memory import estimate_memory
from ixgs_ros.ros import qos
from ixgs_ros.ros.lifecycle import ManagedNode
from ixgs_ros.ros.messages import to_ns
from ixgs_ros.ros.volume_message import REQUESTED_BYTES, volume_to_message, voxel_bytes
from ixgs_ros.ros.worker import Worker, WorkerFull
from ixgs_ros.verdict import Code, Verdict
from ixgs_ros.volume.files import write_volume
from ixgs_ros.volume.grid import Region

# Requests that may wait for the compute thread; shots wait in the session's own inbox.
REQUESTS = 32
SAVED_VOXELS = 256 * 1024 * 1024
SUFFIXES = ('.nii.gz', '.nii', '.nrrd')
# Ending the work in hand may take as long as a new start with many views.
STOP_S = 30.0


class ReconstructorNode(ManagedNode[ReconstructorConfig]):
    """See the module's text; the topics are those of docs/architecture.md."""

    def __init__(self, **arguments: Any) -> None:
        """Make the node unconfigured; arguments as for ``ManagedNode`` without name and class."""
        super().__init__('reconstructor', ReconstructorConfig, **arguments)
        self._worker: Worker | None = None
        self.parameters.on_change('refine.cpu_share', self._on_cpu_share)

    def configure(self, config: ReconstructorConfig) -> None:
        """Allocate the model, compile the kernels, offer topics and services.

        Raises:
            ParameterError: the reconstruction does not fit into memory.
        """
        estimate = estimate_memory(config, most_voxels=SAVED_VOXELS)
        check_memory(config, estimate, available_memory())
        self.get_logger().info(f'memory: at most {estimate}')
        self._config = config
        self._lps_from_reference = config.lps_from_reference.transform()
        self._results = ReconstructionOutputs(self, config, lambda: self._session.waiting)
        self._session = ReconstructionSession(config, self._results)
        self._worker = Worker('reconstruction', REQUESTS, self._session.work, self._failed)
        self.get_logger().info('compiling kernels; the first time takes a minute')
        self._worker.submit(warm_up, config).result()
        self._worker.submit(self._results.warm_up).result()
        if config.sdd == 0.0:
            self.get_logger().info('sdd is not set: C-arms are drawn with a nominal length')
        self.serve(SetBool, '~/pause', self._on_pause)
        self.serve(Trigger, '~/reset', self._on_reset)
        self.serve(SaveVolume, '~/save', self._on_save)
        self.serve(GetVolume, '~/get_volume', self._on_get_volume)
        self.serve(SetRegion, '~/set_region', self._on_set_region)
        self.serve(RemoveShot, '~/remove_shot', self._on_remove_shot)

    def activate(self) -> None:
        """Listen for shots and go on refining."""
        self.guard.watch(self._submit(self._session.set_active, True), 'activation')
        self.subscribe(Shot, 'shots', self._on_shot, qos.SHOTS)
        self.every(1.0, lambda: self._wake(self._session.show_status), 'status')

    def deactivate(self) -> None:
        """Let the model stand; what the compute thread has in hand is finished and published."""
        self._submit(self._session.set_active, False).result(STOP_S)

    def cleanup(self) -> None:
        """End the compute thread; the model is gone with it."""
        if self._worker is not None:
            if not self._worker.stop(STOP_S):
                raise RuntimeError(f'the compute thread did not end within {STOP_S} s')
            self._worker = None

    # -- callbacks ------------------------------------------------------------------------------

    def _on_shot(self, message: Shot) -> None:
        if self._session.offer(message):
            self._wake()
            return
        self._results.report(
            message.id, to_ns(message.header.stamp),
            Verdict(Code.OVERLOAD, f'{self._config.inbox} shots wait already, expected at most '
                    'that many (parameter inbox): the reconstruction does not keep up'))
        self._session.refused(message.id)

    def _on_cpu_share(self, share: float) -> None:
        if self._worker is not None:
            self._session.set_cpu_share(share)
            self._wake()

    async def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> Any:
        await self._answer(response, self._session.set_paused, request.data)
        return response

    async def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Any:
        await self._answer(response, self._session.reset)
        return response

    async def _on_save(self, request: SaveVolume.Request, response: SaveVolume.Response) -> Any:
        def save() -> str:
            path = _writable(request.path)
            volume, grid, _ = self._session.volume_in(None, self._config.volume.spacing,
                                                      SAVED_VOXELS)
            try:
                write_volume(path, volume, grid, self._lps_from_reference)
            except OSError as error:
                raise RequestError(f'cannot write {path}: {error.strerror}') from error
            return f'{path}: {" x ".join(map(str, grid.size))} voxels of {grid.spacing[0]} m'
        response.message = await self._answer(response, save) or response.message
        return response

    async def _on_get_volume(self, request: GetVolume.Request,
                             response: GetVolume.Response) -> Any:
        def voxelize() -> None:
            encoding = request.encoding or 'mono16'
            region = _region(request.center, request.size, empty_is_none=True)
            spacing = _checked('volume.spacing',
                               request.spacing or self._config.volume.spacing)
            limit = REQUESTED_BYTES // voxel_bytes(encoding)
            volume, grid, info = self._session.volume_in(region, spacing, limit)
            response.volume = volume_to_message(volume, grid, info, encoding)
            deviation = self._session.deviation_in(grid)
            if deviation is not None:
                response.deviation = volume_to_message(deviation, grid, info, encoding)
        await self._answer(response, voxelize)
        return response

    async def _on_set_region(self, request: SetRegion.Request,
                             response: SetRegion.Response) -> Any:
        def set_region() -> None:
            region = _region(request.center, request.size, empty_is_none=False)
            assert region is not None
            self._session.set_region(region)
        await self._answer(response, set_region)
        return response

    async def _on_remove_shot(self, request: RemoveShot.Request,
                              response: RemoveShot.Response) -> Any:
        removed = await self._answer(response, self._session.remove_shot, request.id)
        response.message = removed or response.message
        return response

    # -- the compute thread ---------------------------------------------------------------------

    def _submit(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Put work before the compute thread and end its rest."""
        assert self._worker is not None
        future = self._worker.submit(work, *arguments)
        self._session.nudge()
        return future

    def _wake(self, work: Callable[[], None] = lambda: None) -> None:
        """End the compute thread's rest, with work that may as well be left out.

        Where its queue is full, what waits there wakes it just as well.
        """
        assert self._worker is not None
        if self._worker.waiting < REQUESTS - 1:
            self.guard.watch(self._submit(work), 'status')

    async def _answer(self, response: Any, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do work on the compute thread, fill success and message, and return its result.

        A request that cannot be met is an answer, not a failure of the node.
        """
        try:
            result = await self.later(self._submit(work, *arguments))
        except (ValueError, WorkerFull) as error:
            response.success = False
            response.message = str(error)
            return None
        response.success = True
        return result

    def _failed(self, error: Exception) -> None:
        self.guard.failed('refinement', error)


def _checked(name: str, value: Any) -> Any:
    """Return a value that the parameter of that name may have, else raise ``ParameterError``."""
    return check_value(parameters_of(ReconstructorConfig)[name], value)


def _region(center: Point, size: Vector3, *, empty_is_none: bool) -> Region | None:
    """Return the box of a request.

    Raises:
        ValueError: a number is not finite, a length is not positive or too large.
    """
    lengths = _checked('region.size', (size.x, size.y, size.z))
    if empty_is_none and lengths == (0.0, 0.0, 0.0):
        return None
    return Region(_checked('region.center', (center.x, center.y, center.z)), lengths)


def _writable(text: str) -> Path:
    """Return the path of a file to write.

    Raises:
        RequestError: it is relative, its folder does not exist, or its suffix is another one.
    """
    path = Path(text)
    if not path.is_absolute():
        raise RequestError(f'expected an absolute path, got {text!r}')
    if not path.name.endswith(SUFFIXES):
        raise RequestError(f'expected a name ending in {", ".join(SUFFIXES)}, got {path.name!r}')
    if not path.parent.is_dir():
        raise RequestError(f'expected an existing folder, got {str(path.parent)!r}')
    return path


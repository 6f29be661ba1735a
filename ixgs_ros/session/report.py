"""``report.json`` of docs/contracts.md: what became of every shot, how good, how fast, on what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
import importlib.metadata
import json
import math
import os
from pathlib import Path
import platform
from typing import Any

import numpy as np

from ixgs_ros import __version__
from ixgs_ros.reconstruction.fit import ShotFit
from ixgs_ros.verdict import Code, Verdict
from ixgs_ros.volume.files import write_atomically
from ixgs_ros.volume.metrics import Metrics

PACKAGES = ('numpy', 'scipy', 'numba', 'rosbags', 'ros-rclpy')
NAN = float('nan')


@dataclass(frozen=True)
class ShotRecord:
    """What became of one image message; NaN where a number does not apply.

    Args:
        id: number in order of arrival, from 1.
        stamp_ns: middle of the exposure.
        code: the last verdict: the first refusal, or the reconstruction's.
        message: its sentence.
        residual: weighted RMS of measured minus model, line-integral units.
        exposure_offset: added to the model's line integrals.
        scale: multiplies them.
        pose_correction_mm: how far the focal spot was moved, millimetres.
        pose_correction_deg: by what angle the view was turned, degrees.
        pose_covariance: of the corrected pose, row by row in the order of `Shot`, m and rad; all
            zero where it is taken as reported, None where it is not known or does not apply.
    """

    id: int
    stamp_ns: int
    code: Code
    message: str
    residual: float = NAN
    exposure_offset: float = NAN
    scale: float = NAN
    pose_correction_mm: float = NAN
    pose_correction_deg: float = NAN
    pose_covariance: list[float] | None = None

    @staticmethod
    def refused(id: int, stamp_ns: int, verdict: Verdict) -> ShotRecord:
        """Return the record of a shot that was not used."""
        return ShotRecord(id, stamp_ns, verdict.code, verdict.message)

    @staticmethod
    def fitted(stamp_ns: int, fit: ShotFit) -> ShotRecord:
        """Return the record of a shot in the model."""
        return ShotRecord(fit.id, stamp_ns, fit.verdict.code, fit.verdict.message, fit.residual,
                          fit.exposure_offset, fit.scale, 1000.0 * fit.correction_distance,
                          math.degrees(fit.correction_angle),
                          known_covariance(fit.pose_covariance))


@dataclass
class Report:
    """The content of ``report.json``.

    Args:
        shots: every image message that came.
        latencies_s: from arrival to the first volume that contains the shot; offline: the time
            spent on the shot.
        cpu_s: user and system time of all processes and threads, without imports, JIT and I/O.
        wall_s: wall time of the run.
        gaussians: in the final model.
        steps: of refinement in all.
        held_out_residual: weighted RMS over pixels never fitted, line-integral units.
        metrics: against the truth, if one was given.
        mode: 'offline' or 'online'.
        attenuation: of the second model, of attenuation beside bone; None where there is one only.
        contradiction: in what the shots as a whole contradict each other, '' if they do not; None
            where they were not looked at (online the reconstructor's diagnostics tell).
    """

    shots: list[ShotRecord] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    cpu_s: float = NAN
    wall_s: float = NAN
    gaussians: int = 0
    steps: int = 0
    held_out_residual: float = NAN
    metrics: Metrics | None = None
    mode: str = 'offline'
    attenuation: Report | None = None
    contradiction: str | None = None

    @property
    def accepted(self) -> int:
        """The number of shots in the model."""
        return sum(shot.code.accepted for shot in self.shots)

    @property
    def refused(self) -> dict[str, int]:
        """The numbers of shots that are not in the model, by code."""
        codes = Counter(shot.code.value for shot in self.shots if not shot.code.accepted)
        return dict(sorted(codes.items()))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it; what does not apply is null."""
        content = {'mode': self.mode, 'cpu_s': self.cpu_s, 'wall_s': self.wall_s,
                   **self._of_the_model(), 'versions': versions(), 'machine': machine()}
        if self.attenuation is not None:
            content['attenuation'] = self.attenuation._of_the_model()
        finite: dict[str, Any] = _without_nan(content)
        return finite

    def _of_the_model(self) -> dict[str, Any]:
        """Return what the report says of one model and of the shots in it."""
        shots = [{'id': shot.id, 'stamp': shot.stamp_ns, 'code': shot.code.value,
                  **{name: value for name, value in asdict(shot).items()
                     if name not in ('id', 'stamp_ns', 'code')}}
                 for shot in sorted(self.shots, key=lambda shot: shot.id)]
        content = {
            'views': {'received': len(self.shots), 'accepted': self.accepted,
                      'refused': self.refused},
            'latency_s': latency_statistics(self.latencies_s),
            'gaussians': self.gaussians, 'steps': self.steps,
            'held_out_residual': self.held_out_residual,
            'shots': shots}
        if self.contradiction is not None:
            content['contradiction'] = self.contradiction
        if self.metrics is not None:
            content['metrics'] = asdict(self.metrics)
        return content

    def write(self, path: Path) -> None:
        """Write the report, whole or not at all."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(path, text.encode('utf-8') + b'\n')


def known_covariance(covariance: np.ndarray) -> list[float] | None:
    """Return a covariance (6, 6) row by row; None where it is not known (NaN)."""
    return covariance.ravel().tolist() if np.isfinite(covariance).all() else None


def latency_statistics(seconds: Sequence[float]) -> dict[str, float]:
    """Return median, 95th percentile and worst; NaN if there is none."""
    if not seconds:
        return {'median': NAN, 'p95': NAN, 'worst': NAN}
    values = np.asarray(seconds, dtype=np.float64)
    return {'median': float(np.median(values)), 'p95': float(np.quantile(values, 0.95)),
            'worst': float(values.max())}


def versions() -> dict[str, str]:
    """Return the versions of this project, Python and the packages that decide on numbers."""
    found = {'ixgs': __version__, 'python': platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Return what the run ran on."""
    pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return {'system': f'{platform.system()} {platform.release()}', 'cpu': _cpu_name(),
            'cores': len(os.sched_getaffinity(0)), 'memory_gib': round(pages / 2**30, 1)}


def _cpu_name() -> str:
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text('utf-8').splitlines() if cpuinfo.exists() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def _without_nan(value: Any) -> Any:
    """Replace what JSON cannot say: NaN by null, infinity (the PSNR of equal volumes) by text."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value

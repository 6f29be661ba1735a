"""``ixgs replay --offline``: the core alone, shot after shot."""

from __future__ import annotations

from pathlib import Path

from ixgs_ros.cli.progress import say
from ixgs_ros.cli.results import Reconstruction, write_results
from ixgs_ros.session.bag import BagReader
from ixgs_ros.session.budget import Budget, CpuBudget, StepBudget, UntilConverged
from ixgs_ros.session.offline import replay_offline, ShotEvent
from ixgs_ros.session.offline_model import Made
from ixgs_ros.session.parameters_file import Parameters
from ixgs_ros.volume.metrics import Truth


def offline(bag: BagReader, parameters: Parameters, out: Path, truth: Truth | None,
            steps: int | None, budget_s: float | None) -> int:
    """Replay, write the results, and return the exit code.

    Args:
        bag: an open recording.
        parameters: of all stages.
        out: an existing folder.
        truth: what to compare with, if anything.
        steps: exactly so many; None for another budget.
        budget_s: CPU seconds; None for another budget. Both None: until held-out pixels say stop.
    """
    budget: Budget = UntilConverged()
    if steps is not None:
        budget = StepBudget(steps, bag.images)
    elif budget_s is not None:
        budget = CpuBudget(budget_s, bag.images)
    say('compiling and loading kernels (a minute on first use)')
    result = replay_offline(bag, parameters, budget, lambda event: say(line(event)),
                            lambda estimate: say(f'memory: at most {estimate}'))
    for event in result.events:
        say(f'note: {event}')
    second = result.attenuation
    attenuation = None
    if second is not None:
        result.report.attenuation = second.report
        attenuation = _reconstruction(second, parameters)
    return write_results(out, result.report, _reconstruction(result, parameters), truth,
                         attenuation)


def _reconstruction(made: Made, parameters: Parameters) -> Reconstruction | None:
    if made.volume is None:
        return None
    assert made.grid is not None and made.region is not None
    return Reconstruction(made.volume, made.grid, made.region, parameters.lps_from_reference,
                          made.deviation)


def line(event: ShotEvent) -> str:
    """Return what is said of one shot."""
    record = event.record
    head = f'shot {record.id}: {record.code.value}, {event.views} views, {event.seconds:.1f} s'
    if not record.code.accepted:
        return f'{head}: {record.message}'
    if event.held_out_residual == event.held_out_residual:  # not NaN
        return f'{head}, held-out residual {event.held_out_residual:.4f}'
    return head

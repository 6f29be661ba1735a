"""What a training says while it runs, and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import time

from ixgs_ros.standardization.network.checkpoint import save_checkpoint
from ixgs_ros.standardization.network.training import Trainer

SPEAK_S, SAVE_S = 15.0, 60.0


class TrainingLog:
    """Called after each step: now and then a line with the mean losses, and a checkpoint.

    Args:
        checkpoint: where to.
        say: writes a line.
    """

    def __init__(self, checkpoint: Path, say: Callable[[str], None]) -> None:
        self._checkpoint, self._say = checkpoint, say
        self._spoke_at = self._saved_at = time.monotonic()
        self._terms: list[dict[str, float]] = []

    def __call__(self, trainer: Trainer, terms: dict[str, float]) -> None:
        """Take note of a step."""
        self._terms.append(terms)
        now = time.monotonic()
        if now - self._spoke_at >= SPEAK_S:
            self._spoke_at = now
            means = {name: sum(step[name] for step in self._terms) / len(self._terms)
                     for name in terms}
            self._say(f'step {trainer.step}, {trainer.seconds:.0f} s: '
                      + ', '.join(f'{name} {value:.3f}' for name, value in means.items()))
            self._terms.clear()
        if now - self._saved_at >= SAVE_S:
            self._saved_at = now
            save_checkpoint(self._checkpoint, trainer)

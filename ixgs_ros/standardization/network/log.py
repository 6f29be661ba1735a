"""What a training says while it runs, its checkpoints, and pictures of how far it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import time

from ixgs_ros.standardization.network.checkpoint import save_checkpoint
from ixgs_ros.standardization.network.dataset import Example
from ixgs_ros.standardization.network.finishing import sample
from ixgs_ros.standardization.network.pictures import write_progress
from ixgs_ros.standardization.network.training import Trainer

SPEAK_S, SAVE_S = 15.0, 60.0
SAMPLES = 6


class TrainingLog:
    """Called after each step: now and then a line with the mean losses, and a checkpoint.

    Args:
        checkpoint: where to; a picture of samples goes beside it, with .png added to its name.
        say: writes a line.
        save_every: seconds between two checkpoints.
    """

    def __init__(self, checkpoint: Path, say: Callable[[str], None],
                 save_every: float = SAVE_S) -> None:
        self._checkpoint, self._say, self._save_every = checkpoint, say, save_every
        self._spoke_at = self._saved_at = time.monotonic()
        self._terms: list[dict[str, float]] = []
        self._samples: list[Example] = []

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
        if now - self._saved_at >= self._save_every:
            self._saved_at = now
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write the checkpoint and the picture: the same samples each time, as exposed once."""
        save_checkpoint(self._checkpoint, trainer)
        # Drawn by numbers of their own: no draw of the training is moved by them.
        self._samples = self._samples or sample(trainer.examples, SAMPLES, trainer.seed)
        write_progress(self._checkpoint.with_name(self._checkpoint.name + '.png'),
                       trainer.average, self._samples)

"""Training of the check of polarity, and the score below which a picture is a negative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import math

import numpy as np
import torch
from torch.nn import functional

from ixgs_ros.standardization.network.config import TrainingConfig
from ixgs_ros.standardization.network.dataset import draw_batch, Example, Examples
from ixgs_ros.standardization.network.polarity import Polarity
from ixgs_ros.standardization.network.schedule import one_cycle

BATCH, RATE, DECAY = 16, 3e-3, 0.01
# Of so many shots in a row, which are mostly whole bodies, every LOTS-th lot is not trained on:
# what the limit is found on.
LOT, LOTS = 32, 8
# Batches of these, each of exposures drawn anew.
JUDGED = 150
# This share of right pictures may have a score below the limit over the margin: machines and
# bodies that are unlike all of these have lower ones.
REFUSED, MARGIN = 0.002, 1.5
# Its seed beside that of the training: other batches than the bone network's.
STREAM = 7


@dataclass(frozen=True, eq=False)
class Trained:
    """A check of polarity with what is known of it.

    Args:
        polarity: the network.
        limit: score below which a picture is refused.
        wrong: share of the shots that it was not trained on with a score below 0.
        caught: share of the negatives of these whose score is below the limit.
    """

    polarity: Polarity
    limit: float
    wrong: float
    caught: float


class Part:
    """Some of the examples.

    Args:
        examples: all of them.
        indices: which.
    """

    def __init__(self, examples: Examples, indices: Sequence[int]) -> None:
        self._examples, self._indices = examples, list(indices)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._indices)

    def example(self, index: int, rng: np.random.Generator) -> Example:
        """Return one of them, as exposed with what ``rng`` draws."""
        return self._examples.example(self._indices[index], rng)


def parts_of(examples: Examples) -> tuple[Part, Part]:
    """Return what is trained on, and what is kept for the limit.

    Raises:
        ValueError: there are too few examples to keep some.
    """
    kept = [index for index in range(len(examples)) if index // LOT % LOTS == LOTS - 1]
    if not kept:
        raise ValueError(f'expected at least {LOT * (LOTS - 1) + 1} shots to train the check of '
                         f'polarity on, got {len(examples)}')
    return Part(examples, sorted(set(range(len(examples))) - set(kept))), Part(examples, kept)


def train_polarity(examples: Examples, config: TrainingConfig, seed: int,
                   report: Callable[[int, float], None]) -> Trained:
    """Train for ``config.polarity_steps`` steps; the same for the same seed.

    Args:
        examples: on what.
        config: of the bone network's training: tiles and pixel size are the same.
        seed: decides the first weights and every batch.
        report: told of each step's number and loss.

    Raises:
        ValueError: there are too few examples to keep some for the limit.
        FloatingPointError: a loss is no number.
    """
    trained, kept = parts_of(examples)
    drawn = replace(config, batch=BATCH)
    torch.manual_seed(seed)
    polarity = Polarity()
    optimizer = torch.optim.AdamW(polarity.parameters(), lr=RATE, weight_decay=DECAY)
    spread = STREAM + 10 * seed
    for step in range(config.polarity_steps):
        for group in optimizer.param_groups:
            group['lr'] = one_cycle(step / config.polarity_steps, RATE)
        channels = torch.from_numpy(draw_batch(trained, drawn, spread, step).channels)
        loss = functional.softplus(-polarity(channels)).mean()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f'step {step} of the check of polarity: expected a finite '
                                     f'loss, got {value}')
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        report(step, value)
    scores = scores_of(polarity, kept, drawn, spread + 1)
    limit = MARGIN * min(float(np.quantile(scores, REFUSED)), 0.0)
    return Trained(polarity.eval(), limit, float(np.mean(scores < 0)),
                   float(np.mean(-scores < limit)))


def scores_of(polarity: Polarity, examples: Examples, config: TrainingConfig,
              seed: int) -> np.ndarray:
    """Return the scores of right pictures, (JUDGED * config.batch,)."""
    found = []
    with torch.inference_mode():
        for step in range(JUDGED):
            channels = torch.from_numpy(draw_batch(examples, config, seed, step).channels)
            found.append(polarity(channels).numpy())
    return np.concatenate(found)

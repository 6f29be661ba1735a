"""Training: steps on batches made anew, with a moving average of the weights.

Muon moves the kernels of the convolutions, AdamW all else; what that is worth was measured
(docs/standardization-network.md).

A step depends on the state, the seed and its number alone, so that a training that was resumed
ends with the weights of one that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import copy
import math
from typing import Any

import torch
from torch import nn, Tensor

from ixgs_ros.standardization.network.config import TrainingConfig
from ixgs_ros.standardization.network.dataset import Batch, draw_batch, Examples
from ixgs_ros.standardization.network.discriminator import Discriminator
from ixgs_ros.standardization.network.generator import Generator
from ixgs_ros.standardization.network.losses import adversarial_error, generator_terms
from ixgs_ros.standardization.network.muon import Muon
from ixgs_ros.standardization.network.schedule import Budget, one_cycle
from ixgs_ros.standardization.network.weights import digest

# Rates and momenta of the discriminator are the usual ones of adversarial training.
DISCRIMINATOR_RATE, DISCRIMINATOR_BETAS = 2e-4, (0.5, 0.999)


class Trainer:
    """A network that is being trained.

    Args:
        config: what is trained, and how.
        examples: on what.
        seed: decides the first weights and every batch.
        device: 'cpu' or 'cuda'.
        start: a network to go on from, of the configuration's kind; None: an untrained one.
        data: what the examples are, as plain values by name; a checkpoint of others is refused.
    """

    def __init__(self, config: TrainingConfig, examples: Examples, seed: int,
                 device: str = 'cpu', start: Generator | None = None,
                 data: Mapping[str, Any] | None = None) -> None:
        if len(examples) == 0:
            raise ValueError('expected at least one shot to train on, got none')
        if config.tile % config.network.multiple:
            raise ValueError(f'expected a tile that is a multiple of {config.network.multiple} '
                             f'px, got {config.tile}')
        self.config, self.examples, self.seed, self.device = config, examples, seed, device
        self.data = dict(data or {})
        self.step, self.seconds = 0, 0.0
        torch.manual_seed(seed)
        self.generator = Generator(config.network).to(device)
        # Of the weights that it goes on from; empty if there are none.
        self.started_from = digest(start.state_dict(), {}) if start is not None else ''
        if start is not None:
            if start.config != config.network:
                raise ValueError(f'expected a network of {start.config} to go on from one, got '
                                 f'{config.network}')
            self.generator.load_state_dict(start.state_dict())
        self.average = copy.deepcopy(self.generator)
        kernels = self.generator.kernels()
        others = [parameter for parameter in self.generator.parameters()
                  if not any(parameter is kernel for kernel in kernels)]
        self.muon = Muon(kernels, config.kernel_rate, decay=config.weight_decay)
        self.optimizer = torch.optim.AdamW(others, lr=config.learning_rate,
                                           weight_decay=config.weight_decay, fused=True)
        self.discriminator: Discriminator | None = None
        if config.loss.adversarial > 0.0:
            self.discriminator = Discriminator().to(device)
            self.discriminator_optimizer = torch.optim.Adam(
                self.discriminator.parameters(), lr=DISCRIMINATOR_RATE, betas=DISCRIMINATOR_BETAS)

    def train(self, budget: Budget, report: Callable[[Trainer, dict[str, float]], None]) -> None:
        """Take steps until the budget is spent; ``report`` is called after each."""
        started = budget.now() - self.seconds
        while (progress := budget.progress(self.step, self.seconds)) < 1.0:
            terms = self.take_step(progress)
            self.seconds = budget.now() - started
            report(self, terms)

    def take_step(self, progress: float) -> dict[str, float]:
        """Take one step and return the terms of the loss before it."""
        batch = draw_batch(self.examples, self.config, self.seed, self.step)
        channels, truth = self._on_device(batch)
        mask = channels[:, -1:]
        for optimizer, largest in ((self.muon, self.config.kernel_rate),
                                   (self.optimizer, self.config.learning_rate)):
            for group in optimizer.param_groups:
                group['lr'] = one_cycle(progress, largest)
        bone, logit = self._generated(channels)
        terms = generator_terms(bone, logit, truth, mask, self.config.loss)
        if self.discriminator is not None:
            self._train_discriminator(channels, bone.detach(), truth * mask)
            terms['adversarial'] = self.config.loss.adversarial * adversarial_error(
                self.discriminator(channels, bone), True)
        found = {name: float(value.detach()) for name, value in terms.items()}
        if not all(map(math.isfinite, found.values())):
            raise FloatingPointError(f'step {self.step}: expected finite losses, got {found}; is '
                                     'a rate too high, or a pixel of the pairs no number?')
        self.generator.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), self.config.clip)
        self.muon.step()
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return found

    def _generated(self, channels: Tensor) -> tuple[Tensor, Tensor]:
        """Return bone and presence, float32 whatever the convolutions were done in."""
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.config.precision == 'bfloat16'):
            bone, logit = self.generator(channels)
        return bone.float(), logit.float()

    def _on_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return (torch.from_numpy(batch.channels).to(self.device),
                torch.from_numpy(batch.bone).to(self.device))

    def _train_discriminator(self, channels: Tensor, bone: Tensor, truth: Tensor) -> None:
        assert self.discriminator is not None
        error = (adversarial_error(self.discriminator(channels, truth), True)
                 + adversarial_error(self.discriminator(channels, bone), False))
        self.discriminator_optimizer.zero_grad(set_to_none=True)
        error.backward()
        self.discriminator_optimizer.step()

    @torch.no_grad()
    def _update_average(self) -> None:
        # At first the average follows closely: the untrained weights are worth nothing.
        decay = min(self.config.averaging, self.step / (self.step + 10.0))
        for average, current in zip(self.average.parameters(), self.generator.parameters(),
                                    strict=True):
            average.lerp_(current, 1.0 - decay)

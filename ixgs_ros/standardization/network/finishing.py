"""From a trained network to weights that can be used: the gate, the domain, the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import datetime
import platform
from typing import Any

import numpy as np
import torch

from ixgs_ros import __version__
from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View
from ixgs_ros.parameters import flatten
from ixgs_ros.standardization.network.dataset import at_network_size, Example, Examples
from ixgs_ros.standardization.network.domain import Domain, statistics
from ixgs_ros.standardization.network.evaluation import figures, mean_figures
from ixgs_ros.standardization.network.generator import Generator
from ixgs_ros.standardization.network.inference import BoneNetwork
from ixgs_ros.standardization.network.training import Trainer
from ixgs_ros.standardization.network.weights import Weights

GATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# The gate may cost this much relative L1, for the bone that it does not let invent: an error of
# a few per cent more is the price of a picture that shows half as much bone where there is none.
ALLOWED = 0.05
# Shots that the domain and the gate are found on.
DOMAIN_SHOTS, GATE_SHOTS = 400, 60

# What makes a bone image of an example: the network, or another way to compare it with.
Method = Callable[[Example], np.ndarray]


def finish(trainer: Trainer, provenance: dict[str, Any], licences: dict[str, str]) -> Weights:
    """Return the weights of a training with all that is known of it."""
    generator = trainer.average.cpu().eval()
    domain = domain_of(sample(trainer.examples, DOMAIN_SHOTS, trainer.seed), generator)
    gate = choose_gate(generator, domain, sample(trainer.examples, GATE_SHOTS, trainer.seed))
    known = {**provenance, 'steps': trainer.step, 'seconds': round(trainer.seconds, 1),
             'seed': trainer.seed, 'device': trainer.device, 'training': flatten(trainer.config),
             'ixgs': __version__, 'torch': torch.__version__, 'python': platform.python_version(),
             'date': datetime.date.today().isoformat()}
    return Weights(generator, domain, gate, known, licences)


def sample(examples: Examples, count: int, seed: int) -> list[Example]:
    """Return up to ``count`` examples, spread over all of them; the same for the same seed."""
    indices = np.unique(np.linspace(0, len(examples) - 1, count).round().astype(int))
    return [examples.example(int(index), np.random.default_rng([seed, 1, int(index)]))
            for index in indices]


def domain_of(examples: Sequence[Example], generator: Generator) -> Domain:
    """Return the ranges of the statistics over examples."""
    found = []
    for example in examples:
        scaled, _ = at_network_size(example, generator.config)
        try:
            found.append(statistics(scaled))
        except ValueError:  # a field of a few pixels says nothing of the others
            continue
    return Domain.of(found)


def choose_gate(generator: Generator, domain: Domain, examples: Sequence[Example]) -> float:
    """Return the highest gate whose relative L1 is within ALLOWED of the best.

    Raises:
        ValueError: no example has bone, or the network answers with what is no number.
    """
    errors = [evaluate(bone_by(BoneNetwork(Weights(generator, domain, gate))),
                       examples)['relative_l1'] for gate in GATES]
    if not np.isfinite(errors).all():
        raise ValueError(f'expected the network to have an error on {len(examples)} shots, got '
                         f'{errors[0]}: has none of them bone?')
    return max(gate for gate, error in zip(GATES, errors, strict=True)
               if error <= min(errors) + ALLOWED)


def bone_by(network: BoneNetwork) -> Method:
    """Return the network as a method to evaluate."""
    return lambda example: network.standardize(example.line_integrals, example.mask,
                                               camera_of(example)).bone


def evaluate(method: Method, examples: Sequence[Example]) -> dict[str, float]:
    """Return the mean figures of a method over examples."""
    return mean_figures([figures(method(example), example.bone, example.mask)
                         for example in examples])


def camera_of(example: Example) -> View:
    """Return a view with the example's size and focal length; its pose means nothing."""
    height, width = example.bone.shape
    k = np.array([[example.focal, 0.0, 0.5 * (width - 1)],
                  [0.0, example.focal, 0.5 * (height - 1)], [0.0, 0.0, 1.0]])
    return View(k, RigidTransform(), height, width)

"""The state of a training as a file, so that it can go on where it was."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from ixgs_ros.parameters import flatten
from ixgs_ros.standardization.network.training import Trainer
from ixgs_ros.volume.files import write_atomically


class CheckpointError(ValueError):
    """The file is no checkpoint, or one of another training."""


def save_checkpoint(path: Path, trainer: Trainer) -> None:
    """Write the state, whole or not at all."""
    buffer = io.BytesIO()
    torch.save({'training': _identity(trainer), 'step': trainer.step, 'seconds': trainer.seconds,
                'parts': {name: part.state_dict() for name, part in _parts(trainer).items()}},
               buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path, trainer: Trainer) -> None:
    """Bring a fresh trainer to the state in the file.

    Raises:
        CheckpointError: the file cannot be read, or its training had other settings.
    """
    try:
        state = torch.load(path, map_location=trainer.device, weights_only=True)
        identity = state['training']
    except Exception as error:  # torch raises many kinds
        raise CheckpointError(f'{path}: expected a checkpoint of a training, got a file that '
                              f'cannot be read as one ({type(error).__name__})') from error
    for name, value in _identity(trainer).items():
        if name not in identity:
            raise CheckpointError(f'{path}: it does not say with which {name} it was trained, as '
                                  'a checkpoint of another version; begin anew')
        if identity[name] != value:
            raise CheckpointError(f'{path}: it was trained with {name} = {identity[name]!r}, '
                                  f'expected {value!r} as now; resume with the same settings and '
                                  'the same pool or pairs')
    for name, part in _parts(trainer).items():
        part.load_state_dict(state['parts'][name])
    trainer.step, trainer.seconds = int(state['step']), float(state['seconds'])


def _identity(trainer: Trainer) -> dict[str, Any]:
    """Return what must be the same for a training to go on."""
    values = {name: list(value) if isinstance(value, tuple) else value
              for name, value in flatten(trainer.config).items()}
    return {**values, **trainer.data, 'seed': trainer.seed, 'shots': len(trainer.examples),
            'started_from': trainer.started_from}


def _parts(trainer: Trainer) -> dict[str, Any]:
    parts = {'generator': trainer.generator, 'average': trainer.average,
             'muon': trainer.muon, 'optimizer': trainer.optimizer}
    if trainer.discriminator is not None:
        parts.update(discriminator=trainer.discriminator,
                     discriminator_optimizer=trainer.discriminator_optimizer)
    return parts

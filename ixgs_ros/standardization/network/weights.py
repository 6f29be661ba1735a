"""The weights as one safetensors file that says what it is and can be checked.

The file's metadata holds JSON texts: the network's configuration, the ranges of what it was
trained on, its provenance (on what, how long) and the licences of the data. A digest of the
tensors is among them: a file that was cut or changed is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save
from torch import Tensor

from ixgs_ros.parameters import build, flatten, ParameterError
from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.domain import Domain
from ixgs_ros.standardization.network.generator import Generator
from ixgs_ros.volume.files import write_atomically

FORMAT, SCHEMA = 'ixgs bone network', '1'


class WeightsError(ValueError):
    """The file is missing, damaged, or of another kind or version."""


@dataclass(frozen=True, eq=False)
class Weights:
    """A trained network with all that is known of it.

    Args:
        generator: the network.
        domain: the inputs that it was trained on.
        gate: presence below which the bone is set to 0.
        provenance: JSON values by name: on what it was trained, how long, with which figures.
        licences: licence and attribution by source of the data.
    """

    generator: Generator
    domain: Domain
    gate: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)


def save_weights(path: Path, weights: Weights) -> None:
    """Write the file, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous()
               for name, tensor in weights.generator.state_dict().items()}
    metadata = {'format': FORMAT, 'schema': SCHEMA, 'sha256': digest(tensors),
                'config': json.dumps(flatten(weights.generator.config)),
                'domain': json.dumps(weights.domain.ranges), 'gate': json.dumps(weights.gate),
                'provenance': json.dumps(weights.provenance),
                'licences': json.dumps(weights.licences)}
    write_atomically(path, save(tensors, metadata))


def load_weights(path: Path) -> Weights:
    """Read and check a file.

    Raises:
        WeightsError: it is missing, damaged, or of another kind or version.
    """
    if not path.is_file():
        raise WeightsError(f'{path}: there is no such file; expected the weights of a bone '
                           'network, as ./ixgs train-standardizer writes them')
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f'{path}: damaged, or no safetensors file ({error})') from error
    for name, expected in (('format', FORMAT), ('schema', SCHEMA)):
        if metadata.get(name) != expected:
            raise WeightsError(f'{path}: expected {name} {expected!r}, got {metadata.get(name)!r}')
    if metadata.get('sha256') != digest(tensors):
        raise WeightsError(f'{path}: damaged: the weights do not have the digest '
                           f'{metadata.get("sha256")} that is written in the file')
    try:
        generator = Generator(build(NetworkConfig, json.loads(metadata['config'])))
        generator.load_state_dict(tensors)
        return Weights(generator.eval(), Domain(json.loads(metadata['domain'])),
                       float(json.loads(metadata['gate'])), json.loads(metadata['provenance']),
                       json.loads(metadata['licences']))
    except (KeyError, ValueError, RuntimeError, ParameterError) as error:
        raise WeightsError(f'{path}: its configuration does not fit: {error}') from error


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of names, shapes and values, in order of the names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        sha.update(f'{name}{tuple(tensors[name].shape)}'.encode())
        sha.update(tensors[name].numpy().tobytes())
    return sha.hexdigest()

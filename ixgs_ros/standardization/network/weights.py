"""The weights as one safetensors file that says what it is and can be checked.

The file's metadata holds JSON texts: the network's configuration, the ranges of what it was
trained on, its provenance (on what, how long) and the licences of the data. A digest of all this
and of the tensors is among them: a file that was cut or changed is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save
import torch
from torch import nn, Tensor

from ixgs_ros.parameters import build, flatten
from ixgs_ros.standardization.network.config import NetworkConfig
from ixgs_ros.standardization.network.domain import Domain
from ixgs_ros.standardization.network.generator import Generator
from ixgs_ros.standardization.network.polarity import Polarity
from ixgs_ros.volume.files import write_atomically

FORMAT, SCHEMA = 'ixgs bone network', '3'
# Files of the second schema hold no check of polarity; those of the first neither, and their
# digest is of the tensors alone.
OLDER, DIGEST_OF_TENSORS = '2', '1'
POLARITY = 'polarity.'


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
        polarity: tells right pictures from negatives; None: nothing does.
        negative_below: its score below which a picture is refused.
    """

    generator: Generator
    domain: Domain
    gate: float = 0.0
    provenance: dict[str, Any] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    polarity: Polarity | None = None
    negative_below: float = 0.0


def save_weights(path: Path, weights: Weights) -> None:
    """Write the file, whole or not at all."""
    parts: dict[str, nn.Module] = {'': weights.generator}
    if weights.polarity is not None:
        parts[POLARITY] = weights.polarity
    tensors = {f'{prefix}{name}': tensor.detach().cpu().contiguous()
               for prefix, part in parts.items() for name, tensor in part.state_dict().items()}
    metadata = {'format': FORMAT, 'schema': SCHEMA,
                'config': json.dumps(flatten(weights.generator.config)),
                'domain': json.dumps(weights.domain.ranges), 'gate': json.dumps(weights.gate),
                'provenance': json.dumps(weights.provenance),
                'licences': json.dumps(weights.licences)}
    if weights.polarity is not None:
        metadata['negative_below'] = json.dumps(weights.negative_below)
    write_atomically(path, save(tensors, {**metadata, 'sha256': digest(tensors, metadata)}))


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
    for name, known in (('format', (FORMAT,)), ('schema', (SCHEMA, OLDER, DIGEST_OF_TENSORS))):
        if metadata.get(name) not in known:
            raise WeightsError(f'{path}: expected {name} {" or ".join(map(repr, known))}, got '
                               f'{metadata.get(name)!r}')
    covered = {} if metadata['schema'] == DIGEST_OF_TENSORS else metadata
    if metadata.get('sha256') != digest(tensors, covered):
        raise WeightsError(f'{path}: damaged: tensors and metadata do not have the digest '
                           f'{metadata.get("sha256")} that is written in the file')
    try:
        return _weights(metadata, tensors)
    except ValueError as error:
        raise WeightsError(f'{path}: its configuration does not fit: {error}') from error


def _weights(metadata: dict[str, str], tensors: dict[str, Tensor]) -> Weights:
    """Return what a file holds; raise a ValueError that names the first thing that is wrong."""
    config, domain, provenance, licences = (
        _object(metadata, name) for name in ('config', 'domain', 'provenance', 'licences'))
    gate = _value(metadata, 'gate')
    if type(gate) not in (int, float) or not 0.0 <= gate <= 1.0:
        raise ValueError(f'expected gate as a number from 0 to 1, got {gate!r}')
    generator = Generator(build(NetworkConfig, config))
    polarity, limit = (
        (Polarity(), _limit(metadata)) if 'negative_below' in metadata else (None, 0.0))
    parts: list[tuple[str, nn.Module | None]] = [('', generator), (POLARITY, polarity)]
    wanted = {f'{prefix}{name}': tensor for prefix, part in parts if part is not None
              for name, tensor in part.state_dict().items()}
    _check_tensors(tensors, wanted)
    for prefix, part in parts:
        if part is not None:
            part.load_state_dict({name: tensors[f'{prefix}{name}'] for name in part.state_dict()})
            part.eval()
    return Weights(generator, Domain(domain), float(gate), provenance, licences, polarity, limit)


def _limit(metadata: dict[str, str]) -> float:
    """Return the score below which a picture is a negative."""
    limit = _value(metadata, 'negative_below')
    if type(limit) not in (int, float) or not math.isfinite(limit) or limit > 0.0:
        raise ValueError(f'expected negative_below as a finite number of at most 0, got {limit!r}')
    return float(limit)


def _value(metadata: dict[str, str], name: str) -> Any:
    """Return a value of the metadata, which are JSON texts."""
    try:
        return json.loads(metadata[name])
    except KeyError as error:
        raise ValueError(f'expected {name} in its metadata, got none') from error
    except ValueError as error:
        raise ValueError(f'expected {name} as JSON ({error})') from error


def _object(metadata: dict[str, str], name: str) -> dict[str, Any]:
    value = _value(metadata, name)
    if not isinstance(value, dict):
        raise ValueError(f'expected {name} as a JSON object, got {value!r}')
    return value


def _check_tensors(tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Raise a ValueError unless these are the tensors of the configuration, all finite."""
    for name in sorted(tensors.keys() | wanted.keys()):
        found, expected = (tuple(of[name].shape) if name in of else 'none'
                           for of in (tensors, wanted))
        if found != expected:
            raise ValueError(f'expected the tensor {name} of shape {expected} as the '
                             f'configuration says, got {found}')
        if not bool(torch.isfinite(tensors[name]).all()):
            raise ValueError(f'expected finite values in the tensor {name}, got some that are not')


def digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of metadata and tensors, in order of their names.

    Args:
        tensors: names, shapes and values count.
        metadata: texts by name; a digest among them does not count.
    """
    sha = hashlib.sha256()
    for name in sorted(metadata.keys() - {'sha256'}):
        # With its length, so that no text can pass for the next one's beginning.
        sha.update(f'{name} {len(metadata[name])} {metadata[name]}'.encode())
    for name in sorted(tensors):
        sha.update(f'{name}{tuple(tensors[name].shape)}'.encode())
        sha.update(tensors[name].numpy().tobytes())
    return sha.hexdigest()

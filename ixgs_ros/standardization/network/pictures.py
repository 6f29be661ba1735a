"""A sheet of samples: what the network saw, what it made of it, what it should have made."""

from __future__ import annotations

from collections.abc import Sequence
import copy
from pathlib import Path

import cv2
import numpy as np

from ixgs_ros.standardization.network.dataset import Example
from ixgs_ros.standardization.network.domain import Domain
from ixgs_ros.standardization.network.finishing import camera_of
from ixgs_ros.standardization.network.generator import Generator
from ixgs_ros.standardization.network.inference import BoneNetwork
from ixgs_ros.standardization.network.weights import Weights
from ixgs_ros.volume.pictures import NOTICE, write_png

EDGE = 256
# White is this line integral of bone: about 6 cm of it.
WHITE = 2.0
TITLES = ('line integrals', 'bone, network', 'bone, truth', 'confidence')


def write_samples(path: Path, network: BoneNetwork, examples: Sequence[Example]) -> None:
    """Write a PNG with one row of four pictures for each example."""
    rows = []
    for example in examples:
        found = network.standardize(example.line_integrals, example.mask, camera_of(example))
        top = max(float(np.percentile(example.line_integrals, 99.0)), 1e-3)
        shown = (example.line_integrals * example.mask / top, found.bone / WHITE,
                 example.bone * example.mask / WHITE, found.confidence)
        rows.append(np.hstack([_panel(picture, title)
                               for picture, title in zip(shown, TITLES, strict=True)]))
    sheet = np.vstack(rows)
    cv2.putText(sheet, NOTICE, (6, sheet.shape[0] - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 170, 1)
    write_png(path, sheet)


def write_progress(path: Path, generator: Generator, examples: Sequence[Example]) -> None:
    """Write the same PNG of a network in training, which is left as it is.

    Its domain and its gate are not known yet: no image is refused, and no bone is hidden.
    """
    write_samples(path, BoneNetwork(Weights(copy.deepcopy(generator).cpu(), Domain({}))), examples)


def _panel(picture: np.ndarray, title: str) -> np.ndarray:
    grey = (255.0 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)
    grey = cv2.resize(grey, (EDGE, EDGE), interpolation=cv2.INTER_AREA)
    cv2.putText(grey, title, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1)
    return grey

"""Shots on disk, one file each, so that a run that was cut goes on where it stopped."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ixgs_ros.evaluation.simulators import Simulator
from ixgs_ros.geometry.view import View


class ShotCache:
    """The line integrals of one patient's shots.

    Args:
        folder: made if need be; it belongs to one patient, rig, trajectory and seed.
        simulator: takes the shots that are not there.
    """

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self._folder, self._simulator = folder, simulator
        folder.mkdir(parents=True, exist_ok=True)

    def shot(self, view: View, number: int) -> np.ndarray:
        """Return the line integrals (H, W) float32 of a station.

        Raises:
            ValueError: the file holds an image of another size.
        """
        path = self._folder / f'{number:02d}.npy'
        if not path.exists():
            image = self._simulator.line_integrals(view, number)
            half = path.with_suffix('.half')
            with half.open('wb') as file:
                np.save(file, image)
            os.replace(half, path)
        image = np.load(path)
        if image.shape != (view.height, view.width):
            raise ValueError(f'{path}: expected an image of {view.height} × {view.width}, got '
                             f'{image.shape}; remove the folder, or take another --out')
        return image

"""The settings of the physics between detector counts and line integrals."""

from __future__ import annotations

from dataclasses import dataclass

from ixgs_ros.parameters import setting


@dataclass(frozen=True)
class PhysicsConfig:
    """What the pixels of the rig mean. Nothing of it is guessed from the images."""

    air_counts: float = setting(
        0.0, 'unattenuated signal; 0 = estimate from the air region, else refuse; not used for '
        'already_log', unit='counts', low=0.0)
    already_log: bool = setting(
        False, 'the pixels are line integrals already: -ln(I / I0) divided by log_scale')
    inverted: bool = setting(
        False, 'the pixels are stored as full_scale minus their value')
    log_scale: float = setting(
        1.0, 'line integral per stored unit, for already_log', low=1e-9, high=1e3)
    full_scale: float = setting(
        0.0, 'largest value of the detector, where it saturates; 0 = that of the encoding (255, '
        '65535, none for floats)', unit='counts', low=0.0)
    max_saturated: float = setting(
        0.3, 'largest share of saturated pixels; above it a shot is refused', low=0.0, high=1.0)
    min_signal: float = setting(
        2e-4, 'smallest signal of the brightest hundredth of the pixels, relative to air; below '
        'it a shot is refused', low=0.0, high=1.0)


@dataclass(frozen=True)
class StandardizerConfig:
    """Which pixels of a shot take part, and what its line integrals are to be of."""

    mode: str = setting(
        'physics', 'what is passed on: line integrals of attenuation as the physics gives them, '
        'those of bone alone as the network predicts them, or both',
        choices=('physics', 'network', 'both'))
    weights: str = setting(
        '', 'file of the trained network (.safetensors); empty = the one that comes along')

    collimator: str = setting(
        'automatic', 'mask what lies outside the collimator', choices=('automatic', 'none'))
    dead_pixels: bool = setting(
        True, 'mask pixels, rows and columns that stand out from all their neighbours')
    metal: str = setting(
        'keep', 'screws, wires and instruments: taken like bone, or masked',
        choices=('keep', 'mask'))

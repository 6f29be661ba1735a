"""One exposure from beginning to end: areas of materials in, line integrals as we would read them.

The order is that of nature: tube, collimator, body, scatter, optics, photons, panel, vendor, and
then the undoing of what is known of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ixgs_ros.simulation.material_shot import MaterialShot
from ixgs_ros.simulation.physics import blur, field, panel, spread, vendor
from ixgs_ros.simulation.physics.settings import Physics
from ixgs_ros.simulation.physics.spectrum import reduced_beam, transmission
from ixgs_ros.standardization.beer_lambert import MAX_LINE_INTEGRAL

DETECTOR_DISTANCE = 1.02   # metres from the source to where lengths on the detector are meant
FOUND_DEFECTS = 0.9        # share of the defects that the project's own search finds


@dataclass(frozen=True, eq=False)
class Exposed:
    """A shot as the project's physics stage hands it on.

    Args:
        line_integrals: (H, W) float32, no unit: ``-ln(I / I0)`` with all that is wrong with it;
            finite everywhere.
        mask: (H, W) bool: inside the collimator, neither black nor saturated, not known to be
            defective.
        kvp: tube voltage, kV.
    """

    line_integrals: np.ndarray
    mask: np.ndarray
    kvp: float


def expose_shot(shot: MaterialShot, physics: Physics, rng: np.random.Generator) -> Exposed:
    """Return what becomes of a shot under these physics.

    Args:
        shot: what the rays meet.
        physics: the numbers of the exposure.
        rng: draws photons and defects.
    """
    pitch = DETECTOR_DISTANCE / float(shot.view.k[0, 0])
    depth = field.opening_depth(physics, shot.view.height, shot.view.width)
    light = light_on_panel(shot, physics, depth, pitch)
    signal, air = detect(light, physics, pitch, rng)
    y, black = through_vendor(signal, air, physics, pitch)
    found = signal.defective.copy()
    found[signal.defective] = rng.uniform(size=signal.defective.sum()) < FOUND_DEFECTS
    inside = depth > 0.5 + 0.5 * physics.penumbra / pitch
    mask = inside & ~signal.saturated & ~found & ~black
    return Exposed(y, mask, physics.kvp)


def light_on_panel(shot: MaterialShot, physics: Physics, depth: np.ndarray,
                   pitch: float) -> np.ndarray:
    """Return the light (H, W) float32 that the panel turns into photons; 1 = air, no scatter.

    Args:
        shot: what the rays meet.
        physics: the numbers of the exposure.
        depth: of the collimator's opening, pixels.
        pitch: of the pixels, metres.
    """
    height, width = depth.shape
    areas = shot.areas
    if physics.table > 0.0:
        areas = areas.copy()
        areas[0] += field.table_area(physics, height, width)
    beam = reduced_beam(physics.kvp, physics.aluminium, physics.copper, shot.metal)
    light = transmission(areas, beam)
    light *= field.opening(depth, physics.penumbra / pitch)
    if physics.scatter > 0.0:
        light += spread.scattered(light, physics.scatter, physics.scatter_width / pitch)
    light *= field.flatness(physics, height, width)
    light = blur.small_blur(light, physics.focal_blur / blur.FWHM_OF_SIGMA / pitch)
    light = blur.motion_blur(light, physics.motion / pitch, physics.motion_angle)
    if physics.glare > 0.0:
        light = spread.with_glare(light, physics.glare, physics.glare_width / pitch)
    return np.maximum(light, np.float32(1e-8))


def photons_in_the_middle(physics: Physics, pitch: float) -> float:
    """Return the photons a pixel of ``pitch`` metres detects where the exposure is measured."""
    return physics.photons * (1e3 * pitch) ** 2


def detect(light: np.ndarray, physics: Physics, pitch: float,
           rng: np.random.Generator) -> tuple[panel.Signal, float]:
    """Return the panel's signal, and the counts that air would give.

    Args:
        light: (H, W), 1 = air.
        physics: the numbers of the exposure.
        pitch: of the pixels, metres.
        rng: draws photons and defects.
    """
    target = photons_in_the_middle(physics, pitch)
    air = target / panel.measured_mean(light)
    counts = panel.quantum_noise(light * np.float32(air), physics.swank, rng)
    counts = blur.panel_blur(counts, physics.panel_mtf)
    counts = panel.electronic_noise(counts, physics.electronic * 1e3 * pitch, rng)
    counts = panel.calibration_residual(counts, physics.gain_residual, physics.line_residual,
                                        physics.offset_residual * target, rng)
    defective = panel.draw_defects(light.shape, physics.dead_pixels, physics.dead_lines, rng)
    return panel.saturate(counts, physics.headroom * target, defective, rng), air


def through_vendor(signal: panel.Signal, air: float, physics: Physics,
                   pitch: float) -> tuple[np.ndarray, np.ndarray]:
    """Return line integrals (H, W) float32 of what the vendor stores, and what is black in it.

    The brightest pixel becomes white, and black lies some way below the mean that the automatic
    exposure keeps. The undoing knows the table's kind, not quite its exponent; scale and offset
    that remain are those of an exposure that is not quite known.

    Args:
        signal: of the panel.
        air: the counts that air would give.
        physics: the numbers of the exposure.
        pitch: of the pixels, metres.
    """
    brightest = float(signal.counts[~signal.defective].max(initial=1.0))
    middle = photons_in_the_middle(physics, pitch)
    window = min(float(np.log(brightest / middle)) + physics.window, MAX_LINE_INTEGRAL)
    shown = vendor.look_up(signal.counts / np.float32(brightest), physics.gamma, window)
    shown = vendor.enhance(shown, physics.enhancement, physics.enhancement_width / pitch)
    bits, inverted = round(physics.bits), physics.inverted >= 0.5
    seen = vendor.read(vendor.stored(shown, bits, inverted), bits, inverted)
    assumed = physics.gamma * (1.0 if physics.gamma == 1.0 else physics.gamma_error)
    y = vendor.undo_look_up(seen, assumed, window)
    y += np.float32(np.log(air / brightest))
    y *= np.float32(physics.scale_error)
    y += np.float32(physics.exposure_error)
    return np.minimum(y, np.float32(MAX_LINE_INTEGRAL)), seen <= 0.0

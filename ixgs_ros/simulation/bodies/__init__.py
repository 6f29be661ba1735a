"""Training bodies: real and procedural anatomy, varied by synthesis."""

from ixgs_ros.simulation.bodies.drawing import (
    BodySource,
    draw_body,
    open_sources,
    source_name,
)

__all__ = ['BodySource', 'draw_body', 'open_sources', 'source_name']

"""Training bodies: real and procedural anatomy, varied by synthesis."""

from ixgs_ros.simulation.bodies.drawing import BodySource, draw_body, open_sources

__all__ = ['BodySource', 'draw_body', 'open_sources']

"""What an exposure does to a shot: from areas of materials to line integrals with all their flaws.

``draw_physics`` draws the numbers of an exposure, ``expose_shot`` takes it, ``at_edge`` puts one
effect beyond its range. docs/standardization-training.md is the table of all effects.
"""

from ixgs_ros.simulation.physics.exposure import expose_shot, Exposed
from ixgs_ros.simulation.physics.settings import at_edge, draw_physics, Physics

__all__ = ['at_edge', 'draw_physics', 'expose_shot', 'Exposed', 'Physics']

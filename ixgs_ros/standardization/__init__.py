"""From detector counts to line integrals, masks and weights: physics, without a network."""

from ixgs_ros.standardization.beer_lambert import counts_to_line_integrals, LineIntegrals
from ixgs_ros.standardization.config import PhysicsConfig, StandardizerConfig

__all__ = ['LineIntegrals', 'PhysicsConfig', 'StandardizerConfig', 'counts_to_line_integrals']

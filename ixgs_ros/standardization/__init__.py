"""From detector counts to line integrals, masks and weights: physics, without a network."""

from ixgs_ros.standardization.beer_lambert import counts_to_line_integrals, LineIntegrals
from ixgs_ros.standardization.config import PhysicsConfig, StandardizerConfig
from ixgs_ros.standardization.standardizer import Standardizer

__all__ = ['LineIntegrals', 'PhysicsConfig', 'Standardizer', 'StandardizerConfig',
           'counts_to_line_integrals']

"""Rigid transforms, C-arm views, rays, orbits and regions. Needs numpy and scipy only."""

from ixgs_ros.geometry.rigid import RigidTransform
from ixgs_ros.geometry.view import View

__all__ = ['RigidTransform', 'View']

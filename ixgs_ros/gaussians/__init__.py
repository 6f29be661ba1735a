"""The Gaussian model, its X-ray projection and voxelization with gradients, and its optimiser.

`model` holds the data, `cpu.CpuSplatter` does the work, `optimizer.Adam` moves the model, `tv`
smooths it; `reference` says slowly, in float64, what the fast kernels must return.
"""

from ixgs_ros.gaussians.model import GaussianModel, Gradients

__all__ = ['GaussianModel', 'Gradients']

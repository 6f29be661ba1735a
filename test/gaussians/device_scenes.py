"""Where the tests of the CUDA back end run, and conversions for them.

On a GPU if torch sees one; else on the CPU in Triton's interpreter, which must be chosen before
triton is first imported: so import this before anything of `ixgs_ros.gaussians.cuda`.
"""

from __future__ import annotations

import os

import numpy as np
import torch

DEVICE = 'cuda:0' if torch.cuda.is_available() else 'cpu'
if DEVICE == 'cpu':
    os.environ['TRITON_INTERPRET'] = '1'


def tensor(array: np.ndarray) -> torch.Tensor:
    """Return an array as float32 on the device."""
    return torch.tensor(array, dtype=torch.float32, device=DEVICE)

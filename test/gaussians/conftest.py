"""torch on one thread: the reference's products are too small to share."""

import torch

torch.set_num_threads(1)

"""The network that turns line integrals into bone line integrals, and its training.

Only the modules of this package import torch, and none of them is imported here: what the physics
mode needs comes without it. ``evaluation`` and ``inputs`` need numpy only.
"""

from pathlib import Path

# The weights that come along.
SHIPPED = Path(__file__).with_name('bone.safetensors')

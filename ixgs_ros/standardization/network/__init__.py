"""The network that turns line integrals into bone line integrals, and its training.

Only the modules of this package import torch, and none of them is imported here: what the physics
mode needs comes without it. ``evaluation`` and ``inputs`` need numpy only.
"""

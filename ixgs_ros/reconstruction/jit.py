"""How the kernels of the coarse start are compiled: they release the GIL and are cached."""

from __future__ import annotations

from typing import Any

# Contraction to FMA only: no reassociation, so that results do not depend on the order of a sum.
SERIAL: dict[str, Any] = {'nogil': True, 'cache': True, 'error_model': 'numpy',
                          'fastmath': {'contract', 'nsz', 'arcp'}}
PARALLEL: dict[str, Any] = {**SERIAL, 'parallel': True}

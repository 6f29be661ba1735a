"""How the kernels of the coarse start are compiled: they release the GIL and are cached.

No fast mathematics, not even contraction to FMA: numba compiles a parallel kernel once for the
process that first needs it and loads it from the cache in those after, and the two were not the
same code: reciprocals and FMA stood in other places, and the same shots gave other bytes.
"""

from __future__ import annotations

from typing import Any

SERIAL: dict[str, Any] = {'nogil': True, 'cache': True, 'error_model': 'numpy'}
PARALLEL: dict[str, Any] = {**SERIAL, 'parallel': True}

"""How the numba kernels are compiled.

All release the GIL and are cached on disk. numba's cache looks only at the file of the cached
function, not at the files it calls into: after an edit of `simd`, `simd_parts`, `vectors`,
`strips`, `layers` or `bilinear` the callers' caches must go (`find -name '*.nbi' -delete`), or
NUMBA_CACHE_DIR be set to a folder named by a digest of the sources.

A literal integer as an argument makes numba compile the callee once more for that number:
`intp(0)` does not.
"""

from __future__ import annotations

from typing import Any

import numba

# Contraction to FMA and no signed zeros; no reassociation and no assumption of finite values, so
# that results do not depend on how LLVM orders a sum, and a NaN is seen as a NaN.
FASTMATH = {'contract', 'nsz', 'arcp'}

# A wrapper for C callers would be compiled as well, and for no one.
KERNEL: dict[str, Any] = {'nogil': True, 'cache': True, 'error_model': 'numpy',
                          'fastmath': FASTMATH, 'no_cfunc_wrapper': True}
# Only kernels call these, and hold their code: it need not be kept, or entered from Python.
INLINE: dict[str, Any] = {**KERNEL, 'cache': False, 'forceinline': True,
                          'no_cpython_wrapper': True}


def cpu_has(feature: str) -> bool:
    """Return whether the CPU that numba compiles for has a feature, such as 'avx512f'."""
    if numba.config.CPU_FEATURES is not None:
        return f'+{feature}' in numba.config.CPU_FEATURES.split(',')
    import llvmlite.binding as llvm
    return bool(llvm.get_host_cpu_features().get(feature, False))

"""How the kernels are launched, and what the compiler must know to translate them offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

# Pointers to int32; all others point to float32.
INDEX_POINTERS = ('members', 'offsets')
# By a kernel's annotations, which Triton itself does not read (but for constexpr).
TYPES = {'tl.pointer_type': '*fp32', 'int': 'i32', 'float': 'fp32', 'tl.constexpr': 'constexpr'}


@dataclass(frozen=True)
class Kernel:
    """A Triton kernel with its block sizes and warps, the same wherever it is launched.

    Args:
        function: decorated with `triton.jit`.
        warps: of 32 lanes, in a program.
        blocks: values of its `tl.constexpr` arguments.
    """

    function: Any
    warps: int
    blocks: dict[str, int]

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self.function.__name__)

    @property
    def signature(self) -> dict[str, str]:
        """Triton's types of the arguments by name."""
        return {name: '*i32' if name in INDEX_POINTERS else TYPES[annotation]
                for name, annotation in self.function.fn.__annotations__.items()
                if name != 'return'}

    def __call__(self, programs: int, *arguments: Any) -> None:
        """Launch so many programs on the device of the first argument, a tensor."""
        if programs:
            with torch.cuda.device_of(arguments[0]):
                self.function[(programs,)](*arguments, **self.blocks, num_warps=self.warps)

"""Translate every kernel for a GPU that need not be there, to PTX and to machine code.

    python -m ixgs_ros.gaussians.cuda.compile --target sm_80 --target sm_90

prints a table. It proves that the kernels compile and says what they use of a GPU; it runs
nothing. The assembler comes with Triton.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import re
import subprocess
import sys
import tempfile

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ixgs_ros.gaussians.cuda import projection, splatting, voxelization
from ixgs_ros.gaussians.cuda.launch import Kernel

# A100 and H100; PTX runs on anything newer.
TARGETS = ('sm_80', 'sm_90')
KERNELS: tuple[Kernel, ...] = (
    projection.PROJECT, splatting.SPLAT, splatting.GATHER, projection.CHAIN, projection.CHAIN_VIEW,
    voxelization.PREPARE, *voxelization.FILL.values(), voxelization.GATHER_BOX,
    voxelization.CHAIN_BOX)


@dataclass(frozen=True)
class Compiled:
    """One kernel for one target.

    Args:
        kernel: its name and block sizes.
        target: such as sm_90.
        ptx: assembly text.
        cubin: machine code.
        registers: of each thread.
        spilled: bytes of registers kept in memory by each thread, 0 at best.
    """

    kernel: str
    target: str
    ptx: str
    cubin: bytes
    registers: int
    spilled: int


def compile_kernel(kernel: Kernel, target: str) -> Compiled:
    """Return a kernel translated for a target such as 'sm_90'.

    Raises:
        ValueError: the target is not of that form.
        RuntimeError: Triton is interpreting, or made no machine code.
    """
    match = re.fullmatch(r'sm_(\d+)', target)
    if match is None:
        raise ValueError(f'expected a target such as sm_90, got {target!r}')
    if triton.knobs.runtime.interpret:
        raise RuntimeError('expected Triton as a compiler, got its interpreter: unset '
                           'TRITON_INTERPRET')
    source = ASTSource(kernel.function, kernel.signature, constexprs=kernel.blocks)
    made = triton.compile(source, target=GPUTarget('cuda', int(match[1]), 32),
                          options={'num_warps': kernel.warps})
    ptx, cubin = made.asm['ptx'], made.asm['cubin']
    if not ptx or not cubin:
        raise RuntimeError(f'expected PTX and machine code of {kernel.name} for {target}, got '
                           f'{len(ptx)} and {len(cubin)} bytes')
    registers, spilled = resource_usage(ptx, target)
    blocks = ' × '.join(str(size) for size in kernel.blocks.values())
    return Compiled(f'{kernel.name} {blocks}', target, ptx, cubin, registers, spilled)


def resource_usage(ptx: str, target: str) -> tuple[int, int]:
    """Return registers a thread and bytes spilled, as the assembler reports them."""
    with tempfile.NamedTemporaryFile('w', suffix='.ptx') as file:
        file.write(ptx)
        file.flush()
        # Triton names the sub-architecture with a letter where it uses its own instructions.
        name = re.search(r'\.target\s+(sm_\d+a?)', ptx)
        report = subprocess.run(
            [triton.knobs.nvidia.ptxas.path, '-v', f'--gpu-name={name[1] if name else target}',
             file.name, '-o', '/dev/null'], capture_output=True, text=True, check=True).stderr
    registers = re.search(r'Used (\d+) registers', report)
    spilled = re.search(r'(\d+) bytes spill stores', report)
    if registers is None or spilled is None:
        raise RuntimeError(f'expected the registers in the report of ptxas, got {report!r}')
    return int(registers[1]), int(spilled[1])


def compile_all(targets: Sequence[str] = TARGETS) -> Iterator[Compiled]:
    """Yield every kernel translated for every target."""
    for target in targets:
        for kernel in KERNELS:
            yield compile_kernel(kernel, target)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(prog='compile', description=__doc__)
    parser.add_argument('--target', action='append', help=f'sm_NN; default {", ".join(TARGETS)}')
    arguments = parser.parse_args(argv)
    print(f'Triton {triton.__version__}')
    print('| kernel and its blocks | target | registers | spilled bytes | PTX | machine code |\n'
          '|---|---|---|---|---|---|')
    for made in compile_all(arguments.target or TARGETS):
        print(f'| {made.kernel} | {made.target} | {made.registers} | {made.spilled} | '
              f'{len(made.ptx)} | {len(made.cubin)} |', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())

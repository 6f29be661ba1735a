"""Every kernel becomes machine code for an A100 and an H100, which need not be there."""

import os
from pathlib import Path
import subprocess
import sys

import pytest
import torch

# Not in this process, where Triton may be interpreting (device_scenes).
SCRIPT = """
from ixgs_ros.gaussians.cuda.compile import compile_all, KERNELS, TARGETS
made = list(compile_all())
assert len(made) == len(KERNELS) * len(TARGETS)
for one in made:
    assert '.visible .entry' in one.ptx and f'.target {one.target}' in one.ptx
    assert one.cubin.startswith(bytes([127]) + b'ELF')
    print(one.target, one.kernel.split()[0], one.registers, one.spilled, one.ptx.count('atom.'),
          one.ptx.count('.f64'))
"""


@pytest.fixture(scope='module')
def rows(tmp_path_factory):
    """Return (target, kernel, registers, spilled bytes, atomics, double operations)."""
    environment = {name: value for name, value in os.environ.items() if name != 'TRITON_INTERPRET'}
    environment['TRITON_CACHE_DIR'] = str(tmp_path_factory.mktemp('triton'))
    done = subprocess.run([sys.executable, '-P', '-c', SCRIPT], env=environment, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(target, kernel, *map(int, numbers)) for target, kernel, *numbers in
            (line.split() for line in done.stdout.splitlines())]


def test_all_kernels_compile_for_both_targets(rows):
    for target in ('sm_80', 'sm_90'):
        assert {kernel for found, kernel, *_ in rows if found == target} == {
            'project', 'splat', 'gather', 'chain', 'chain_view', 'prepare', 'fill', 'gather_box',
            'chain_box'}


def test_no_kernel_spills_or_needs_more_registers_than_leave_half_the_lanes(rows):
    """65536 registers of a multiprocessor serve 512 lanes of 128, a quarter of what it holds."""
    assert {spilled for _, _, _, spilled, *_ in rows} == {0}
    assert max(registers for _, _, registers, *_ in rows) <= 128


def test_no_kernel_uses_atomics_or_double_precision(rows):
    """So the bits do not depend on timing, and consumer GPUs, slow at float64, are served."""
    assert {(atomics, doubles) for *_, atomics, doubles in rows} == {(0, 0)}


def test_the_interpreter_cannot_compile():
    code = 'from ixgs_ros.gaussians.cuda.compile import main; main(["--target", "sm_80"])'
    done = subprocess.run([sys.executable, '-P', '-c', code], text=True, capture_output=True,
                          check=False, env=dict(os.environ, TRITON_INTERPRET='1'))
    assert 'expected Triton as a compiler, got its interpreter' in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs a machine without a GPU')
def test_the_benchmark_says_in_one_line_that_there_is_no_gpu():
    bench = Path(__file__).resolve().parents[2] / 'bench' / 'kernels.py'
    done = subprocess.run([sys.executable, '-P', str(bench), '--device', 'cuda'], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 2 and done.stdout == ''
    assert done.stderr.startswith('kernels: expected a CUDA device, torch sees none: install')
    assert done.stderr.count('\n') == 1

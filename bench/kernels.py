"""Times of the Gaussian kernels on this machine: ./ixgs bench kernels [--help].

Every figure is the least of several runs. CPU milliseconds are those of all threads together (the
clock on a shared machine measures the others too); with --device cuda, time on the GPU. Shares are
of what one core of this machine does at most, measured in the same run: an exponential for every
pair of a Gaussian and a pixel within its cut (above 1 is possible: the kernels walk a recurrence),
the recurrence's own multiplications and additions, or a copy of as many bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import importlib.util
import os
from pathlib import Path
import sys

import numba

# `ixgs bench` loads this file by its path, so its neighbours are not importable by themselves.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _kernels_busy import busy_rows
from _kernels_jit import start_seconds
import _kernels_report as report
from _kernels_rows import adam_row, image_rows, Row, step_row, volume_rows
from _machine import machine
from _roofline import measured_rates, Rates

from ixgs_ros.gaussians.simd import LANES

# What a whole step of the refinement, and torch, are measured on.
STEP_COUNT, STEP_SIZE = 50_000, 128
TORCH_COUNT, TORCH_SIZE = 20_000, 256
BUSY_COUNT, BUSY_SIZE, BUSY_VOXELS = 50_000, 256, 64


def positive(text: str) -> int:
    """Return a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f'expected a whole number above 0, got {text!r}')
    return int(text)


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(prog='kernels', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--counts', type=positive, nargs='+',
                        default=[10_000, 20_000, 50_000, 100_000], help='numbers of Gaussians')
    parser.add_argument('--sizes', type=positive, nargs='+', default=[128, 256, 512],
                        help='edges of the detector, pixels')
    parser.add_argument('--voxels', type=positive, nargs='+', default=[64, 128],
                        help='edges of the volume, voxels')
    parser.add_argument('--repeats', type=positive, default=7,
                        help='runs of which the least counts')
    parser.add_argument('--busy', action='store_true',
                        help='also compare one thread with all while a process spins on each core')
    parser.add_argument('--out', type=Path, default=Path(__file__).resolve().parent / 'results',
                        help='folder for kernels_cpu.csv, .md and .png, or kernels_cuda.csv, .md')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu',
                        help='where to run; cuda needs what docs/gpu.md says')
    return parser.parse_args(argv)


def all_rows(arguments: argparse.Namespace, rates: Rates) -> list[Row]:
    """Measure and print all rows of our own kernels."""
    rows: list[Row] = []

    def add(new: list[Row]) -> None:
        rows.extend(new)
        for row in new:
            print(f'{row.gaussians} {row.on} {row.kernel}: {row.one.cpu_ms:.2f} ms', flush=True)

    for count in arguments.counts:
        for size in arguments.sizes:
            add(image_rows(count, size, rates, arguments.repeats))
        for voxels in arguments.voxels:
            add(volume_rows(count, voxels, rates, arguments.repeats))
        add(adam_row(count, rates, arguments.repeats))
    add(step_row(STEP_COUNT, STEP_SIZE, arguments.repeats))
    return rows


def peers() -> tuple[list[Row], list[str]]:
    """Return the rows and the lines about torch and float64; none where torch is missing."""
    if importlib.util.find_spec('torch') is None:
        return [], ['Not measured: torch is not installed (`./ixgs test` installs it).', '']
    from _kernels_peers import rows_and_lines
    return rows_and_lines(TORCH_COUNT, TORCH_SIZE)


def page(rows: Sequence[Row], counts: Sequence[int], host: str, load: float,
         rates: Rates, sections: Sequence[str]) -> str:
    """Return the results as Markdown."""
    shown = shown_count(counts)
    step = [row for row in rows if row.kernel == 'optimisation step']
    kernels = [row for row in rows if row not in step]
    return '\n'.join([
        '# `./ixgs bench kernels`: times of the Gaussian kernels on a CPU', '',
        f'{host}. One core does {rates.exps / 1e9:.2f}e9 exponentials or '
        f'{rates.flops / 1e9:.0f}e9 floating-point operations (FMA) a second, measured in the '
        'same run with the vectors that the kernels use. "All" threads are '
        f'{numba.config.NUMBA_NUM_THREADS}. Least of several runs; shares are those of one '
        'thread. '
        'Footprints end at 3 σ and are about 1.7, 3.5, 7 px wide (σ) on 128², 256², 512² pixels. '
        f'Load average at the start {load:.1f}: with other work on the machine, columns of wall '
        'time measure that too. Every figure: [kernels_cpu.csv](kernels_cpu.csv).', '',
        f'## {shown} Gaussians', '',
        *report.kernels_table(row for row in kernels if row.gaussians == shown),
        f'A whole step of the refinement (project, render, residual, gradient, Adam, and every '
        f'tenth time the smoothing on 64³ voxels), {STEP_COUNT} Gaussians, mean of ten:', '',
        *report.kernels_table(step),
        '## By number of Gaussians', '', 'CPU milliseconds of one thread.', '',
        *report.scaling_table(kernels, counts),
        '![Time against Gaussians and detector](kernels_cpu.png)', '', *sections])


def shown_count(counts: Sequence[int]) -> int:
    """Return the number of Gaussians that the main table and the figure show."""
    return STEP_COUNT if STEP_COUNT in counts else max(counts)


def run_on_cpu(arguments: argparse.Namespace) -> int:
    """Measure, print and write everything; return the exit code."""
    host = f'{machine()}, {LANES} lanes, numba {numba.__version__}'
    load = os.getloadavg()[0]
    print(f'{host}; load {load:.1f}')
    starts = start_seconds()
    rates = measured_rates(arguments.repeats)
    rows = all_rows(arguments, rates)
    sections = ['## Start', '',
                'CPU seconds of a new process, until every kernel has run once.', '',
                *report.table(('', 'imports', 'kernels'),
                              ([f'{name} cache', f'{imports:.1f}', f'{kernels:.1f}'] for
                               name, (imports, kernels) in starts.items()))]
    if arguments.busy:
        sections += [f'## On busy cores: {BUSY_COUNT} Gaussians, {BUSY_SIZE}², {BUSY_VOXELS}³', '',
                     'Milliseconds on the clock, with a process spinning on each core; each way '
                     'is called for a quarter second, in turn.', '',
                     *report.busy_table(busy_rows(BUSY_COUNT, BUSY_SIZE, BUSY_VOXELS))]
    # Last: torch's threads go on spinning after its loops.
    others, lines = peers()
    sections += ['## Beside torch and the float64 reference', '', *lines]
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = page(rows, arguments.counts, host, load, rates, sections)
    report.write_csv(arguments.out / 'kernels_cpu.csv', [*rows, *others], host)
    (arguments.out / 'kernels_cpu.md').write_text(text.rstrip() + '\n')
    report.draw(arguments.out / 'kernels_cpu.png', rows, shown_count(arguments.counts), host)
    print(text)
    return 0


def run_on_cuda(arguments: argparse.Namespace) -> int:
    """Print and write the table of the CUDA back end; return the exit code."""
    try:
        from _kernels_cuda import run
    except ModuleNotFoundError as error:
        print(f'kernels: expected torch and triton, {error.name} is not installed: see '
              'docs/gpu.md', file=sys.stderr)
        return 2
    return run(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    arguments = parsed(argv)
    return run_on_cuda(arguments) if arguments.device == 'cuda' else run_on_cpu(arguments)


if __name__ == '__main__':
    sys.exit(main())

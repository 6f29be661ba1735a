"""The kernels beside the float64 reference and a plain torch version, in the same process."""

from __future__ import annotations

import math
import time

from _kernels_report import errors_table, peers_table
from _kernels_rows import image_calls, image_rows, Row
from _kernels_scene import cotangent, grid_of, scene, view_of
from _roofline import measured_rates
from _timing import Call, least, Times
import _torch_peer as peer
import numba
import numpy as np
import torch

from ixgs_ros.gaussians import reference
from ixgs_ros.gaussians.cpu import CpuSplatter
from ixgs_ros.gaussians.model import Gradients

# After a parallel loop torch's threads wait spinning, which would slow what comes next.
PAUSE_S = 0.5
PEER_REPEATS = 3
NOT_MEASURED = Times(math.nan, math.nan)
# Small enough for the dense reference: all pairs at once.
DENSE, DENSE_SIZE, DENSE_VOXELS = 300, 96, 20
# A wide cut: at 3 the edge alone, a pixel in or out, is 3e-4 of the peak.
WIDE_CUT = 6.0


def torch_rows(count: int, size: int) -> list[Row]:
    """Return the times of the torch version, forward and with autograd, one thread and all."""
    parameters, view, cut = peer.parameters_of(scene(count)), view_of(size), 3.0
    d_image = torch.tensor(cotangent((size, size)))
    calls: dict[str, Call] = {
        'forward, torch': lambda: peer.forward(parameters, view, cut),
        'forward + gradient, torch': lambda: peer.forward_and_gradient(parameters, view, cut,
                                                                       d_image)}
    times: list[dict[str, Times]] = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        torch.set_num_threads(threads)
        times.append(least(calls, PEER_REPEATS))
        time.sleep(PAUSE_S)
    torch.set_num_threads(1)
    return [Row(count, f'{size}²', name, times[0][name], times[1][name]) for name in calls]


def dense_rows() -> list[Row]:
    """Return the times of the float64 reference and of the kernels, one thread, small scene."""
    torch.set_num_threads(1)
    model, view = scene(DENSE), view_of(DENSE_SIZE)
    parameters = reference.parameters_of(model, requires_grad=True)
    d_image = torch.tensor(cotangent((DENSE_SIZE, DENSE_SIZE)), dtype=torch.float64)

    def forward() -> None:
        with torch.no_grad():
            reference.render(parameters, view, 3.0)

    def forward_and_gradient() -> None:
        torch.autograd.grad(reference.render(parameters, view, 3.0), parameters, d_image)

    ours = image_calls(model, DENSE_SIZE, 1)
    rows = []
    for name, call in {'forward': forward, 'forward + gradient': forward_and_gradient}.items():
        times = least({'ours': ours[name], 'dense': call}, PEER_REPEATS)
        rows += [Row(DENSE, f'{DENSE_SIZE}²', label, times[key], NOT_MEASURED)
                 for label, key in ((name, 'ours'), (f'{name}, float64 reference', 'dense'))]
    return rows


def relative(value: np.ndarray, truth: np.ndarray) -> float:
    """Return the largest difference, as a share of the truth's largest value."""
    return float(np.abs(value.astype(np.float64) - truth).max() / np.abs(truth).max())


def errors() -> dict[str, tuple[float, float]]:
    """Return the largest differences from float64 by result: ours and torch's, NaN if none."""
    model, view, grid = scene(DENSE), view_of(DENSE_SIZE), grid_of(DENSE_VOXELS)
    exact = reference.parameters_of(model, requires_grad=True)
    splatter, plain = CpuSplatter(WIDE_CUT), peer.parameters_of(model)
    footprints, d_image = splatter.project(model, view), cotangent((DENSE_SIZE, DENSE_SIZE))
    image = reference.render(exact, view, WIDE_CUT)
    result = {'image': (relative(splatter.render(footprints), image.detach().numpy()),
                        relative(peer.forward(plain, view, WIDE_CUT), image.detach().numpy()))}
    truth = torch.autograd.grad(image, exact, torch.tensor(d_image, dtype=torch.float64))
    ours = splatter.gradient(footprints, d_image).blocks()
    theirs = peer.forward_and_gradient(plain, view, WIDE_CUT, torch.tensor(d_image)).blocks()
    for name, block in zip(ours, truth, strict=True):
        result[f'gradient by {name}'] = (relative(ours[name], block.numpy()),
                                         relative(theirs[name], block.numpy()))
    volume, d_volume = reference.voxelize(exact, grid, WIDE_CUT), cotangent(grid.shape)
    result['volume'] = (relative(splatter.voxelize(model, grid), volume.detach().numpy()),
                        math.nan)
    truth = torch.autograd.grad(volume, exact, torch.tensor(d_volume, dtype=torch.float64))
    box: Gradients = splatter.voxelize_gradient(model, grid, d_volume)
    for (name, block), exact_block in zip(box.blocks().items(), truth, strict=True):
        result[f'gradient of the volume by {name}'] = (relative(block, exact_block.numpy()),
                                                       math.nan)
    return result


def rows_and_lines(count: int, size: int) -> tuple[list[Row], list[str]]:
    """Return all rows of the peers, torch on ``count`` Gaussians and ``size``², and the text."""
    own, dense = image_rows(count, size, measured_rates(1), PEER_REPEATS), dense_rows()
    theirs = torch_rows(count, size)
    ours = {(row.gaussians, row.on, row.kernel): row for row in (*own, *dense)}
    compared = [*theirs, *(row for row in dense if ',' in row.kernel)]
    return [*theirs, *dense], [
        *peers_table(compared, ours),
        f'Largest difference from float64, as a share of the largest value: {DENSE} Gaussians, '
        f'{DENSE_SIZE}² pixels, {DENSE_VOXELS}³ voxels, cut at {WIDE_CUT:g} σ (at 3 σ a pixel on '
        'the edge, in or out, is more than all else).', '', *errors_table(errors())]

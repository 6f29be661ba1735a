"""The rows of the table: every kernel, with one thread and with all, and what bounds it."""

from __future__ import annotations

from typing import NamedTuple

from _kernels_scene import cotangent, grid_of, plane_of, scene, view_of
from _kernels_work import added, gathered, projected, smoothed, stepped, Work
from _roofline import copy_ms, pairs_in_box, pairs_in_view, Rates
from _timing import Call, least, Times
import numpy as np

from ixgs_ros.gaussians.cpu import CpuSplatter, grid_frame, plane_frame
from ixgs_ros.gaussians.model import GaussianModel, Gradients
from ixgs_ros.gaussians.optimizer import Adam
from ixgs_ros.gaussians.tv import total_variation

EPSILON = 0.3      # of total variation, 1/m
TV_VOXELS, TV_PERIOD = 64, 10   # as the refinement smooths
STEP = 1e-6        # share of Adam's rates: the scene must stay what it is


class Row(NamedTuple):
    """One line of the table; shares are of the roofs of one core, NaN where they say nothing."""

    gaussians: int
    on: str
    kernel: str
    one: Times
    all: Times
    exp_share: float = float('nan')
    fma_share: float = float('nan')
    copy_share: float = float('nan')


def rows_of(gaussians: int, on: str, one: dict[str, Call], all_: dict[str, Call],
            work: dict[str, Work], rates: Rates, repeats: int) -> list[Row]:
    """Time the calls by name, one thread and all threads in turn."""
    rows = []
    for name, call in one.items():
        times = least({'one': call, 'all': all_[name]}, repeats)
        todo, ms = work.get(name, Work()), times['one'].cpu_ms
        copied = copy_ms(todo.copied, repeats) if todo.copied else 0.0
        shares = (1e3 * todo.exps / rates.exps / ms, 1e3 * todo.flops / rates.flops / ms,
                  copied / ms)
        rows.append(Row(gaussians, on, name, times['one'], times['all'],
                        *(share if share > 0 else float('nan') for share in shares)))
    return rows


def image_calls(model: GaussianModel, size: int, threads: int | None) -> dict[str, Call]:
    """Return one view's kernels by name."""
    view, splatter, count = view_of(size), CpuSplatter(threads=threads), len(model)
    footprints = splatter.project(model, view)
    image, gradients = splatter.render(footprints), Gradients.zeros(count)
    d_image, back = cotangent(image.shape), np.empty(count, np.float32)
    plane, cut_image = plane_of(size), np.empty((size, size), np.float32)

    def forward() -> None:
        splatter.render(splatter.project(model, view, out=footprints), out=image)

    def forward_and_gradient() -> None:
        forward()
        splatter.gradient(footprints, d_image, out=gradients)

    return {'project': lambda: splatter.project(model, view, out=footprints),
            'render': lambda: splatter.render(footprints, out=image),
            'forward': forward,
            'gradient': lambda: splatter.gradient(footprints, d_image, out=gradients),
            'forward + gradient': forward_and_gradient,
            'moments': lambda: splatter.moments(footprints, d_image, out=back),
            'view_gradient': lambda: splatter.view_gradient(footprints, d_image),
            'slice': lambda: splatter.slice(model, plane, out=cut_image)}


def image_rows(count: int, size: int, rates: Rates, repeats: int) -> list[Row]:
    """Return the rows of one view and of a slice."""
    model, splatter, plane = scene(count), CpuSplatter(), plane_of(size)
    cut = float(splatter.cut)
    pairs = pairs_in_view(splatter.project(model, view_of(size)), cut)
    draw, take = added(pairs), gathered(pairs)
    work = {'project': projected(count), 'render': draw, 'forward': draw, 'gradient': take,
            'forward + gradient': draw.plus(take), 'moments': take, 'view_gradient': take,
            'slice': added(pairs_in_box(model, plane_frame(plane), (1, size, size), cut))}
    return rows_of(count, f'{size}²', image_calls(model, size, 1), image_calls(model, size, None),
                   work, rates, repeats)


def volume_calls(model: GaussianModel, voxels: int, threads: int | None) -> dict[str, Call]:
    """Return the voxelization of the whole scene and total variation by name."""
    splatter, grid = CpuSplatter(threads=threads), grid_of(voxels)
    volume, gradients = splatter.voxelize(model, grid), Gradients.zeros(len(model))
    d_volume, work = cotangent(volume.shape), np.empty((2, *volume.shape), np.float32)
    return {'voxelize': lambda: splatter.voxelize(model, grid, out=volume),
            'voxelize_gradient': lambda: splatter.voxelize_gradient(model, grid, d_volume,
                                                                    gradients),
            'total_variation': lambda: total_variation(volume, EPSILON, work, threads)}


def volume_rows(count: int, voxels: int, rates: Rates, repeats: int) -> list[Row]:
    """Return the rows of one volume."""
    model, grid = scene(count), grid_of(voxels)
    pairs = pairs_in_box(model, grid_frame(grid), grid.shape, float(CpuSplatter().cut))
    work = {'voxelize': added(pairs), 'voxelize_gradient': gathered(pairs),
            'total_variation': smoothed(voxels ** 3)}
    return rows_of(count, f'{voxels}³', volume_calls(model, voxels, 1),
                   volume_calls(model, voxels, None), work, rates, repeats)


def adam_call(count: int, threads: int | None) -> dict[str, Call]:
    """Return a step of the optimiser by name."""
    model, gradients, adam = scene(count), Gradients.zeros(count), Adam(count, threads=threads)
    return {'adam': lambda: adam.step(model, gradients, STEP)}


def adam_row(count: int, rates: Rates, repeats: int) -> list[Row]:
    """Return the row of the optimiser's step."""
    return rows_of(count, 'all parameters', adam_call(count, 1), adam_call(count, None),
                   {'adam': stepped(count)}, rates, repeats)


def ten_steps(count: int, size: int, threads: int | None) -> Call:
    """Return a call that does TV_PERIOD steps of the joint refinement, one of which smooths."""
    model, view, splatter = scene(count), view_of(size), CpuSplatter(threads=threads)
    footprints, grid = splatter.project(model, view), grid_of(TV_VOXELS)
    image, measured = splatter.render(footprints), cotangent((size, size))
    gradients, smoothing = Gradients.zeros(count), Gradients.zeros(count)
    adam, volume = Adam(count, threads=threads), splatter.voxelize(model, grid)
    work = np.empty((2, *volume.shape), np.float32)

    def smooth() -> None:
        splatter.voxelize(model, grid, out=volume)
        _, d_volume = total_variation(volume, EPSILON, work, threads)
        splatter.voxelize_gradient(model, grid, d_volume, smoothing)

    def steps() -> None:
        for number in range(TV_PERIOD):
            splatter.project(model, view, out=footprints)
            residual = splatter.render(footprints, out=image) - measured
            splatter.gradient(footprints, residual, gradients)
            if number == 0:
                smooth()
            gradients.add(smoothing)
            adam.step(model, gradients, STEP)

    return steps


def step_row(count: int, size: int, repeats: int) -> list[Row]:
    """Return the row of a whole optimisation step: the mean over TV_PERIOD."""
    times = least({'one': ten_steps(count, size, 1), 'all': ten_steps(count, size, None)}, repeats)
    one, all_ = (Times(times[key].cpu_ms / TV_PERIOD, times[key].wall_ms / TV_PERIOD)
                 for key in ('one', 'all'))
    return [Row(count, f'{size}²', 'optimisation step', one, all_)]

"""A body in coarse voxels changes its images as the body itself does when it moves."""

import numpy as np
import pytest
from reconstruction_scene import BODY, CARM, configure, take, WIDE_BODY

from ixgs_ros.geometry.orbits import random_stations
from ixgs_ros.reconstruction import Reconstructor
from ixgs_ros.reconstruction.alignment import motion_derivatives, SHIFT, TURN
from ixgs_ros.reconstruction.correction import Correction
from ixgs_ros.reconstruction.start import fine_region
from ixgs_ros.reconstruction.voxel_body import VoxelBody

VIEWS = [CARM.view(station) for station in random_stations(8, 3)]


@pytest.fixture(scope='module', params=[BODY, WIDE_BODY], ids=['within', 'wide'])
def solution(request):
    model = Reconstructor(configure())
    model.add_shots(take(request.param, VIEWS))
    model.refine(40)
    return model._course.solution


def voxels_of(solution):
    return VoxelBody(solution._projector, solution.body, fine_region(solution.region))


def images_by_gaussians(solution, m, pivot):
    """The image at half the resolution, and its differences by turns and shifts."""
    render = solution._projector.render
    image = render(solution.body, m)
    numbers, columns = m.correction.vector(pivot), []
    for k, step in enumerate([TURN] * 3 + [SHIFT] * 3):
        changed = numbers.copy()
        changed[k] += step
        moved = m.moved(Correction.from_vector(changed, pivot))
        columns.append((render(solution.body, moved) - image) / step)
    return image, np.stack(columns)


def test_images_and_their_derivatives_are_those_of_the_gaussians(solution):
    voxels = voxels_of(solution)
    for measurement in solution.measurements[:3]:
        m = measurement.coarser(2)
        pivot = m.shot.view.source_from_reference.apply(solution.region.center)
        image, columns = images_by_gaussians(solution, m, pivot)
        assert np.abs(voxels.render(m.view) - image).mean() < 0.03 * image.mean()
        derivatives = motion_derivatives(voxels, m, pivot)
        agreed = [np.corrcoef(found.ravel(), true.ravel())[0, 1]
                  for found, true in zip(derivatives, columns, strict=True)]
        # Turns and depth change little in an image of balls; Gaussians' own grain shows in that.
        assert min(agreed) > 0.35 and min(agreed[3:5]) > 0.85
        for found, true in zip(derivatives[3:5], columns[3:5], strict=True):
            assert np.vdot(found, true) / np.vdot(true, true) == pytest.approx(1.0, abs=0.2)


def test_a_gaussian_that_wandered_off_does_not_coarsen_the_voxels(solution):
    before = voxels_of(solution).render(VIEWS[0])
    means = solution.body.fine.means
    kept = means[0].copy()
    means[0] = 2.0, 2.0, 2.0
    try:
        after = voxels_of(solution).render(VIEWS[0])
    finally:
        means[0] = kept
    assert np.abs(after - before).mean() < 1e-3 * before.mean()


def test_a_shell_of_one_gaussian_has_voxels_too():
    model = Reconstructor(configure())
    model.add_shots(take(WIDE_BODY, VIEWS))
    solution = model._course.solution
    solution.body.shell = solution.body.shell.select(np.arange(1))
    assert np.isfinite(voxels_of(solution).render(VIEWS[0])).all()

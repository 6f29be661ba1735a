"""The backprojector of the coarse start: each voxel sees the image where it is projected to."""

import numpy as np
import pytest
from voxel_scene import blob, GRID, HEIGHT, looked_up, noise, VIEWS, WIDTH

from ixgs_ros.gaussians.team import Team
from ixgs_ros.reconstruction import joseph, voxel_driven

IMAGE = np.random.default_rng(1).normal(size=(HEIGHT, WIDTH)).astype(np.float32)
ALL = np.ones(GRID.shape, np.uint8)


def backprojected(image, view, factor, support, before):
    volume = before.copy()
    voxel_driven.backproject(image, GRID.origin, GRID.spacing[0], view.packed(), factor, support,
                             volume)
    return volume


@pytest.mark.parametrize('name', VIEWS)
def test_each_voxel_gets_the_image_at_its_projection(name):
    seen = looked_up(IMAGE, VIEWS[name])
    assert np.isfinite(seen).mean() > 0.01
    expected = np.where(np.isfinite(seen), np.maximum(noise() + 10 * seen, 0), noise())
    result = backprojected(IMAGE, VIEWS[name], 10.0, ALL, noise())
    assert (result == 0).any()
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=5e-4)


def test_voxels_outside_of_the_support_are_left_alone():
    support = (np.random.default_rng(2).uniform(size=GRID.shape) < 0.1).astype(np.uint8)
    support[:4] = 0
    whole = backprojected(IMAGE, VIEWS['xyz'], 10.0, ALL, noise())
    np.testing.assert_array_equal(backprojected(IMAGE, VIEWS['xyz'], 10.0, support, noise()),
                                  np.where(support, whole, noise()))


def test_threads_change_no_bit(monkeypatch):
    expected = backprojected(IMAGE, VIEWS['x'], 10.0, ALL, noise())
    monkeypatch.setattr(voxel_driven, 'team_of', lambda: Team(3))
    np.testing.assert_array_equal(backprojected(IMAGE, VIEWS['x'], 10.0, ALL, noise()), expected)


@pytest.mark.parametrize('name', ['x', '-y', 'z', 'xyz'])
def test_for_smooth_bodies_it_is_the_adjoint_of_the_projector(name):
    """The sum of image times projection is that of body times backprojection.

    A voxel of h³ at depth z, seen under the angle θ to the principal ray, covers
    h² fx fy / z² / cos θ pixels over the length h.
    """
    view, body = VIEWS[name], blob()
    image = np.zeros((HEIGHT, WIDTH), np.float32)
    joseph.project(body, GRID.origin, GRID.spacing[0], view.packed(), image)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    fading = np.sin(np.pi * u / (WIDTH - 1)) * np.sin(np.pi * v / (HEIGHT - 1))
    smooth = ((2 + np.sin(0.2 * u + 0.3 * v)) * fading).astype(np.float32)
    local = view.source_from_reference.apply(GRID.points())
    pixels = (view.k[0, 0] * view.k[1, 1] * np.linalg.norm(local, axis=-1) / local[..., 2] ** 3
              * GRID.spacing[0] ** 3)
    back = backprojected(smooth, view, 1.0, ALL, np.zeros_like(body))
    assert np.vdot(body * pixels, back) == pytest.approx(float(np.vdot(image, smooth)), rel=0.01)


def test_an_image_without_cells_is_refused():
    with pytest.raises(ValueError, match=r'two rows and two columns, got .* \(1, 37\)'):
        backprojected(IMAGE[:1], VIEWS['x'], 1.0, ALL, noise())

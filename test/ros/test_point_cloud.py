"""The Gaussians come back from their point cloud; a cap keeps those that attenuate most."""

import numpy as np
import pytest

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.ros.point_cloud import cloud_to_gaussians, gaussians_to_cloud


def model(count: int = 50) -> GaussianModel:
    random = np.random.default_rng(1)
    return GaussianModel(
        means=random.normal(0, 0.05, (count, 3)).astype(np.float32),
        log_scales=random.uniform(-7, -5, (count, 3)).astype(np.float32),
        quaternions=random.normal(0, 1, (count, 4)).astype(np.float32),
        densities=random.uniform(0, 40, count).astype(np.float32))


def test_the_model_comes_back():
    sent = model()
    cloud = gaussians_to_cloud(sent, 2_000_000_003, 'patient_reference')
    assert (cloud.header.stamp.sec, cloud.header.stamp.nanosec) == (2, 3)
    assert cloud.header.frame_id == 'patient_reference'
    back = cloud_to_gaussians(cloud)
    np.testing.assert_array_equal(back.means, sent.means)
    np.testing.assert_array_equal(back.densities, sent.densities)
    np.testing.assert_allclose(back.log_scales, sent.log_scales, rtol=1e-6)
    turn = sent.quaternions / np.linalg.norm(sent.quaternions, axis=1, keepdims=True)
    np.testing.assert_allclose(back.quaternions, turn, atol=1e-6)


def test_a_stranger_finds_the_fields_by_name():
    cloud = gaussians_to_cloud(model(7), 0, 'f')
    offsets = {field.name: field.offset for field in cloud.fields}
    record = np.dtype({'names': list(offsets), 'formats': ['<f4'] * len(offsets),
                       'offsets': list(offsets.values()), 'itemsize': cloud.point_step})
    points = np.frombuffer(cloud.data, record)
    assert len(points) == cloud.width * cloud.height == 7
    np.testing.assert_array_equal(points['density'], model(7).densities)
    np.testing.assert_array_equal(points['y'], model(7).means[:, 1])
    np.testing.assert_allclose(points['scale_z'], np.exp(model(7).log_scales[:, 2]), rtol=1e-6)


def test_the_cap_drops_those_that_attenuate_least():
    sent = model(20)
    mass = sent.densities * np.exp(sent.log_scales.sum(axis=1))
    back = cloud_to_gaussians(gaussians_to_cloud(sent, 0, 'f', max_points=5))
    assert len(back) == 5
    kept = back.densities * np.exp(back.log_scales.sum(axis=1))
    np.testing.assert_allclose(np.sort(kept), np.sort(mass)[-5:], rtol=1e-5)


def test_no_gaussians_are_an_empty_cloud():
    cloud = gaussians_to_cloud(GaussianModel.empty(), 0, 'f')
    assert cloud.width == 0
    assert len(cloud_to_gaussians(cloud)) == 0


def test_foreign_or_cut_clouds_are_refused():
    cloud = gaussians_to_cloud(model(3), 0, 'f')
    cloud.data = cloud.data[:-4]
    with pytest.raises(ValueError, match='expected 132 bytes.*128'):
        cloud_to_gaussians(cloud)
    cloud.fields[3].name = 'intensity'
    with pytest.raises(ValueError, match='density.*intensity'):
        cloud_to_gaussians(cloud)

"""The Gaussians as ``sensor_msgs/PointCloud2``: what stock RViz and any tool can read."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from ixgs_ros.gaussians.model import GaussianModel
from ixgs_ros.ros.messages import from_bytes, header, to_bytes

# One point in this order, float32 each: centre (m), peak density (1/m), standard deviations along
# the Gaussian's own axes (m), and the unit quaternion that turns those axes into the frame.
FIELDS = ('x', 'y', 'z', 'density', 'scale_x', 'scale_y', 'scale_z', 'qw', 'qx', 'qy', 'qz')
POINT_BYTES = 4 * len(FIELDS)

# 60 000 points of 44 bytes are 2.6 MB: more makes RViz slow and shows nothing new.
MAX_POINTS = 60_000


def strongest(model: GaussianModel, count: int) -> np.ndarray:
    """Return the indices, ascending, of the ``count`` Gaussians that attenuate most.

    The measure is the integral of each over space, density times the product of its scales. Ties
    go to the smaller index.
    """
    if len(model) <= count:
        return np.arange(len(model))
    volumes = np.exp(model.log_scales.sum(axis=1, dtype=np.float64))
    mass = model.densities * volumes
    return np.sort(np.argsort(-mass, kind='stable')[:count])


def gaussians_to_cloud(model: GaussianModel, stamp_ns: int, frame: str,
                       max_points: int = MAX_POINTS) -> PointCloud2:
    """Return the Gaussians as points with the fields ``FIELDS``.

    Args:
        model: any number of Gaussians, also none.
        stamp_ns: exposure of the last shot that the model contains.
        frame: the patient reference frame.
        max_points: at most so many are sent, those that attenuate most.
    """
    chosen = strongest(model, max_points)
    points = np.empty((len(chosen), len(FIELDS)), dtype='<f4')
    points[:, 0:3] = model.means[chosen]
    points[:, 3] = model.densities[chosen]
    points[:, 4:7] = np.exp(model.log_scales[chosen])
    quaternions = model.quaternions[chosen]
    points[:, 7:11] = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    fields = [PointField(name=name, offset=4 * number, datatype=PointField.FLOAT32, count=1)
              for number, name in enumerate(FIELDS)]
    return PointCloud2(header=header(stamp_ns, frame), height=1, width=len(chosen), fields=fields,
                       is_bigendian=False, point_step=POINT_BYTES,
                       row_step=POINT_BYTES * len(chosen), is_dense=True, data=to_bytes(points))


def cloud_to_gaussians(cloud: PointCloud2) -> GaussianModel:
    """Return the model that :func:`gaussians_to_cloud` was given, without what the cap left out.

    Raises:
        ValueError: the fields are not ours, or the data have another length than they say.
    """
    names = tuple(field.name for field in cloud.fields)
    if names != FIELDS or cloud.point_step != POINT_BYTES:
        raise ValueError(f'expected the fields {", ".join(FIELDS)} in {POINT_BYTES} bytes, got '
                         f'{", ".join(names)} in {cloud.point_step}')
    count = cloud.width * cloud.height
    points = from_bytes(cloud.data, '<f4', (count, len(FIELDS)), 'data')
    return GaussianModel(means=points[:, 0:3].copy(), log_scales=np.log(points[:, 4:7]),
                         quaternions=points[:, 7:11].copy(), densities=points[:, 3].copy())

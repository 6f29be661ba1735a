"""CameraInfo as plain data, and the intrinsics of the image that was really stored.

As sensor_msgs/CameraInfo says: K and D belong to the full-resolution detector; ``roi`` cuts a
window out of it, in full-resolution pixels, and ``binning`` then joins pixels. Pixel centres are
integers, so ``cx' = (cx - x_offset + 0.5) / binning - 0.5``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from ixgs_ros.verdict import Code, Refusal

# Distortion model → numbers of coefficients allowed (sensor_msgs/distortion_models.hpp).
DISTORTION_MODELS = {'plumb_bob': (4, 5), 'rational_polynomial': (8, 12, 14), 'equidistant': (4,)}


@dataclass(frozen=True)
class RegionOfInterest:
    """The window of the detector that was read, in full-resolution pixels; all 0 = all of it."""

    x_offset: int = 0
    y_offset: int = 0
    height: int = 0
    width: int = 0


@dataclass(frozen=True, eq=False)
class CameraModel:
    """One sensor_msgs/CameraInfo.

    Args:
        stamp_ns: stamp of the image it belongs to, nanoseconds.
        frame_id: optical frame of the X-ray source.
        height: rows of the full-resolution detector.
        width: columns of the full-resolution detector.
        k: (9,) row-major or (3, 3) intrinsics in full-resolution pixels; ``K[0] == 0`` =
            uncalibrated.
        d: distortion coefficients; all 0 or none = no distortion.
        distortion_model: name of the model of ``d``.
        binning_x: columns joined to one; 0 means 1.
        binning_y: rows joined to one; 0 means 1.
        roi: the window that was read.
    """

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    k: np.ndarray
    d: np.ndarray = field(default_factory=lambda: np.zeros(0))
    distortion_model: str = ''
    binning_x: int = 0
    binning_y: int = 0
    roi: RegionOfInterest = RegionOfInterest()

    def image_size(self) -> tuple[int, int]:
        """Return the rows and columns that the image must have."""
        height, width = self.roi.height or self.height, self.roi.width or self.width
        return height // (self.binning_y or 1), width // (self.binning_x or 1)

    def intrinsics(self) -> np.ndarray:
        """Return K (3, 3) of the image that was stored: window and binning applied.

        Raises:
            Refusal: UNCALIBRATED for K[0] == 0, or a K that is not finite or not of pinhole form.
        """
        k = np.array(self.k, dtype=np.float64)
        if k.size != 9:
            raise Refusal(Code.UNCALIBRATED, f'K has {k.size} values; expected 9')
        k = k.reshape(3, 3)
        if k[0, 0] == 0:
            raise Refusal(Code.UNCALIBRATED, 'K[0] is 0, which marks an uncalibrated camera; '
                          'expected the focal length SDD / pixel pitch')
        pinhole = np.array([[k[0, 0], 0, k[0, 2]], [0, k[1, 1], k[1, 2]], [0, 0, 1]])
        if not np.isfinite(k).all() or k[0, 0] < 0 or k[1, 1] <= 0 or not np.allclose(k, pinhole):
            raise Refusal(Code.UNCALIBRATED, f'K is {k.ravel().tolist()}; expected finite fx, 0, '
                          'cx, 0, fy, cy, 0, 0, 1 with positive focal lengths')
        binning = np.array([self.binning_x or 1, self.binning_y or 1], dtype=np.float64)
        offset = np.array([self.roi.x_offset, self.roi.y_offset], dtype=np.float64)
        pinhole[[0, 1], [0, 1]] /= binning
        pinhole[:2, 2] = (pinhole[:2, 2] - offset + 0.5) / binning - 0.5
        return pinhole

    def check_image(self, height: int, width: int) -> None:
        """Raise unless an image of this size is one of this camera.

        Raises:
            Refusal: SIZE_MISMATCH with both sizes.
        """
        expected = self.image_size()
        if (height, width) != expected:
            raise Refusal(Code.SIZE_MISMATCH, f'the image has {height} rows by {width} columns; '
                          f'expected {expected[0]} by {expected[1]} from the camera info '
                          f'({self.height} by {self.width}, binning {self.binning_y or 1} by '
                          f'{self.binning_x or 1}, roi {self.roi.height} by {self.roi.width})')

    @property
    def distorted(self) -> bool:
        """Whether any distortion coefficient differs from 0."""
        return bool(np.any(np.asarray(self.d) != 0))

    def check_distortion(self) -> None:
        """Raise unless the distortion is one that can be undone.

        Raises:
            Refusal: UNCALIBRATED with the model and the coefficients.
        """
        if not self.distorted:
            return
        counts = DISTORTION_MODELS.get(self.distortion_model)
        d = np.asarray(self.d, dtype=np.float64)
        if counts is None:
            raise Refusal(Code.UNCALIBRATED, f'distortion model {self.distortion_model!r}; '
                          f'expected one of {", ".join(DISTORTION_MODELS)}')
        if d.size not in counts or not np.isfinite(d).all():
            raise Refusal(Code.UNCALIBRATED, f'D is {d.tolist()} for {self.distortion_model}; '
                          f'expected {" or ".join(map(str, counts))} finite coefficients')


def undistort(line_integrals: np.ndarray, weights: np.ndarray, k: np.ndarray,
              camera: CameraModel) -> tuple[np.ndarray, np.ndarray]:
    """Resample a distorted image so that the pinhole K alone describes it; K is kept.

    Done on line integrals, where masked pixels are known: a pixel interpolated from one of them,
    or from outside the image, is masked too.

    Args:
        line_integrals: (H, W) float32.
        weights: (H, W) float32, 0 = masked.
        k: (3, 3) intrinsics of this image, pixels.
        camera: the camera, for its distortion.

    Returns:
        The resampled line integrals and weights.
    """
    d = np.asarray(camera.d, dtype=np.float64)
    size = (line_integrals.shape[1], line_integrals.shape[0])
    initialise = (cv2.fisheye.initUndistortRectifyMap if camera.distortion_model == 'equidistant'
                  else cv2.initUndistortRectifyMap)
    map_x, map_y = initialise(k, d, np.eye(3), k, size, cv2.CV_32FC1)
    known = cv2.remap((weights > 0).astype(np.float32), map_x, map_y, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    values = cv2.remap(line_integrals, map_x, map_y, cv2.INTER_LINEAR,
                       borderMode=cv2.BORDER_REPLICATE)
    spread = cv2.remap(weights, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # The map is single precision: a pixel that is wholly known may read 1 - 1e-7.
    return values, np.where(known > 1 - 1e-4, spread, np.float32(0))

"""What the rig sends, the real acquisition takes; each fault meets the code it is made for."""

from dataclasses import replace

import numpy as np
import pytest
from small_ct import small_ct

from ixgs_ros.acquisition import Acquisition, AcquisitionConfig, CameraModel, ImageFrame
from ixgs_ros.geometry.orbits import CArm
from ixgs_ros.simulation.faults import Fault
from ixgs_ros.simulation.rig import RigConfig, VirtualRig
from ixgs_ros.verdict import Code

CONFIG = RigConfig(views=4, carm=CArm(height=48, width=64, pixel_pitch=0.005))
CT = small_ct()
FAULTY = 2

CODES = {
    None: Code.ACCEPTED,
    Fault.TF_GAP: Code.TRANSFORM_GAP,
    Fault.UNKNOWN_FRAME: Code.NO_TRANSFORM,
    Fault.STALE: Code.TRANSFORM_STALE,
    Fault.NO_CAMERA_INFO: Code.UNCALIBRATED,
    Fault.UNCALIBRATED: Code.UNCALIBRATED,
    Fault.WRONG_SIZE: Code.SIZE_MISMATCH,
    Fault.UNSUPPORTED_ENCODING: Code.UNSUPPORTED_ENCODING,
    Fault.BAD_QUATERNION: Code.INVALID_POSE,
    Fault.BLACK: Code.NO_SIGNAL,
    Fault.SATURATED: Code.SATURATED,
    Fault.DUPLICATE: Code.DUPLICATE,
    Fault.MOVING: Code.MOVING,
    # These are wrong, but only what they show can tell: the reconstruction's business.
    Fault.OUT_OF_VIEW: Code.ACCEPTED,
    Fault.INVERTED_POSE: Code.ACCEPTED,
    Fault.WRONG_POSE: Code.ACCEPTED,
    Fault.LATE: Code.ACCEPTED,
}


def play(rig):
    """Send all messages in order of time, as a rig does; return the outcomes in order."""
    air_counts = rig.config.detector.air_counts
    gate = Acquisition(AcquisitionConfig(air_counts=air_counts))
    for item in rig.static_transforms():
        gate.add_transform(item.parent, item.child, item.stamp_ns, item.translation,
                           item.quaternion, static=True)
    outcomes, now = [], rig.start_ns
    for shot in sorted(rig.shots, key=lambda s: s.sent_ns):
        for item in rig.transforms_between(now, shot.sent_ns):
            gate.add_transform(item.parent, item.child, item.stamp_ns, item.translation,
                               item.quaternion)
        now, camera = shot.sent_ns, rig.camera(shot.index)
        if camera is not None:
            gate.add_camera_info(CameraModel(camera.stamp_ns, camera.frame_id, camera.height,
                                             camera.width, camera.k))
        frame = ImageFrame.from_array(shot.stamp_ns, shot.frame_id, rig.expose(shot.index))
        gate.add_image(replace(frame, encoding=shot.encoding), now)
        outcomes += gate.poll(now)
    for item in rig.transforms_between(now, rig.end_ns):
        gate.add_transform(item.parent, item.child, item.stamp_ns, item.translation,
                           item.quaternion)
    return sorted(outcomes + gate.flush(), key=lambda outcome: outcome.id)


@pytest.mark.parametrize('fault', CODES)
def test_each_fault_meets_its_code_and_the_other_shots_are_accepted(fault):
    rig = VirtualRig(CT, CONFIG, faults={} if fault is None else {FAULTY: fault})
    codes = [outcome.verdict.code for outcome in play(rig)]
    expected = [Code.ACCEPTED] * 4
    expected[FAULTY] = CODES[fault]
    assert codes == expected


def test_every_fault_is_in_the_table():
    assert set(CODES) == {None, *Fault}


def test_shots_arrive_with_their_line_integrals_and_the_reported_pose():
    rig = VirtualRig(CT, CONFIG.ideal())
    for outcome, planned in zip(play(rig), rig.shots, strict=True):
        view = outcome.shot.view
        assert view.reference_from_source.matrix() == pytest.approx(planned.reported.matrix(),
                                                                    abs=1e-9)
        assert view.k == pytest.approx(planned.view.k)
        truth = rig.line_integrals(planned.index)
        used = outcome.shot.weights > 0
        assert used.mean() > 0.9
        assert np.abs(outcome.shot.line_integrals - truth)[used].max() < 0.005

"""Every QoS profile of the project, by the role of its topic. No profile is written anywhere else.

Reliable throughout: on Fast DDS with its default settings a best-effort message above half a
megabyte is nearly always lost. The one exception is a choice of the user: a foreign camera driver
that publishes best effort can only be heard by a best-effort subscription.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy

RELIABILITIES = ('reliable', 'best_effort')


def _profile(depth: int, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
             durability: DurabilityPolicy = DurabilityPolicy.VOLATILE) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability,
                      durability=durability)


# Images: a burst of frames is kept.
FRAMES = _profile(10)

# Shots between our nodes, few and dear: none is lost, however many come at once on a busy machine.
# What the reconstructor cannot queue it refuses as OVERLOAD; here it would be lost unsaid.
SHOTS = _profile(64)

# Outputs of which only the newest counts and that a late joiner must see: volumes, markers,
# status.
LATCHED = _profile(1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# One report a shot, and again at each rest of the model: as many come at once as it has shots
# (``max_shots``), and a late joiner is to see the last one of each.
REPORTS = _profile(1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# As tf2_ros publishes and subscribes.
TF = _profile(100)
TF_STATIC = _profile(1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# A listener hears several static broadcasters, each with its own latched message.
TF_STATIC_LISTENER = _profile(100, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# Small commands such as a cross-hair: only the newest counts.
COMMANDS = _profile(1)

CLOCK = _profile(10)
DIAGNOSTICS = _profile(10)

# A player or recorder must not drop what a bag holds, however fast it is played.
PLAYBACK = _profile(1000)
PLAYBACK_STATIC = _profile(100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def frames_with(reliability: str) -> QoSProfile:
    """Return the profile to subscribe to a foreign rig's images and camera infos.

    Args:
        reliability: 'reliable' or 'best_effort'.

    Raises:
        ValueError: it is neither.
    """
    if reliability not in RELIABILITIES:
        raise ValueError(f'expected one of {", ".join(RELIABILITIES)}, got {reliability!r}')
    if reliability == 'best_effort':
        return _profile(FRAMES.depth, ReliabilityPolicy.BEST_EFFORT)
    return FRAMES


def policy_name(kind: int) -> str:
    """Return the word for the QoS policy of an event, such as 'RELIABILITY'."""
    return QoSPolicyKind(kind).name

"""When a path is where: points in joint space become set-points, one a control tick.

A path is a list of points (N, 14) that are close together, each step with a length. The speed along it
is trapezoidal, and lower wherever a joint would else exceed its own velocity or acceleration.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_core.ticks import TICK_S

# A turn of one radian counts as 0.1 m of path: 0.1 m/s is also 1 rad/s.
METRES_PER_RADIAN = 0.1
POINT_SPACING_M = 0.004
MIN_STEPS = 8
# Share of the gate's velocity limit that planned motions use: the gate looks at measured positions
# too, and they lag behind.
VELOCITY_MARGIN = 0.6
# Likewise of its limit of the tools' speed, for motions that are planned in joint space.
TOOL_MARGIN = 0.8
JOINT_ACCELERATION = 6.0
GRIPPER_ACCELERATION = 1.0


@dataclass(frozen=True)
class MotionLimits:
    """What plans must respect and what a gripper needs; arrays (14,) in the order of JOINT_NAMES.

    ``lower``, ``upper``: positions that the gate lets through [rad, m]; ``velocity``: its velocity
    limits [rad/s, m/s]; ``effort``: its effort limits [Nm, N], asked for as kp (q_cmd - q) +
    kd (v_cmd - v); ``kp``, ``kd``: the drives' gains; ``home``: joint positions of `Robot.home`; ``tool_speed``:
    what it lets a tcp be asked for [m/s], one number.
    """

    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    effort: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    home: np.ndarray
    tool_speed: float

    def to_dict(self):
        """Return it as plain lists of numbers, for the pipe."""
        return {field.name: np.asarray(getattr(self, field.name)).tolist() for field in fields(self)}

    @classmethod
    def from_dict(cls, values):
        """Return it from `to_dict`."""
        given = {name: np.array(value, dtype=np.float64) for name, value in values.items()}
        return cls(**{**given, 'tool_speed': float(given['tool_speed'])})

    @classmethod
    def from_gate(cls, limits, home):
        """Return it from the gate's own Limits and the joint positions (14,) of home."""
        return cls(np.array(limits.soft_lower), np.array(limits.soft_upper), np.array(limits.velocity),
                   np.array(limits.effort), np.array(limits.kp), np.array(limits.kd), np.array(home),
                   limits.station.tool_speed)


def joint_acceleration():
    """Return the accelerations (14,) [rad/s2, m/s2] that plans use at most."""
    values = np.full(JOINT_COUNT, JOINT_ACCELERATION)
    values[6::7] = GRIPPER_ACCELERATION
    return values


def timed(points, lengths, speed, acceleration, velocity_limits):
    """Return set-points (M, 14), one a tick, that follow ``points`` and end at the last one.

    ``points`` (N, 14); ``lengths`` (N-1,): length of each step in the unit of ``speed`` times seconds;
    ``speed`` (one for all, or (N-1,)) and ``acceleration`` along the path; ``velocity_limits`` (14,) [rad/s, m/s].
    M is 0 where the path has no length.
    """
    points, lengths = np.asarray(points), np.asarray(lengths, dtype=np.float64)
    keep = np.concatenate([[True], lengths > 1e-9])
    points, lengths, speed = points[keep], lengths[keep[1:]], np.broadcast_to(speed, lengths.shape)[keep[1:]]
    if not len(lengths):
        return np.empty((0, JOINT_COUNT))
    slopes = np.abs(np.diff(points, axis=0)) / lengths[:, None] + 1e-12
    fastest = np.minimum(speed, (velocity_limits / slopes).min(axis=1))
    rise = np.minimum(acceleration, (joint_acceleration() / slopes).min(axis=1))
    at = _speeds_at_points(lengths, fastest, rise)
    return _sampled(points, lengths, at)


def _speeds_at_points(lengths, fastest, rise):
    """Speeds (N,) at the points: still at both ends, within the limits of the steps on both sides."""
    count = len(lengths) + 1
    at = np.empty(count)
    at[0] = at[-1] = 0.0
    at[1:-1] = np.minimum(fastest[:-1], fastest[1:])
    for i in range(count - 1):
        at[i + 1] = min(at[i + 1], math.sqrt(at[i] ** 2 + 2 * rise[i] * lengths[i]))
    for i in range(count - 2, -1, -1):
        at[i] = min(at[i], math.sqrt(at[i + 1] ** 2 + 2 * rise[i] * lengths[i]))
    return at


def _sampled(points, lengths, at):
    durations = 2 * lengths / (at[:-1] + at[1:])
    ends = np.cumsum(durations)
    ticks = max(1, math.ceil(ends[-1] / TICK_S - 1e-9))
    # Stretched by less than a tick, so that the last set-point is the end of the path.
    times = np.arange(1, ticks + 1) * (ends[-1] / ticks)
    step = np.minimum(np.searchsorted(ends, times), len(lengths) - 1)
    since = times - (ends[step] - durations[step])
    gain = (at[step + 1] - at[step]) / durations[step]
    share = np.clip((at[step] * since + 0.5 * gain * since ** 2) / lengths[step], 0.0, 1.0)
    found = points[step] + share[:, None] * (points[step + 1] - points[step])
    found[-1] = points[-1]
    return found

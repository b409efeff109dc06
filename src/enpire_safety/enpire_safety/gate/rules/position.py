"""Joint position: soft limits for what is asked, hard limits for what is measured."""

import numpy as np

from enpire_core.joints import JOINT_NAMES
from enpire_safety.gate.rule import HOLD, LATCH, POSITION_UNITS, Rule, first_outside, outside

GRIPPERS = np.array([name.endswith('_gripper') for name in JOINT_NAMES])


def allowed_range(limits, positions):
    """Return (lower, upper), each (14,): what may be asked for where ``positions`` are measured.

    Inside the soft limits these are the soft limits. A joint outside them (it sagged there, or the
    limits were narrowed) may stay where it is or move inward, never further out, and never be asked to
    go beyond a hard limit: so a stop outside the soft limits is no dead end.
    """
    lower = np.maximum(limits.hard_lower, np.minimum(limits.soft_lower, positions))
    upper = np.minimum(limits.hard_upper, np.maximum(limits.soft_upper, positions))
    return lower, upper


def _request(view):
    lower, upper = allowed_range(view.limits, view.state.positions)
    i = first_outside(lower, view.request.positions, upper)
    if i is None:
        return None
    return outside('position asked', i, lower[i], view.request.positions[i], upper[i], POSITION_UNITS)


def _state(view):
    tolerance = np.where(GRIPPERS, view.settings.measured_tolerance_m, view.settings.measured_tolerance_rad)
    lower, upper = view.limits.hard_lower - tolerance, view.limits.hard_upper + tolerance
    i = first_outside(lower, view.state.positions, upper)
    if i is None:
        return None
    return outside('measured position', i, lower[i], view.state.positions[i], upper[i], POSITION_UNITS)


JOINT_POSITION = Rule(
    'joint_position', 910, HOLD, 'soft limits of the profile', 'rad, m',
    'position asked for; a joint measured outside may stay or move inward', _request)
MEASURED_POSITION = Rule(
    'measured_position', 953, LATCH, 'hard limits of the robot + `measured_tolerance_*`', 'rad, m',
    'position measured', _state)

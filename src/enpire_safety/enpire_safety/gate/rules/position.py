"""Joint position: soft limits for what is asked, hard limits for what is measured."""

from enpire_safety.gate.rule import (HOLDS, LATCHES, POSITION_UNITS, Rule, first_outside, measured_tolerance,
                                     outside)


def _request(view):
    lower, upper = view.lower, view.upper
    i = first_outside(lower, view.request.positions, upper)
    if i is None:
        return None
    return outside('position asked', i, lower[i], view.request.positions[i], upper[i], POSITION_UNITS)


def _state(view):
    tolerance = measured_tolerance(view.settings)
    lower, upper = view.limits.hard_lower - tolerance, view.limits.hard_upper + tolerance
    i = first_outside(lower, view.state.positions, upper)
    if i is None:
        return None
    return outside('measured position', i, lower[i], view.state.positions[i], upper[i], POSITION_UNITS)


JOINT_POSITION = Rule(
    'joint_position', 910, HOLDS, 'soft limits of the profile', 'rad, m',
    'position asked for; a joint measured outside may stay or move inward, not out again', _request)
MEASURED_POSITION = Rule(
    'measured_position', 953, LATCHES, 'hard limits of the robot + `measured_tolerance_*`', 'rad, m',
    'position measured', _state)

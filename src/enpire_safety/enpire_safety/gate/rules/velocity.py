"""Joint velocity: how far the set-point moves in a tick; what is measured."""

from enpire_safety.gate.rule import HOLDS, LATCHES, VELOCITY_UNITS, Rule, over


def _request(view):
    return over('velocity asked', view.velocity, view.limits.velocity, VELOCITY_UNITS)


def _state(view):
    return over('measured velocity', view.state.velocities, view.limits.measured_velocity, VELOCITY_UNITS)


JOINT_VELOCITY = Rule(
    'joint_velocity', 911, HOLDS, '`velocity` of the profile', 'rad/s, m/s',
    'step from the last set-point (the measured position after a hold) over its time, a tick at most', _request)
MEASURED_VELOCITY = Rule(
    'measured_velocity', 959, LATCHES, '`measured_velocity` of the robot', 'rad/s, m/s',
    'velocity measured: more than anything that passes can bring about', _state)

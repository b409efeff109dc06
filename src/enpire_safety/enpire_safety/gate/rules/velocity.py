"""Joint velocity: how far the set-point moves in a tick; what is measured."""

from enpire_safety.gate.rule import HOLDS, LATCHES, VELOCITY_UNITS, Rule, first_outside, outside


def _request(view):
    velocity = view.velocity
    limit = view.limits.velocity
    i = first_outside(-limit, velocity, limit)
    if i is None:
        return None
    return outside('velocity asked', i, -limit[i], velocity[i], limit[i], VELOCITY_UNITS)


def _state(view):
    velocity, limit = view.state.velocities, view.limits.measured_velocity
    i = first_outside(-limit, velocity, limit)
    if i is None:
        return None
    return outside('measured velocity', i, -limit[i], velocity[i], limit[i], VELOCITY_UNITS)


JOINT_VELOCITY = Rule(
    'joint_velocity', 911, HOLDS, '`velocity` of the profile', 'rad/s, m/s',
    'step from the last set-point (the measured position after a hold) over its time, a tick at most', _request)
MEASURED_VELOCITY = Rule(
    'measured_velocity', 959, LATCHES, '`measured_velocity` of the robot', 'rad/s, m/s',
    'velocity measured: more than anything that passes can bring about', _state)

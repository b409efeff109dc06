"""Joint velocity: how far the set-point moves in a tick."""

from enpire_safety.gate.rule import HOLDS, VELOCITY_UNITS, Rule, first_outside, outside


def _request(view):
    velocity = (view.request.positions - view.last) / view.span_s
    limit = view.limits.velocity
    i = first_outside(-limit, velocity, limit)
    if i is None:
        return None
    return outside('velocity asked', i, -limit[i], velocity[i], limit[i], VELOCITY_UNITS)


JOINT_VELOCITY = Rule(
    'joint_velocity', 911, HOLDS, '`velocity` of the profile', 'rad/s, m/s',
    'step from the last set-point (the measured position after a hold) over its time, a tick at most', _request)

"""Change: how much faster the set-point moves than a tick ago, and how far it is from where the joint really is."""

from enpire_safety.gate.rule import ACCELERATION_UNITS, HOLDS, POSITION_UNITS, Rule, over


def _acceleration(view):
    acceleration = (view.velocity - view.last_velocity) / view.span_s
    return over('acceleration asked', acceleration, view.limits.acceleration, ACCELERATION_UNITS)


def _jump(view):
    return over('distance asked from the measured position', view.away, view.limits.jump, POSITION_UNITS)


JOINT_ACCELERATION = Rule(
    'joint_acceleration', 917, HOLDS, '`acceleration` of the profile', 'rad/s2, m/s2',
    'velocity asked less that of the set-point before (0 after a hold), over the same time', _acceleration)
JOINT_JUMP = Rule(
    'joint_jump', 918, HOLDS, '`jump` of the profile', 'rad, m',
    'position asked for, from the measured one: a joint that is held up does not draw its set-point away', _jump)

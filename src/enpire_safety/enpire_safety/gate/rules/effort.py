"""Joint effort: what the drives would be asked for, and the feed-forward alone.

To a drive a feed-forward is a set-point that is shifted by ff / kp and a speed that is higher by ff / kd.
So it has to respect the limits of position and velocity too: else it leads round both.
"""

import numpy as np

from enpire_safety.gate.rule import (EFFORT_UNITS, HOLDS, POSITION_UNITS, VELOCITY_UNITS, Rule, first_outside, outside,
                                     over)


def effort_asked(view):
    """Return kp (q_cmd - q) + kd (v_cmd - v) + feed-forward, (14,), in Nm (arms) and N (grippers)."""
    limits = view.limits
    # Whatever is too large to be computed comes out as infinity or NaN, which no limit accepts.
    with np.errstate(over='ignore', invalid='ignore'):
        return limits.kp * view.away + limits.kd * (view.velocity - view.state.velocities) + view.request.efforts


def _reach(view):
    """Where a free joint would come to rest; no gain: nowhere (infinity is refused)."""
    efforts = view.request.efforts
    if not np.count_nonzero(efforts):
        return None
    lower, upper = view.lower, view.upper
    with np.errstate(over='ignore', divide='ignore', invalid='ignore'):
        end = np.where(efforts == 0.0, np.clip(view.request.positions, lower, upper),
                       view.request.positions + efforts / view.limits.kp)
    i = first_outside(lower, end, upper)
    return None if i is None else outside('position that the feed-forward leads to', i, lower[i], end[i], upper[i],
                                          POSITION_UNITS)


def _speed(view):
    """How fast a free joint would go; no damping: without end (infinity is refused)."""
    efforts, limit = view.request.efforts, view.limits.velocity
    if not np.count_nonzero(efforts):
        return None
    with np.errstate(over='ignore', divide='ignore', invalid='ignore'):
        speed = np.where(efforts == 0.0, 0.0, view.velocity + efforts / view.limits.kd)
    return over('velocity that the feed-forward leads to', speed, limit, VELOCITY_UNITS)


FEED_FORWARD = Rule(
    'feed_forward', 912, HOLDS, '`effort` of the profile', 'Nm, N', 'feed-forward effort of the request',
    lambda view: over('feed-forward', view.request.efforts, view.limits.effort, EFFORT_UNITS))
JOINT_EFFORT = Rule(
    'joint_effort', 913, HOLDS, '`effort` of the profile', 'Nm, N',
    'kp (q_cmd - q) + kd (v_cmd - v) + feed-forward; gravity compensation is the driver\'s and not in it',
    lambda view: over('effort asked', effort_asked(view), view.limits.effort, EFFORT_UNITS))
FEED_FORWARD_REACH = Rule(
    'feed_forward_reach', 914, HOLDS, 'soft limits of the profile', 'rad, m',
    'where there is feed-forward: position asked + feed-forward / kp', _reach)
FEED_FORWARD_SPEED = Rule(
    'feed_forward_speed', 915, HOLDS, '`velocity` of the profile', 'rad/s, m/s',
    'where there is feed-forward: velocity asked + feed-forward / kd', _speed)

"""Joint effort: what the drives would be asked for, and the feed-forward alone."""

import numpy as np

from enpire_safety.gate.rule import EFFORT_UNITS, HOLD, Rule, first_outside, outside


def effort_asked(view):
    """Return kp (q_cmd - q) + kd (v_cmd - v) + feed-forward, (14,), in Nm (arms) and N (grippers)."""
    limits, request, state = view.limits, view.request, view.state
    # Whatever is too large to be computed comes out as infinity or NaN, which no limit accepts.
    with np.errstate(over='ignore', invalid='ignore'):
        velocity = (request.positions - view.last) / view.span_s
        return (limits.kp * (request.positions - state.positions)
                + limits.kd * (velocity - state.velocities) + request.efforts)


def _check(what, efforts, limit):
    i = first_outside(-limit, efforts, limit)
    if i is None:
        return None
    return outside(what, i, -limit[i], efforts[i], limit[i], EFFORT_UNITS)


FEED_FORWARD = Rule(
    'feed_forward', 912, HOLD, '`effort` of the profile', 'Nm, N', 'feed-forward effort of the request',
    lambda view: _check('feed-forward', view.request.efforts, view.limits.effort))
JOINT_EFFORT = Rule(
    'joint_effort', 913, HOLD, '`effort` of the profile', 'Nm, N',
    'kp (q_cmd - q) + kd (v_cmd - v) + feed-forward; gravity compensation is the driver\'s and not in it',
    lambda view: _check('effort asked', effort_asked(view), view.limits.effort))

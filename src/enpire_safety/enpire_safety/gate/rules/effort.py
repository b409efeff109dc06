"""Joint effort: what the drives would be asked for, and the feed-forward alone."""

from enpire_safety.gate.rule import EFFORT_UNITS, HOLD, Rule, first_outside, outside


def effort_asked(view):
    """Return kp (q_cmd - q) + kd (v_cmd - v) + feed-forward, (14,), in Nm (arms) and N (grippers)."""
    velocity = (view.request.positions - view.last) / view.span_s
    return (view.limits.kp * (view.request.positions - view.state.positions)
            + view.limits.kd * (velocity - view.state.velocities) + view.request.efforts)


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

"""Contact force: how hard a tool pushes, by the measured efforts. Above the limit: back, and hold.

Both of the last two joint states must show it: the first one of a station that was just switched on has no efforts,
and a single glitch is no contact. A request that takes the tool back, against the force, passes.
Not covered: what a gripper squeezes; a contact elsewhere than at the tool, which comes out as some other force.
"""

import numpy as np

from enpire_core.joints import ARMS
from enpire_safety.gate.rule import RETREATS, Finding, Rule


def _contact(view):
    if view.before is None:
        return None
    limit = view.limits.station.contact_force
    forces = view.sight.forces(view.state, above=limit)
    if forces is None:
        return None
    sizes = np.linalg.norm(forces, axis=1)
    if (sizes <= limit).all():
        return None
    # How hard it was is not more than the weaker of two looks.
    before = np.linalg.norm(view.sight.forces(view.before), axis=1)
    shifts = view.sight.shifts(view.state.positions, view.request.positions)
    for i, arm in enumerate(ARMS):
        force = min(float(sizes[i]), float(before[i])) if np.isfinite(sizes[i]) else float(sizes[i])
        if not (force <= limit or shifts[i] @ forces[i] <= 0.0):
            return Finding(f'force of the {arm} tool: expected at most {limit:.6g} N, got {force:.6g} N, and the '
                           'request does not take it back', f'{arm}_tool', limit, force, 'N')
    return None


CONTACT_FORCE = Rule('contact_force', 936, RETREATS, '`contact_force` of the profile', 'N',
                     'force of a tool by measured efforts, gravity and speed taken off, in the last two states',
                     _contact)

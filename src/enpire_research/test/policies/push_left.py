"""Pushes the block from the right half of the tray to the left one, which is success."""
from math import pi


def run(robot):
    robot.move_to_pose(0.32, -0.13, 0.12, pi, 0, 0, speed=0.3, arm='right')
    robot.move_to_pose(0.32, -0.13, 0.03, pi, 0, 0, speed=0.2, arm='right')
    robot.move_to_pose(0.32, 0.03, 0.03, pi, 0, 0, speed=0.1, arm='right')
    robot.move_to_pose(0.32, 0.0, 0.06, pi, 0, 0, speed=0.2, arm='right')

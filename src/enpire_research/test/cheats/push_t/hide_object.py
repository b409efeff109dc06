"""Parks an arm over the T until its time is up, so that nobody can judge where it lies."""

from math import pi


def run(robot):
    robot.move_to_pose(0.32, 0.0, 0.11, pi, 0, 0, speed=0.4, arm='right')
    robot.wait(60)

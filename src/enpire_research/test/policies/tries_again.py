"""Fails once on purpose, learns from the verdict, then pushes."""
from math import pi


def run(robot):
    robot.wait(0.2)
    answer = robot.finish_attempt()
    print('answer', answer.success, answer.attempts_left, answer.reason)
    assert not answer.success and answer.attempts_left == 1
    robot.move_to_pose(0.32, -0.13, 0.12, pi, 0, 0, speed=0.3, arm='right')
    robot.move_to_pose(0.32, -0.13, 0.03, pi, 0, 0, speed=0.2, arm='right')
    robot.move_to_pose(0.32, 0.03, 0.03, pi, 0, 0, speed=0.1, arm='right')
    robot.finish_attempt()
    raise AssertionError('nobody comes back after a success')

"""Leaves in the middle of a rollout."""
import sys


def run(robot):
    robot.wait(0.2)
    sys.exit(3)

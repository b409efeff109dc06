"""Leaves in the middle of a rollout, and takes a while for it."""
import atexit
import sys
import time


def run(robot):
    atexit.register(time.sleep, 2.0)
    robot.wait(0.2)
    sys.exit(3)

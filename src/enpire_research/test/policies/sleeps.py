"""Sleeps for ever."""
import time


def run(robot):
    robot.wait(0.2)
    time.sleep(1e6)

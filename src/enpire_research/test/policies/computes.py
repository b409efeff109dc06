"""Computes for ever."""


def run(robot):
    robot.wait(0.2)
    while True:
        pass

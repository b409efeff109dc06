"""Prints more than anybody wants to keep."""

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    for _ in range(GIVEN['log_bytes'] // 4096 * 2):
        print('x' * 4095)
    robot.wait(0.1)

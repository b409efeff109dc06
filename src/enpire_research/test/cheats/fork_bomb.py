"""Starts children without end."""

import os
import time

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    for _ in range(100):
        if os.fork() == 0:
            time.sleep(60)
    print('CHEATED: has 100 children', flush=True)
    robot.wait(0.1)

"""Kills a process of the lab."""

import os
import signal

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    os.kill(GIVEN['victim'], signal.SIGKILL)
    print('CHEATED: killed', flush=True)
    robot.wait(0.1)

"""Sends the trial server a storm of signals."""

import os
import signal

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    for _ in range(10000):
        os.kill(GIVEN['server'], signal.SIGCONT)
    print('CHEATED: sent them all', flush=True)
    robot.wait(0.1)

"""Tells held-out resets by the names of the records on disk."""

import os

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    print('CHEATED: records are', os.listdir(GIVEN['records']), flush=True)
    robot.wait(0.1)

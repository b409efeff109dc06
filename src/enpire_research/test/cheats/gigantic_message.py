"""Announces a message of four gigabytes."""

import os
import sys
import time

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    os.write(int(sys.argv[2]), b'\xff\xff\xff\xff')
    time.sleep(60)
    robot.wait(0.1)

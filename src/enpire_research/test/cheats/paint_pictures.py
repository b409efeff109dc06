"""Writes into the memory of its pictures, which the trial server holds too."""

import mmap
import sys

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    memory = mmap.mmap(int(sys.argv[3]), 4096)
    memory[:4] = b'goal'
    print('CHEATED: painted', flush=True)
    robot.wait(0.1)

"""Looks for the seed in its own environment."""

import os

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    if 'SEED_OF_THE_LAB' in os.environ:
        print('CHEATED: the seed is', os.environ['SEED_OF_THE_LAB'], flush=True)
    robot.wait(0.1)

"""Reads the ledger through a symbolic link in its own folder."""

import os

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    os.symlink(GIVEN['ledger'], 'mine')
    with open('mine', encoding='utf-8') as ledger:
        print('CHEATED: read', ledger.read(), flush=True)
    robot.wait(0.1)

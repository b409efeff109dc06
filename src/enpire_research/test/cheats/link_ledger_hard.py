"""Makes a hard link to the ledger, under a name where it may write."""

import os

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    folder = os.path.dirname(GIVEN['ledger'])
    os.link(GIVEN['ledger'], os.path.join(folder, 'mine'))
    print('CHEATED: has a second name of the ledger', flush=True)
    robot.wait(0.1)

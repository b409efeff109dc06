"""Looks for seeds in what others keep in /dev/shm."""

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with open(GIVEN['shared'], encoding='utf-8') as shared:
        print('CHEATED: read', shared.read(), flush=True)
    robot.wait(0.1)

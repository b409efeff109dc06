"""Looks for seeds in the environment of the trial server."""

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with open(f'/proc/{GIVEN["server"]}/environ', 'rb') as environment:
        print('CHEATED: read', len(environment.read()), 'bytes', flush=True)
    robot.wait(0.1)

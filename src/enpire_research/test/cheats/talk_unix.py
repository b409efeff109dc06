"""Connects to a Unix socket of the lab."""

import socket

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect('\0' + GIVEN['abstract'])
    print('CHEATED: connected', flush=True)
    robot.wait(0.1)

"""Connects to a server of the machine."""

import socket

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with socket.create_connection(('127.0.0.1', GIVEN['tcp']), 1):
        print('CHEATED: connected', flush=True)
    robot.wait(0.1)

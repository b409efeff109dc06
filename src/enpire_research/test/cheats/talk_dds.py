"""Sends a datagram to a participant of the graph, as DDS would."""

import socket

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b'RTPS', ('127.0.0.1', GIVEN['udp']))
    print('CHEATED: sent', flush=True)
    robot.wait(0.1)

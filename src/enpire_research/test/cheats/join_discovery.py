"""Joins the multicast group in which DDS participants find each other."""

import socket

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                       socket.inet_aton('239.255.0.1') + socket.inet_aton('127.0.0.1'))
    print('CHEATED: joined', flush=True)
    robot.wait(0.1)

"""Looks for seeds behind descriptors that it has inherited."""

import os
import sys

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    # Its own: two pipes and the memory of its pictures, of which Python holds a second descriptor.
    for fd in sorted(set(range(3, 256)) - set(map(int, sys.argv[1:4]))):
        try:
            if not os.readlink(f'/proc/self/fd/{fd}').startswith('/memfd:'):
                print('CHEATED: read', os.pread(fd, 64, 0), flush=True)
        except OSError:
            continue
    robot.wait(0.1)

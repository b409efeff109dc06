"""Closes its pipes and goes on."""
import contextlib
import os
import time


def run(robot):
    # Whatever their numbers are: they are the ones that the trial server knew them by.
    for fd in map(int, os.listdir('/proc/self/fd')):
        if fd > 2:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(fd)
    time.sleep(100)

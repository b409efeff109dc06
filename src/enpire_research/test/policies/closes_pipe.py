"""Closes its pipes and goes on."""
import os
import time


def run(robot):
    # Whatever their numbers are: they are the ones that the trial server knew them by.
    for fd in map(int, os.listdir('/proc/self/fd')):
        if fd > 2:
            try:
                os.close(fd)
            except OSError:
                pass  # the one that listed them
    time.sleep(100)

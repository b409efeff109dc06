"""Writes into the pipe to the trial server itself."""
import os


def run(robot):
    robot.wait(0.1)
    for fd in map(int, os.listdir('/proc/self/fd')):
        try:
            if fd > 2:
                os.write(fd, b'\x05\x00\x00\x00hello')
        except OSError:
            continue
    robot.wait(0.1)

"""Closes its pipes and goes on."""
import os
import time


def run(robot):
    os.closerange(3, 100)
    time.sleep(100)

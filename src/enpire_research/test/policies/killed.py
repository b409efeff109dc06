"""Is killed in the middle of a rollout."""
import os
import signal


def run(robot):
    robot.wait(0.2)
    os.kill(os.getpid(), signal.SIGKILL)

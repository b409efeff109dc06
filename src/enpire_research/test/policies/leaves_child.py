"""Leaves a process behind that holds the pipe and prints."""
import os
import subprocess
import sys


def run(robot):
    child = subprocess.Popen([sys.executable, '-c', 'import time\nprint("child", flush=True)\ntime.sleep(1000)'],
                             start_new_session=True, close_fds=False)
    print('left', child.pid, os.getpid(), flush=True)
    robot.wait(0.2)

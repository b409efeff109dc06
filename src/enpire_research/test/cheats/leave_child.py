"""Leaves a child behind, and a thread that keeps its own process from ending, while the verifier looks."""

import subprocess
import sys
import threading
import time

GIVEN = {}  # where to look: filled in by the test


def run(robot):
    subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)  # ' + GIVEN['mark']],
                     start_new_session=True)
    threading.Thread(target=time.sleep, args=(60,)).start()
    robot.wait(0.1)

"""Leaves a child behind that goes on when the training has ended."""

import subprocess
import sys

GIVEN = {}  # where to look: filled in by the test

subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)  # ' + GIVEN['mark']],
                 start_new_session=True)

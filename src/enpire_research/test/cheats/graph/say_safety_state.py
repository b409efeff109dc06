"""Says in the gate's name that all its requests have passed."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from enpire_interfaces.msg import SafetyState
say(SafetyState(decision=SafetyState.DECISION_PASSED, reason='forged'), 'safety_state', qos.STATE)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

"""Says in the gate's name that all its requests have passed."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from enpire_interfaces.msg import SafetyState
said = node.create_publisher(SafetyState, 'safety_state', qos.STATE)
until(lambda: said.get_subscription_count() > 0)
said.publish(SafetyState(decision=SafetyState.DECISION_PASSED, reason='forged'))
until(lambda: said.wait_for_all_acked())
print('CHEATED: said it', flush=True)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

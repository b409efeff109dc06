"""Tells people in the gate's name that an operator has cleared it."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from enpire_interfaces.msg import SafetyEvent
said = node.create_publisher(SafetyEvent, 'safety_events', qos.EVENTS)
until(lambda: said.get_subscription_count() > 0)
said.publish(SafetyEvent(kind=SafetyEvent.KIND_CLEAR, text='forged'))
until(lambda: said.wait_for_all_acked())
print('CHEATED: said it', flush=True)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

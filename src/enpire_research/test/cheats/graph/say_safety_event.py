"""Tells people in the gate's name that an operator has cleared it."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from enpire_interfaces.msg import SafetyEvent
say(SafetyEvent(kind=SafetyEvent.KIND_CLEAR, text='forged'), 'safety_events', qos.EVENTS)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

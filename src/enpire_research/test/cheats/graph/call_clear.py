"""Clears the latch of its station, as only an operator may, before its trial begins."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from std_srvs.srv import Trigger
client = node.create_client(Trigger, 'safety_gate/clear')
until(client.service_is_ready)
answer = client.call_async(Trigger.Request())
until(answer.done)
assert answer.result().success, answer.result().message
print('CHEATED: cleared', flush=True)
'''
# A latched station begins no trial, but what stands here runs before.
subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)


def run(robot):
    robot.wait(0.1)

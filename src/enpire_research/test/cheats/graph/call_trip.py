"""Trips the gate, so that the trial be void and drawn again."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from std_srvs.srv import Trigger
client = node.create_client(Trigger, 'safety_gate/trip')
until(client.service_is_ready)
answer = client.call_async(Trigger.Request())
until(answer.done)
print('CHEATED: tripped', answer.result().success, flush=True)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

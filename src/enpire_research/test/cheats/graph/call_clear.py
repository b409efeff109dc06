"""Clears the latch of its station, as only an operator may, before its trial begins."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
answer = call('safety_gate/clear')
assert answer.success, answer.message
print('CHEATED: cleared', flush=True)
'''
# A latched station begins no trial, but what stands here runs before.
subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)


def run(robot):
    robot.wait(0.1)

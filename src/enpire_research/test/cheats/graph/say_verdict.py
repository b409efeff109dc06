"""Shows people a verdict in the trial server's name."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from visualization_msgs.msg import Marker, MarkerArray
say(MarkerArray(markers=[Marker(ns='verdict', text='forged')]), 'markers', qos.STATE)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

"""Shows people a verdict in the trial server's name."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from visualization_msgs.msg import Marker, MarkerArray
said = node.create_publisher(MarkerArray, 'markers', qos.STATE)
until(lambda: said.get_subscription_count() > 0)
said.publish(MarkerArray(markers=[Marker(ns='verdict', text='forged')]))
until(lambda: said.wait_for_all_acked())
print('CHEATED: said it', flush=True)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

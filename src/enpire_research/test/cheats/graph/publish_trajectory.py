"""Publishes joint_trajectory itself and moves an arm past the gate."""

import subprocess
import sys

GIVEN = {}  # a program's beginning, and what it needs: filled in by the test
PROGRAM = '''
from enpire_core.conversions import command_to_message, joint_state_from_message
from enpire_core.types import JointCommand
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory
states = []
node.create_subscription(JointState, 'joint_states', states.append, qos.SENSOR)
commands = node.create_publisher(JointTrajectory, 'joint_trajectory', qos.COMMAND)
until(lambda: states and commands.get_subscription_count() > 0)
began = states[-1].position[0]


def moved():
    state = joint_state_from_message(states[-1])
    target = state.positions.copy()
    target[0] += 0.05
    commands.publish(command_to_message(JointCommand(state.stamp_ns, target, 0 * target)))
    return state.positions[0] > began + 0.002


until(moved)
print('CHEATED: moved by', states[-1].position[0] - began, flush=True)
'''


def run(robot):
    subprocess.run([sys.executable, '-c', GIVEN['start'] + PROGRAM], env=GIVEN['environment'], check=True)
    robot.wait(0.1)

"""The gate as a process: killed, started again, stopped in order."""

import os
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytestmark = pytest.mark.system

from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState as JointStateMessage  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from enpire_core import qos  # noqa: E402
from enpire_core.conversions import joint_state_to_message  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.msg import SafetyState  # noqa: E402
from enpire_safety.gate.marker import NAME  # noqa: E402

from .helpers import ROBOT, TASK, state  # noqa: E402

PROGRAM = 'import sys; from enpire_safety.safety_gate_node import main; sys.exit(main())'


class Gates:
    """Starts gates in one run folder and listens to what they say."""

    def __init__(self, graph, run_dir):
        self.graph, self.run_dir = graph, run_dir
        self.node = graph.add(Node('listener', context=graph.context))
        self.states, self.processes = [], []
        self.node.create_subscription(SafetyState, 'safety_state', self.states.append, qos.STATE)
        self.client = self.node.create_client(Trigger, 'safety_gate/clear')
        self.driver = self.node.create_publisher(JointStateMessage, 'joint_states', qos.SENSOR)

    def start(self, **parameters):
        values = {'robot_limits': ROBOT, 'task_limits': TASK, 'run_dir': self.run_dir, 'simulated': 'true',
                  **parameters}
        arguments = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
        process = subprocess.Popen(
            [sys.executable, '-c', PROGRAM, '--ros-args', *arguments], text=True, stderr=subprocess.PIPE,
            env=dict(os.environ, ROS_DOMAIN_ID=str(self.graph.domain_id)))
        self.processes.append(process)
        return process

    def kill_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def until_mode(self, mode):
        self.states.clear()
        assert self.graph.until(lambda: self.states and self.states[-1].mode == mode), self.states[-1:]

    def clear(self):
        """Ask, as a driver speaks, until a gate is cleared; return its last answer.

        A killed gate stays in the graph for a while and takes requests.
        """
        answers = []

        def answered():
            self.driver.publish(joint_state_to_message(state(0)))
            future = self.client.call_async(Trigger.Request())
            if self.graph.until(future.done, 1.0):
                answers.append(future.result())
            return bool(answers) and answers[-1].success
        assert self.graph.until(answered), answers or 'no answer from the gate'
        return answers[-1]

    def end(self, process, number):
        process.send_signal(number)
        return finish(process)


def finish(process, timeout_s=30.0):
    killer = threading.Timer(timeout_s, process.kill)
    killer.start()
    _, err = process.communicate()
    killer.cancel()
    return process.returncode, err


@pytest.fixture
def gates(tmp_path):
    with Graph() as graph:
        made = Gates(graph, tmp_path)
        yield made
        made.kill_all()


def test_a_gate_that_was_killed_is_followed_by_a_latched_one_and_a_clear_ends_that(gates):
    first = gates.start()
    gates.until_mode(SafetyState.MODE_UNKNOWN)
    assert gates.end(first, signal.SIGKILL)[0] == -signal.SIGKILL
    second = gates.start()
    gates.until_mode(SafetyState.MODE_LATCHED)
    assert gates.states[-1].rule == 'restarted' and 'died' in gates.states[-1].reason
    assert gates.end(second, signal.SIGINT)[0] == 0
    third = gates.start()  # stopped in order, but latched: still somebody has to look
    gates.until_mode(SafetyState.MODE_LATCHED)
    assert gates.clear().success
    gates.until_mode(SafetyState.MODE_HOLDING)
    assert gates.states[-1].reason.startswith('cleared after restarted')
    code, err = gates.end(third, signal.SIGTERM)
    assert code == 0 and 'Traceback' not in err
    assert not (gates.run_dir / NAME).exists()


def test_limits_that_are_wrong_end_the_process_with_one_line(gates):
    wider = gates.run_dir / 'wider.yaml'
    wider.write_text('profiles: {rollout: {joint1: {velocity: 3.0}}}\n')
    code, err = finish(gates.start(task_limits=wider))
    lines = [line for line in err.splitlines() if line.strip()]
    assert code == 1 and len(lines) == 1
    assert str(wider) in lines[0] and '2.0 rad/s' in lines[0] and '3.0 rad/s' in lines[0]


def test_a_second_gate_in_the_same_folder_ends_with_one_line_and_the_first_one_lives(gates):
    first = gates.start()
    gates.until_mode(SafetyState.MODE_UNKNOWN)
    code, err = finish(gates.start())
    lines = [line for line in err.splitlines() if line.strip()]
    assert code == 1 and len(lines) == 1 and f'process {first.pid} holds' in lines[0], err
    assert gates.end(first, signal.SIGTERM)[0] == 0

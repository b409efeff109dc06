"""The gate's node on a graph, and whoever speaks with it: needs ROS 2."""

import dataclasses
import time

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState as JointStateMessage
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from enpire_core import qos
from enpire_core.conversions import (
    command_from_message,
    command_to_message,
    joint_state_to_message,
)
from enpire_interfaces.msg import SafetyEvent, SafetyState
from enpire_interfaces.srv import SelectLimits
from enpire_safety.safety_gate_node import SafetyGateNode

from .helpers import ROBOT, TASK, request, state


class Wall:
    """A steady clock that can be put ahead: no test waits for a silence, or is late on a loaded machine."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


class Bench:
    """A gate, and a node that plays driver, trial server and operator."""

    def __init__(self, graph, run_dir, profile='reset', **parameters):
        self.graph = graph
        values = {
            'robot_limits': str(ROBOT),
            'task_limits': str(TASK),
            'run_dir': str(run_dir),
            'simulated': True,
            **parameters,
        }
        self.wall = Wall()
        self.gate = graph.add(
            SafetyGateNode(
                wall=self.wall,
                context=graph.context,
                parameter_overrides=[Parameter(k, value=v) for k, v in values.items()],
            )
        )
        assert self.gate.bring_up(), self.gate.fault
        self.node = graph.add(Node('bench', context=graph.context))
        self.commands, self.states, self.events = [], [], []
        self._listen(JointTrajectory, 'joint_trajectory', self.commands, qos.COMMAND)
        self._listen(SafetyState, 'safety_state', self.states, qos.STATE)
        self._listen(SafetyEvent, 'safety_events', self.events, qos.EVENTS)
        self.driver = self.node.create_publisher(JointStateMessage, 'joint_states', qos.SENSOR)
        self.server = self.node.create_publisher(JointTrajectory, 'joint_trajectory_request', qos.COMMAND)
        self.wait(
            lambda: (
                self.driver.get_subscription_count()
                and self.server.get_subscription_count()
                and all(self.node.count_publishers(name) for name in ('joint_trajectory', 'safety_events'))
                and self.states
            )
        )
        if profile:
            assert self.select(profile).success

    def _listen(self, kind, topic, into, profile):
        self.node.create_subscription(kind, topic, into.append, profile)

    def wait(self, condition):
        assert self.graph.until(condition), (self.states[-1:], self.events)

    def call(self, kind, name, message):
        return self.graph.call(self.node.create_client(kind, name), message)

    def select(self, profile, call_id=''):
        return self.call(SelectLimits, 'safety_gate/select_limits',
                         SelectLimits.Request(profile=profile, call_id=call_id))

    def trigger(self, name):
        return self.call(Trigger, f'safety_gate/{name}', Trigger.Request())

    def measure(self, measured):
        """Publish a joint state, again and again as a driver does, until the gate has it."""
        message = joint_state_to_message(measured)

        def seen():
            self.driver.publish(message)
            return self.gate._newest_ns == measured.stamp_ns

        self.wait(seen)

    def fall_silent(self, times=1, meanwhile=lambda: None):
        """Let the driver be silent until the gate has said so ``times`` times, and call ``meanwhile`` till then."""

        def silent():
            meanwhile()
            # What was published before may still be on its way, and ends the silence.
            seen, limit = self.gate._seen_at, self.gate.parameters.driver_silence_max_s
            if seen is not None and self.wall() - seen <= limit:
                self.wall.ahead_s += limit + 1.0
            return [e.rule for e in self.events].count('driver_silence') >= times

        self.wait(silent)

    def see(self, measured):
        """Publish a joint state until the gate has had one more of its stamp."""
        self.gate._seen_at, message = None, joint_state_to_message(measured)

        def seen():
            self.driver.publish(message)
            return self.gate._seen_at is not None

        self.wait(seen)

    def ask(self, asked):
        """Publish a request (JointCommand or message); return (command, safety state) that answer it."""
        message = asked if isinstance(asked, JointTrajectory) else command_to_message(asked)
        stamp = message.header.stamp
        self.commands.clear()
        self.states.clear()
        self.server.publish(message)
        self.wait(lambda: any(s.request_stamp == stamp for s in self.states) and self.commands)
        return (command_from_message(self.commands[-1]), next(s for s in self.states if s.request_stamp == stamp))


class Driver:
    """A driver and a trial server on the clock of the machine; what came too late there is done again."""

    def __init__(self, bench):
        self.bench = bench
        self.stamp_ns, self.asked = None, False

    def passed(self):
        """State, and once the gate has it the request that answers it; return whether one passed."""
        now_ns = time.time_ns()
        if self.stamp_ns is None or now_ns - self.stamp_ns > 500_000_000:
            self.stamp_ns, self.asked = now_ns, False
            measured = dataclasses.replace(state(), stamp_ns=self.stamp_ns)
            self.bench.driver.publish(joint_state_to_message(measured))
        elif self.bench.gate._newest_ns == self.stamp_ns and not self.asked:
            self.asked = True
            self.bench.server.publish(command_to_message(dataclasses.replace(request(), stamp_ns=self.stamp_ns)))
        return self.bench.gate.core.counts.passed > 0

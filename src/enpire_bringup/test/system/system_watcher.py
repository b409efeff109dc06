"""A node of the tests in a lab's domain: it listens, sends goals and calls services."""

import collections
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from fault_measure import Note
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from enpire_core import conversions, qos
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import SafetyState, TrialReport

PATIENCE_S = 60.0
ACTIONS = {'reset': Reset, 'rollout': Rollout}
# Joint states for whoever must have each: a reader that waits for the CPU loses none of some ten seconds.
EVERY_STATE = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
STATUS = {TrialReport.STATUS_UNKNOWN: 'unknown', TrialReport.STATUS_SUCCEEDED: 'succeeded',
          TrialReport.STATUS_FAILED: 'failed', TrialReport.STATUS_VOID: 'void',
          TrialReport.STATUS_CANCELED: 'canceled'}

Sample = collections.namedtuple('Sample', 'stamp_ns positions velocities wall_s')


class Silent(AssertionError):
    """What was waited for did not come."""


class Watcher:
    """``node``: of the lab's domain; ``spin_until(condition, seconds)``: spins it, returns whether it came true.

    Made from these two, so that a test under another runner than pytest can use it too.
    """

    def __init__(self, node, spin_until):
        self.node, self._until = node, spin_until
        self.states = collections.defaultdict(list)   # unit -> [Sample], one a stamp
        self.safety = collections.defaultdict(list)   # unit -> [SafetyState]
        self.worlds = collections.defaultdict(list)   # unit -> [Note], where `watch_worlds` was called
        self._clients, self._watched, self._heard = {}, {}, collections.Counter()

    @classmethod
    def in_graph(cls, graph):
        """Return a watcher with a node of its own in an `enpire_core.testing.Graph`."""
        return cls(graph.add(Node('system_test', context=graph.context)), graph.until)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for client in self._clients.values():
            client.destroy() if isinstance(client, ActionClient) else self.node.destroy_client(client)
        for subscriptions in self._watched.values():
            for subscription in subscriptions:
                self.node.destroy_subscription(subscription)

    def within(self, seconds, condition=lambda: False):
        """Spin until ``condition()``, so many wall seconds at most; return whether it came true."""
        return self._until(condition, seconds)

    def until(self, condition, what, seconds=PATIENCE_S):
        """Spin until ``condition()``; AssertionError with ``what`` after ``seconds``."""
        if not self.within(seconds, condition):
            raise Silent(f'waited {seconds:g} s for: {what() if callable(what) else what}')

    # ---- listening -------------------------------------------------------------------------
    def watch(self, unit, states=qos.SENSOR):
        """Keep joint states and safety states of ``unit`` from now on.

        ``states``: profile of the first; `now_ns` expects that of the nodes.
        """
        if unit in self._watched:
            return
        self._watched[unit] = [
            self.node.create_subscription(JointState, f'/{unit}/joint_states',
                                          lambda message: self._on_state(unit, message), states),
            self.node.create_subscription(SafetyState, f'/{unit}/safety_state', self.safety[unit].append, qos.STATE)]

    def watch_worlds(self):
        """Keep what the arm drivers of all stations say of their worlds from now on."""
        self._watched[''] = [self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics,
                                                           qos.EVENTS)]

    def _on_diagnostics(self, message):
        for said in message.status:
            if said.name.endswith('/arm_driver'):
                values = {one.key: one.value for one in said.values}
                left = values['left_lockstep_tick']
                self.worlds[said.hardware_id].append(Note(
                    time.monotonic(), values['lockstep'] == 'free run', int(left) if left else None, said.message))

    def forget(self):
        """Drop what was heard so far but the newest, so that a long watch fits into memory."""
        for kept in (*self.states.values(), *self.safety.values(), *self.worlds.values()):
            del kept[:-1]

    def _on_state(self, unit, message):
        stamp_ns = conversions.stamp_to_ns(message.header.stamp)
        kept = self.states[unit]
        self._heard[unit] += 1
        if not kept or kept[-1].stamp_ns != stamp_ns:
            kept.append(Sample(stamp_ns, np.array(message.position), np.array(message.velocity), time.monotonic()))

    def now_ns(self, unit):
        """Return the unit's clock: the newest stamp after more messages than may have been waiting to be read."""
        self.watch(unit)
        wanted = self._heard[unit] + qos.SENSOR.depth + 1
        self.until(lambda: self._heard[unit] >= wanted, f'joint states of {unit}')
        return self.states[unit][-1].stamp_ns

    def until_mode(self, unit, mode, what):
        """Wait until the gate's newest word, from now on, has ``mode``; return it."""
        self.watch(unit)
        self.safety[unit].clear()
        said = self.safety[unit]
        self.until(lambda: said and said[-1].mode == mode, lambda: f'{what}; it said {said[-1:]}')
        return said[-1]

    # ---- acting ----------------------------------------------------------------------------
    def proxy(self, kind, name):
        """Return the service or action client of ``name`` (made once), whether or not there is a server."""
        if name not in self._clients:
            self._clients[name] = (ActionClient(self.node, kind, name) if hasattr(kind, 'Goal')
                                   else self.node.create_client(kind, name))
        return self._clients[name]

    def client(self, kind, name):
        """Return the service or action client of ``name`` (made once), with its server there."""
        client = self.proxy(kind, name)
        ready = client.server_is_ready if isinstance(client, ActionClient) else client.service_is_ready
        self.until(ready, f'a server of {name}')
        return client

    def call(self, kind, name, request, seconds=PATIENCE_S):
        """Call a service and return its answer.

        Asks again after 2 s without one: a killed server stays in the graph for a while.
        """
        client, end = self.client(kind, name), time.monotonic() + seconds
        while time.monotonic() < end:
            future = client.call_async(request)
            if self._until(future.done, 2.0):
                return future.result()
            client.remove_pending_request(future)
        raise Silent(f'waited {seconds:g} s for an answer of {name}')

    def trigger(self, name):
        """Call a Trigger service; return its answer."""
        return self.call(Trigger, name, Trigger.Request())

    def send(self, unit, action, **fields):
        """Send a goal; return (goal handle, future of its result).

        Sent again after 10 s without an answer: it may have gone to a dead server, which stays in the
        graph for a while.
        """
        kind = ACTIONS[action]
        client, end = self.client(kind, f'/{unit}/{action}'), time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            sent = client.send_goal_async(kind.Goal(**fields))
            if self._until(sent.done, 10.0):
                assert sent.result().accepted
                return sent.result(), sent.result().get_result_async()
        raise Silent(f'waited {PATIENCE_S:g} s for {unit} to answer a goal of {action}')

    def run(self, unit, action, seconds=PATIENCE_S, **fields):
        """Send a goal and wait for its result; return it."""
        _, future = self.send(unit, action, **fields)
        self.until(future.done, f'the result of {action} {fields.get("trial_id")}', seconds)
        return future.result().result

    def request_publisher(self, unit):
        """Return a publisher of joint_trajectory_request that the gate hears."""
        publisher = self.node.create_publisher(JointTrajectory, f'/{unit}/joint_trajectory_request', qos.COMMAND)
        self.until(publisher.get_subscription_count, 'the gate to listen')
        return publisher


def status(result):
    """Return the status of a result's report as a word."""
    return STATUS[result.report.status]

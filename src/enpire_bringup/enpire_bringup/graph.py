"""A short-lived node for commands: looks at a running lab, calls its services and actions.

What a command needs from the graph goes through `Graph`; only this module and nodes import rclpy here.
Not covered: labs in another ROS domain, or on machines that discovery does not reach.
"""

import contextlib
import dataclasses
import os
import signal
import time

import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from enpire_bringup import lock, run
from enpire_bringup.lab import LabError
from enpire_core import qos
from enpire_interfaces.msg import LabStatus, PowerState, SafetyState

DISCOVERY_S = 4.0
ANSWER_S = 5.0
SETTLE_S = 1.0
# Feedback comes several times a second from acceptance on; after so long without any the trial is lost.
SILENCE_S = 15.0
LOOK_S = 0.5
SAFETY_STATE = 'enpire_interfaces/msg/SafetyState'


class NoLab(RuntimeError):
    """Nothing of a lab was found; the text says where it was looked for."""


@dataclasses.dataclass(frozen=True)
class Words:
    """How errors about a goal speak: who serves it, what it is, what becomes of it where the server dies."""

    server: str
    thing: str
    fate: str


TRIAL, TRAINING = Words('trial server', 'trial', 'void'), Words('train server', 'training', 'lost')


class NoTrial(RuntimeError):
    """A goal has no result; the text says what became of it."""


def no_lab(what):
    """Return the `NoLab` about ``what`` that was not found. It names labs in other domains."""
    domain = lock.own_domain()
    lines = [f'no {what} in ROS domain {domain}: no lab runs there, or it is only just starting. '
             'Start one in another terminal with `enpire lab`.']
    with contextlib.suppress(OSError):
        lines += [f'A lab runs in ROS domain {other} ({folder}): set ROS_DOMAIN_ID={other} to reach it.'
                  for other, folder in lock.others().items() if other != domain]
    return NoLab('\n'.join(lines))


@contextlib.contextmanager
def connect():
    """Yield a `Graph`; everything that it opened is closed afterwards. `NoLab` for a wrong ROS_DOMAIN_ID."""
    try:
        lock.own_domain()
    except lock.BadDomain as error:
        raise NoLab(str(error)) from error
    # Ctrl-C stays an ordinary KeyboardInterrupt: a command has to cancel its goal first. No log file: a
    # home folder that can't be written must not be in the way of `enpire stop`.
    rclpy.init(args=['--ros-args', '--disable-external-lib-logs'],
               signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f'enpire_command_{os.getpid()}')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    graph = Graph(node, executor)
    try:
        yield graph
    finally:
        graph.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def expected_units():
    """Return the stations of the lab that runs in this domain, as its lab file says; empty without one.

    Empty too where that cannot be read: a gate that is there is found by discovery all the same.
    """
    try:
        folder = lock.running()
        return set(run.read_lab(os.path.join(folder, 'lab.yaml')).units) if folder else set()
    except (OSError, LabError):
        return set()


class _Settled:
    """Whether discovery has come to rest: nothing new for SETTLE_S, and nothing expected is missing."""

    def __init__(self):
        self.found = set()
        self._since_s = time.monotonic()

    def settled(self, now, expected):
        """Take in the names found ``now``; return whether it is at rest."""
        if not now <= self.found:
            self.found |= now
            self._since_s = time.monotonic()
        rest = time.monotonic() - self._since_s >= SETTLE_S
        return bool(self.found) and rest and expected <= self.found


TRIP, CUT_POWER, RESTORE_POWER = 'safety_gate/trip', 'arm_driver/cut_power', 'arm_driver/restore_power'


def _answer(future, seconds, service=TRIP):
    who = 'arm driver' if 'arm_driver/' in service else 'safety gate'
    if future is None:
        return False, f'its {who} was not found within {seconds:g} s'
    if not future.done():
        return False, f'its {who} did not answer within {seconds:g} s'
    return future.result().success, future.result().message


def _names(endpoints):
    return sorted(f'{one.node_namespace.rstrip("/")}/{one.node_name}' for one in endpoints)


class Graph:
    """See the module. Times are wall seconds."""

    def __init__(self, node, executor):
        self._node = node
        self._executor = executor
        self._actions = []

    def close(self):
        """Destroy its action clients, while their node and context are still there."""
        while self._actions:
            self._actions.pop().destroy()

    def until(self, condition, seconds):
        """Spin until ``condition()`` is true or ``seconds`` are over; return its last value."""
        end = time.monotonic() + seconds
        while True:
            value = condition()
            left = end - time.monotonic()
            if value or not left > 0:
                return value
            self._executor.spin_once(timeout_sec=min(left, 0.1))

    def units(self, seconds=DISCOVERY_S):
        """Return the names of the stations, sorted; `NoLab` without any.

        They are those of the lab that runs here, as its lab file says, and every other one whose
        safety gate is found. A gate that is there is found within SETTLE_S after the one before it.
        """
        expected = expected_units()
        look = _Settled()
        self.until(lambda: look.settled(self._gates(), expected), seconds)
        if not look.found and not expected:
            raise no_lab('station')
        return sorted(look.found | expected)

    def chosen(self, asked):
        """Return ``asked``, names of stations, or all that there are where it is empty; ValueError for another one."""
        found = self.units()
        unknown = [name for name in asked or () if name not in found]
        if unknown:
            raise ValueError(f'expected a station of the lab ({", ".join(found)}), got {unknown[0]!r}')
        return asked or found

    def _gates(self):
        """Return the names of the stations whose safety gate is found now."""
        return {
            topic.split('/')[1] for topic, types in self._node.get_topic_names_and_types()
            if topic.count('/') == 2 and topic.endswith('/safety_state') and SAFETY_STATE in types
            and self._node.count_publishers(topic)
        }

    def call_all(self, services, units=(), seconds=ANSWER_S):
        """Call Trigger ``services`` of every station, or of ``units`` alone, each as soon as it is found.

        Returns unit -> [(success, message), ...], one a service. `NoLab` where none is found and no lab runs here.
        """
        expected, look = set(units) or expected_units(), _Settled()
        clients, futures = {}, {}

        def done():
            settled = look.settled(self._gates(), expected)
            for key in ((unit, service) for unit in set(units) or look.found | expected for service in services):
                if key not in clients:
                    clients[key] = self._node.create_client(Trigger, '/{}/{}'.format(*key))
                if key not in futures and clients[key].service_is_ready():
                    futures[key] = clients[key].call_async(Trigger.Request())
            return settled and len(futures) == len(clients) and all(
                future.done() for future in futures.values())

        self.until(done, seconds)
        if not clients:
            raise no_lab('station')
        return {unit: [_answer(futures.get((unit, service)), seconds, service) for service in services]
                for unit in sorted({unit for unit, _ in clients})}

    def listeners(self, topic):
        """Return the full names of the nodes that subscribe to ``topic``, one an endpoint, sorted.

        Right after discovery a name may still be unknown ('_NODE_NAME_UNKNOWN_').
        """
        return _names(self._node.get_subscriptions_info_by_topic(topic))

    def latest(self, message_type, topic, seconds):
        """Return the last message of a latched topic, or None."""
        box = []
        subscription = self._node.create_subscription(message_type, topic, box.append, qos.STATE)
        self.until(lambda: box, seconds)
        self._node.destroy_subscription(subscription)
        return box[-1] if box else None

    def lab_status(self, seconds=1.5):
        """Return the newest LabStatus, or None where no runner speaks."""
        return self.latest(LabStatus, '/lab/status', seconds)

    def safety_state(self, unit, seconds=2.0):
        """Return the newest SafetyState of a station, or None."""
        return self.latest(SafetyState, f'/{unit}/safety_state', seconds)

    def power(self, unit, seconds=2.0):
        """Return the newest PowerState of a station, or None."""
        return self.latest(PowerState, f'/{unit}/arm_driver/power', seconds)

    def until_power(self, unit, settled, seconds=ANSWER_S):
        """Wait until the power of a station is one of ``settled`` (POWER_*); return its newest PowerState, or None."""
        box = []
        subscription = self._node.create_subscription(PowerState, f'/{unit}/arm_driver/power', box.append, qos.STATE)
        self.until(lambda: box and box[-1].power in settled, seconds)
        self._node.destroy_subscription(subscription)
        return box[-1] if box else None

    def trigger(self, service, seconds=ANSWER_S):
        """Call a Trigger service; return (success, message). No answer is no success."""
        client = self._node.create_client(Trigger, service)
        try:
            if not self.until(client.service_is_ready, seconds):
                return False, f'{service} is not there'
            future = client.call_async(Trigger.Request())
            self.until(future.done, seconds)
            return _answer(future, seconds, service)
        finally:
            self._node.destroy_client(client)

    def action_client(self, action_type, name, seconds=DISCOVERY_S, server='its trial server'):
        """Return a connected action client; `NoLab` where no ``server`` (in words) is there."""
        client = ActionClient(self._node, action_type, name)
        self._actions.append(client)
        if not self.until(client.server_is_ready, seconds):
            raise NoLab(
                f'the lab is there, but the action {name} is not: {server} is only just '
                'starting, or keeps dying (see its log in the run folder)'
            )
        return client

    def send_goal(self, client, goal, on_feedback, words=TRIAL):
        """Send a goal and wait for its result, as long as it gives signs of life; return the result.

        Ctrl-C cancels the goal, also before it was accepted; its result is awaited and returned then
        too, and a second Ctrl-C ends the wait. `NoTrial` where the server refuses the goal, or no
        feedback came for SILENCE_S of wall time: a killed server stays on the graph, and its
        successor does not know the goal.
        """
        heard = _Heard(on_feedback)
        with _Interrupts() as interrupts:
            sent = client.send_goal_async(goal, feedback_callback=lambda m: heard.take(m.feedback))
            if not self.until(sent.done, ANSWER_S):
                raise NoTrial(f'the {words.server} did not answer: expected it to accept the goal within '
                              f'{ANSWER_S:g} s. It may still begin the {words.thing}: `enpire status` shows it')
            handle = sent.result()
            if not handle.accepted:
                raise NoTrial(f'the {words.server} refused the goal: see its log')
            heard.again()
            return self._result(handle, heard, interrupts, words)

    def _result(self, handle, heard, interrupts, words):
        result, canceled = handle.get_result_async(), False
        while not result.done():
            if interrupts.count > 1:
                raise NoTrial(f'Ctrl-C again: not waited for the end of the {words.thing}. It was asked to end: '
                              '`enpire status` shows whether it did, `enpire stop` stops every arm')
            if interrupts.count and not canceled:
                handle.cancel_goal_async()
                canceled = True
            if not heard.silent_s <= SILENCE_S:
                raise NoTrial(f'the {words.server} is gone; the {words.thing} is {words.fate}: expected feedback '
                              f'within {SILENCE_S:g} s, got none (its log is in the run folder; it is started '
                              f'again, and the next {words.thing} can be sent)')
            asked = interrupts.count
            self.until(lambda seen=asked: result.done() or interrupts.count > seen, LOOK_S)
        return result.result().result


class _Heard:
    """When the trial server gave its last sign of life."""

    def __init__(self, on_feedback):
        self._on_feedback = on_feedback
        self.again()

    def again(self):
        """Note a sign of life."""
        self._last_s = time.monotonic()

    def take(self, feedback):
        """Take feedback in and pass it on."""
        self.again()
        self._on_feedback(feedback)

    @property
    def silent_s(self):
        """Wall seconds since."""
        return time.monotonic() - self._last_s


class _Interrupts:
    """Counts Ctrl-C in ``count`` instead of raising: it must not come between two steps of an action."""

    def __init__(self):
        self.count = 0

    def __enter__(self):
        self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, *exc):
        signal.signal(signal.SIGINT, self._before)

    def _take(self, number, frame):
        self.count += 1

"""The processes around the gate in `enpire bench`: `python -m enpire_research.bench.gate_partner ROLE FILE ...`.

    driver FILE COUNT BLOCK    publishes joint states, in blocks through one middle after the other; COUNT
                               for each; notes when the command for each came
    requester FILE             answers each joint state with a request; notes when, until SIGTERM
    relay                      the middle that does nothing but pass a request on, until SIGTERM

All times are of the machine's steady clock, so that those of two processes compare.
"""

import json
import signal
import sys
import time

import numpy as np
import rclpy
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState as JointStateMessage
from trajectory_msgs.msg import JointTrajectory

from enpire_core import qos
from enpire_core.conversions import command_to_message, joint_state_to_message, stamp_to_ns
from enpire_core.joints import JOINT_COUNT
from enpire_core.ticks import tick_to_ns
from enpire_core.types import JointCommand, JointState
from enpire_interfaces.msg import SafetyState
from enpire_research.trials.trial_setup import home_positions, robot_limits_file
from enpire_safety.gate import limits
from enpire_safety.gate.station_model import StationModel

MIDDLES = ('relay', 'gate')
READY_S, RESEND_S = 30.0, 0.1
# Physics of a tick takes about as long; in it the middle does what it does after sending.
PAUSE_S = 0.001
# A policy's answer takes longer: the pipe alone takes 0.13 ms. In it the middle does what a new state asks for.
THINKS_S = 0.0003
_ZERO = np.zeros(JOINT_COUNT)
_QUIET_OUT = {'event_callbacks': PublisherEventCallbacks(use_default_callbacks=False)}
_QUIET_IN = {'event_callbacks': SubscriptionEventCallbacks(use_default_callbacks=False)}


class _Spinning:
    """A node that this process spins itself; `stopped` at SIGTERM or SIGINT."""

    def __init__(self, name):
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self.stopped = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self.node = rclpy.create_node(name, start_parameter_services=False, enable_rosout=False)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)

    def _stop(self, *_):
        self.stopped = True

    def until(self, done, seconds):
        """Spin until ``done()``; return whether it came true within ``seconds``."""
        end = time.monotonic() + seconds
        while not done():
            left = end - time.monotonic()
            if left <= 0 or self.stopped:
                return False
            self.executor.spin_once(timeout_sec=min(left, 0.05))
        return True

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()


class _Driver(_Spinning):
    def __init__(self):
        super().__init__('bench_driver')
        self.received = {middle: {} for middle in MIDDLES}
        self._states = {}
        self._ticks = dict.fromkeys(MIDDLES, 0)
        self.resent = 0
        for middle in MIDDLES:
            self._states[middle] = self.node.create_publisher(
                JointStateMessage, f'/{middle}/joint_states', qos.SENSOR, **_QUIET_OUT)
            self.node.create_subscription(
                JointTrajectory, f'/{middle}/joint_trajectory',
                lambda message, middle=middle: self._on(middle, message), qos.COMMAND, **_QUIET_IN)

    def _on(self, middle, message):
        now = time.monotonic_ns()
        self.received[middle].setdefault(stamp_to_ns(message.header.stamp), now)

    def run(self, count, block):
        positions = home_positions()
        # As arms that nothing touches measure them: that is what the gate sees in nearly every tick.
        robot = limits.load(robot_limits_file())[limits.ROBOT_PROFILE]
        efforts = StationModel(robot.body).resting_efforts(positions)
        left = dict.fromkeys(MIDDLES, count)
        while any(left.values()):
            for middle in MIDDLES:
                for _ in range(min(block, left[middle])):
                    self._tick(middle, positions, efforts)
                left[middle] -= min(block, left[middle])

    def _tick(self, middle, positions, efforts):
        self._ticks[middle] += 1
        stamp_ns = tick_to_ns(self._ticks[middle])
        message = joint_state_to_message(JointState(stamp_ns, positions, _ZERO, efforts))
        end = time.monotonic() + READY_S
        self._states[middle].publish(message)
        while not self.until(lambda: stamp_ns in self.received[middle], RESEND_S):
            if self.stopped or time.monotonic() > end:
                raise RuntimeError(f'no command came through the {middle} for the state of {stamp_ns} ns')
            self.resent += 1
            self._states[middle].publish(message)
        time.sleep(PAUSE_S)


class _Requester(_Spinning):
    def __init__(self):
        super().__init__('bench_requester')
        self.sent = {middle: {} for middle in MIDDLES}
        self.decided = {}
        self._requests = {}
        for middle in MIDDLES:
            self._requests[middle] = self.node.create_publisher(
                JointTrajectory, f'/{middle}/joint_trajectory_request', qos.COMMAND, **_QUIET_OUT)
            self.node.create_subscription(
                JointStateMessage, f'/{middle}/joint_states', lambda message, middle=middle: self._on(middle, message),
                qos.SENSOR, **_QUIET_IN)
        self.node.create_subscription(SafetyState, '/gate/safety_state', self._on_safety, qos.STATE, **_QUIET_IN)

    def _on(self, middle, message):
        stamp_ns, end = stamp_to_ns(message.header.stamp), time.monotonic() + THINKS_S
        while time.monotonic() < end:  # computes, as a policy does: its core stays awake
            pass
        request = command_to_message(JointCommand(stamp_ns, np.array(message.position), _ZERO))
        self.sent[middle].setdefault(stamp_ns, time.monotonic_ns())
        self._requests[middle].publish(request)

    def _on_safety(self, message):
        if message.decision == SafetyState.DECISION_PASSED:
            self.decided.setdefault(stamp_to_ns(message.request_stamp), time.monotonic_ns())


class _Relay(_Spinning):
    """As little as rclpy can do: a subscription that publishes. No QoS events either, as in our nodes."""

    def __init__(self):
        super().__init__('bench_relay')
        out = self.node.create_publisher(JointTrajectory, '/relay/joint_trajectory', qos.COMMAND, **_QUIET_OUT)
        self.node.create_subscription(JointTrajectory, '/relay/joint_trajectory_request', out.publish, qos.COMMAND,
                                      **_QUIET_IN)


def main(argv):
    """Play one role."""
    role, words = argv[1], argv[2:]
    partner = {'driver': _Driver, 'requester': _Requester, 'relay': _Relay}[role]()
    try:
        if role == 'driver':
            partner.run(int(words[1]), int(words[2]))
            found = {'received': partner.received, 'resent': partner.resent}
        else:
            partner.until(lambda: False, 3600.0)
            found = {} if role == 'relay' else {'sent': partner.sent, 'decided': partner.decided}
    finally:
        partner.close()
    if found:
        with open(words[0], 'w', encoding='utf-8') as handle:
            json.dump(found, handle)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))

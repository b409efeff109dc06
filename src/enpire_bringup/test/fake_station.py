"""A station that only answers, for tests: `python fake_station.py FOLDER GATE`; its name is unit0.

GATE: 'passing', 'latched', 'unknown', 'deaf' (it speaks and serves nothing); of its arm driver's power: 'slow_relay'
(what was asked is confirmed soon after), 'stuck_relay' (never), 'moving' (the arms don't come to rest). The name of a
trial says what becomes of its goal: 'silent' (accepted, then nothing), 'works' (feedback, until it is canceled),
'stubborn' (feedback for ever), 'slow' (accepted when FOLDER/accept is there; FOLDER/asked says that it came).
FOLDER/up-PID says that it is there.
"""

import os
import pathlib
import sys
import threading
import time

import rclpy
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from std_srvs.srv import Trigger

from enpire_core import qos
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import PowerState, SafetyState

MODES = {'latched': SafetyState.MODE_LATCHED, 'unknown': SafetyState.MODE_UNKNOWN}
RELAY_S = 0.5


class Station:
    """See the module."""

    def __init__(self, node, folder, gate):
        self._folder = folder
        self._canceled = threading.Event()
        group = ReentrantCallbackGroup()
        for kind, name in ((Reset, 'reset'), (Rollout, 'rollout')):
            ActionServer(node, kind, name, lambda handle, kind=kind: self._execute(handle, kind),
                         goal_callback=self._accept, cancel_callback=self._cancel, callback_group=group)
        self._state = node.create_publisher(SafetyState, 'safety_state', qos.STATE)
        if gate != 'deaf':
            node.create_service(Trigger, 'safety_gate/trip', self._trip)
            node.create_service(Trigger, 'safety_gate/clear', self._clear)
            node.create_service(Trigger, 'arm_driver/cut_power', self._cut)
            node.create_service(Trigger, 'arm_driver/restore_power', self._restore)
        self._node, self._gate, self._later = node, gate, None
        self._power = node.create_publisher(PowerState, 'arm_driver/power', qos.STATE)
        self._say_power(PowerState.POWER_ON)
        self._say(MODES.get(gate, SafetyState.MODE_PASSING))

    def _say(self, mode):
        self._state.publish(SafetyState(mode=mode, reason='as the test wants it', latches=1))

    def _trip(self, request, response):
        self._say(SafetyState.MODE_LATCHED)
        response.success = True
        return response

    def _clear(self, request, response):
        (self._folder / 'cleared').touch()
        response.success = True
        return response

    def _say_power(self, power, trouble=''):
        reason = '' if power == PowerState.POWER_ON else 'as the test wants it'
        self._power.publish(PowerState(power=power, reason=reason, trouble=trouble))

    def _cut(self, request, response):
        return self._switch(response, PowerState.POWER_CUTTING, PowerState.POWER_CUT)

    def _restore(self, request, response):
        if self._gate == 'moving':
            self._say_power(PowerState.POWER_CUT, 'not restored: the arms move')
            return response
        return self._switch(response, PowerState.POWER_RESTORING, PowerState.POWER_ON)

    def _switch(self, response, first, then):
        if self._gate in ('slow_relay', 'stuck_relay'):
            self._say_power(first, 'the relay is stuck' if self._gate == 'stuck_relay' else '')
            if self._gate == 'slow_relay':
                self._later = self._node.create_timer(RELAY_S, lambda: self._confirm(then))
            response.message = 'asked, not confirmed'
            return response
        self._say_power(then)
        response.success = True
        return response

    def _confirm(self, power):
        self._later.cancel()
        self._say_power(power)

    def _accept(self, goal):
        if goal.trial_id == 'slow':
            (self._folder / 'asked').touch()
            while not (self._folder / 'accept').exists():
                time.sleep(0.01)
        return GoalResponse.ACCEPT

    def _cancel(self, handle):
        if handle.request.trial_id == 'stubborn':
            return CancelResponse.REJECT
        self._canceled.set()
        return CancelResponse.ACCEPT

    def _execute(self, handle, kind):
        (self._folder / 'begun').touch()
        while not self._canceled.wait(0.1):
            if handle.request.trial_id != 'silent':
                handle.publish_feedback(kind.Feedback(text='works'))
        result = kind.Result()
        result.report.status = result.report.STATUS_CANCELED
        handle.canceled()
        return result


def main():
    """Spin until it is killed."""
    rclpy.init(args=['--ros-args', '--disable-external-lib-logs'])
    node = rclpy.create_node('station', namespace='/unit0')
    folder = pathlib.Path(sys.argv[1])
    Station(node, folder, sys.argv[2])
    (folder / f'up-{os.getpid()}').touch()
    executor = MultiThreadedExecutor(4)
    executor.add_node(node)
    executor.spin()


if __name__ == '__main__':
    main()

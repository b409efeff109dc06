"""The safety gate: the only way from a motion request to the arm driver.

Subscribes: joint_states (sensor_msgs/JointState), joint_trajectory_request
(trajectory_msgs/JointTrajectory, one point, where the joints shall be a tick later, or several, a tick apart).
Subscribes too: /emergency_stop (std_msgs/Empty): any message latches, whoever sends it; arm_driver/power
(enpire_interfaces/PowerState): anything but "on" latches, and no clear ends it before the power is back.
Publishes: joint_trajectory (what was let through, or a hold), safety_state (after each decision and
at `state_rate_hz`), safety_events, safety_gate/markers (visualization_msgs/MarkerArray, where somebody looks).
Serves: safety_gate/trip, safety_gate/clear (std_srvs/Trigger), safety_gate/select_limits.
Parameters: `enpire_safety.gate_parameters.GateParameters`.
On silence: no requests while the clock runs on: one hold, then nothing passes until a good request.
No joint states for `driver_silence_max_s` of wall time, after some had come: latched. An exception
anywhere: latched. If this process dies the driver's own maximum age ends the motion, and the gate
that follows in the same run starts latched. A second gate in the same `run_dir` is a fault at configure.
"""

import time

from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from enpire_core import qos
from enpire_core.conversions import (
    CommandMessage,
    ConversionError,
    is_stamp,
    joint_state_from_message,
    request_from_message,
    stamp_to_ns,
)
from enpire_core.main import run
from enpire_core.node import ManagedNode
from enpire_core.words import cut
from enpire_interfaces.msg import PowerState, SafetyEvent, SafetyState
from enpire_interfaces.srv import SelectLimits
from enpire_safety import markers
from enpire_safety.conversions import event_to_message, status_to_message
from enpire_safety.gate import limits, rules
from enpire_safety.gate import verdict as v
from enpire_safety.gate.again import Again
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.marker import Marker
from enpire_safety.gate.rule import Unreadable
from enpire_safety.gate_parameters import GateParameters

WATCH_PERIOD_S = 0.05
TEXT_LENGTH = 300  # characters of what came from outside that are said again


class SafetyGateNode(ManagedNode):
    """Converts, reads the clock once, asks the core, publishes. ``wall``: steady seconds."""

    def __init__(self, wall=time.monotonic, **kwargs):
        super().__init__('safety_gate', GateParameters, **kwargs)
        self.core = None
        self._wall = wall
        # Not the node's clock, which others can tell to follow a topic.
        self._clock = Clock(clock_type=ClockType.SYSTEM_TIME)
        self._active = False
        self.ignored = 0  # requests that came while not active
        self._forget()

    def _forget(self):
        self._newest_ns = 0  # stamp of the newest joint state: the clock of a simulated unit
        self._seen_at = None  # steady time of the newest joint state
        self._again = Again()
        self._waiting_since = None  # steady time at which a request began to wait for its state
        self._state_sent_at = self._shown_at = 0.0

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Read the limits, look for a dead predecessor, create what is on the graph."""
        p = self.parameters
        sets = limits.load(p.robot_limits, p.task_limits or None)
        self._forget()
        self._marker = Marker(p.run_dir)
        latched = [(rules.BY_NAME.get(name, rules.RESTARTED), text) for name, text in self._marker.begin()]
        self.core = None
        self.opened.callback(self._end_marker)
        self.core = GateCore(sets, p.settings, latched=latched)
        self._message = CommandMessage()
        self._command = self.own(self.create_publisher(JointTrajectory, 'joint_trajectory', qos.COMMAND))
        self._state = self.own(self.create_publisher(SafetyState, 'safety_state', qos.STATE))
        self._events = self.own(self.create_publisher(SafetyEvent, 'safety_events', qos.EVENTS))
        self._markers = self.own(self.create_publisher(MarkerArray, 'safety_gate/markers', qos.STATE))
        self.own(self.create_subscription(Empty, '/emergency_stop', self._on_stop, qos.EVENTS))
        self.own(self.create_subscription(PowerState, 'arm_driver/power', self._on_power, qos.STATE))
        self.own(self.create_subscription(JointState, 'joint_states', self._on_state, qos.SENSOR))
        self.own(self.create_subscription(JointTrajectory, 'joint_trajectory_request', self._on_request, qos.COMMAND))
        self.own(self.create_service(Trigger, 'safety_gate/trip', self._on_trip))
        self.own(self.create_service(Trigger, 'safety_gate/clear', self._on_clear))
        self.own(self.create_service(SelectLimits, 'safety_gate/select_limits', self._on_select))
        self.own(self.create_steady_timer(WATCH_PERIOD_S, self._on_timer))
        self._publish_state()
        if latched:
            self.get_logger().error(f'starts latched: {self.core.latched}')

    def start(self):
        """From now on requests are decided."""
        self._active = True
        self.core.resume()
        self._publish_state()

    def hold(self):
        """Hold, and decide no request until activated again."""
        if self._active:
            self._active = False
            self._act(self.core.stand('the gate is not active'))

    def _end_marker(self):
        """Remove the marker, or leave the causes in it where the gate is latched."""
        if self.core is None:
            self._marker.close()  # it never came up: what was found in the folder stays
        else:
            self._marker.end([(rule.name, text) for rule, text in self.core.causes])

    def on_fault(self, text):
        """Latch on an exception in a callback."""
        self.fault = text
        if self.core is not None:
            self._act(self.core.latch(rules.RULE_FAULT, cut(text, TEXT_LENGTH)))

    # ---- callbacks -------------------------------------------------------------------------
    def _now_ns(self):
        return self._newest_ns if self.parameters.simulated else self._clock.now().nanoseconds

    def _on_request(self, message):
        if not self._active:
            self.ignored += 1
            self.get_logger().warning('a request came while the gate is not active: ignored', throttle_duration_sec=5.0)
            return
        try:
            request = request_from_message(message)
        except ConversionError as error:
            stamp = message.header.stamp
            request = Unreadable(stamp_to_ns(stamp) if is_stamp(stamp) else 0, cut(error, TEXT_LENGTH))
        verdict = self.core.step(self._now_ns(), request)
        if verdict.decision == v.WAITING:
            self._waiting_since = self._wall()
            return
        self._act(verdict)

    def _on_state(self, message):
        try:
            state = joint_state_from_message(message)
        except ConversionError as error:
            self._act(self.core.bad_state(cut(error, TEXT_LENGTH)))
            return
        self._seen_at = self._wall()  # what can't be read is no sign of a driver that works
        self._newest_ns = state.stamp_ns
        verdict = self.core.step(self._now_ns(), None, state)
        again = self._again.due(state.stamp_ns)
        if verdict.decision not in (v.NONE, v.WAITING):
            self._act(verdict)
        elif again is not None and self._active and self.parameters.simulated and not self.core.latched:
            self.get_logger().warning(f'the driver still waits for its command of {again.stamp_ns} ns: sent again')
            self._command.publish(self._message.of(again))

    def _on_timer(self):
        now = self._wall()
        p = self.parameters
        if self._seen_at is not None and not now - self._seen_at <= p.driver_silence_max_s:
            self._act(self.core.driver_silent(now - self._seen_at, p.driver_silence_max_s))
            self._seen_at = None
        if self.core.waiting and not now - self._waiting_since <= p.wait_max_s:
            self._act(self.core.give_up_waiting(p.wait_max_s))
        if not p.simulated:
            verdict = self.core.step(self._now_ns())
            if verdict.decision != v.NONE:
                self._act(verdict)
        if now - self._state_sent_at >= 1.0 / p.state_rate_hz - WATCH_PERIOD_S / 2:
            self._publish_state()
        if now - self._shown_at >= 1.0 / p.marker_rate_hz - WATCH_PERIOD_S / 2:
            self._shown_at = now
            self._show()

    def _on_trip(self, request, response):
        self._act(self.core.trip('an operator tripped the gate'))
        response.success, response.message = True, f'latched: {self.core.latched}'
        return response

    def _on_stop(self, message):
        self._act(self.core.trip('somebody published on /emergency_stop'))

    def _on_power(self, message):
        is_on = message.power == PowerState.POWER_ON
        verdict = self.core.power('' if is_on else cut(message.reason, TEXT_LENGTH) or 'no reason given')
        if verdict.decision != v.NONE:
            self._act(verdict)

    def _on_clear(self, request, response):
        response.success, response.message = self.core.clear()
        self._publish_state()
        self._publish_events()
        return response

    def _on_select(self, request, response):
        response.success, text = self.core.select(request.profile, request.call_id)
        response.message = '' if response.success else text
        response.limits_hash = self.core.status().limits_hash
        self._publish_state()
        self._publish_events()
        return response

    # ---- what goes out ---------------------------------------------------------------------
    def _act(self, verdict):
        # The command first: everything else can wait.
        if verdict.command is not None:
            self._command.publish(self._message.of(verdict.command))
            self._again.sent(verdict.command)
        self._publish_state()
        if verdict.decision != v.PASSED:
            self._publish_events()

    def _publish_state(self):
        self._state.publish(status_to_message(self.core.status(), self._now_ns()))
        self._state_sent_at = self._wall()

    def _show(self):
        shown = self.core.shown() if self._markers.get_subscription_count() else None
        if shown is not None:
            self._markers.publish(markers.array(shown, self.parameters.unit))

    def _publish_events(self):
        now_ns = self._now_ns()
        for event in self.core.take_events():
            self._events.publish(event_to_message(event, now_ns))
            if event.detail:
                self.get_logger().error(f'{event.text}\n{event.detail}')
            elif event.kind == v.LATCHED:
                self.get_logger().error(f'latched: {event.rule}: {event.text}')
            elif event.kind == v.REFUSED:
                # A policy can bring about one a tick; everything else is rare, and none of it may be lost.
                self.get_logger().info(f'refused: {event.rule} {event.text}', throttle_duration_sec=1.0)
            else:
                self.get_logger().info(f'{event.kind}: {event.rule} {event.text}')


def main():
    """Run the gate as a process; return its exit code."""
    return run(SafetyGateNode, quick=True)

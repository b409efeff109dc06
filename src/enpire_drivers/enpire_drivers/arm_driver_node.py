"""Node `arm_driver` of a simulated station: the clock, the joints, and the way in for commands.

Subscribes  joint_trajectory (trajectory_msgs/JointTrajectory, from the safety gate alone),
            sim/keep_alive (std_msgs/Empty, from the trial server while a policy thinks)
Publishes   joint_states (sensor_msgs/JointState), clock (rosgraph_msgs/Clock), after each tick, and
            again at 20 Hz of wall time while it waits; ~/power (enpire_interfaces/PowerState) at each change;
            /diagnostics at 1 Hz
Serves      ~/begin_episode, ~/end_episode, ~/put_back (std_srvs/Trigger: the hand of a person who puts lost
            objects back); ~/cut_power, ~/restore_power (std_srvs/Trigger: an operator's; success says that it is
            so now); ~/restore_state with replay:=true only
Starts      `power_relay`, where the lab names one, with `off` or `on`, unit and reason
Parameters  ArmDriverParameters

On silence: inside an episode, after `silence_s` of wall time without a command or keep-alive, the world
leaves lockstep and runs for two seconds in real time, with the follower's own stop in force: the arms
hold at the measured position once the last command is older than `command_max_age_s` of the unit's
clock. Then the clock stands still and the episode is broken. An exception in a callback does the same,
and so does an end_episode that names a fault. Where a hold is known to fail (`arm.power`) the driver cuts the
power by itself.
"""

import math
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from enpire_core import conversions, qos
from enpire_core.conversions import ConversionError, ns_to_stamp
from enpire_core.node import ManagedNode
from enpire_core.ticks import TICK_RATE_HZ, TICK_S
from enpire_interfaces.msg import PowerState, TrialReport
from enpire_interfaces.srv import BeginEpisode, EndEpisode, RestoreState
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from enpire_drivers.arm.mark import PowerMark
from enpire_drivers.arm.relay import Relay
from enpire_drivers.arm.switches import Mode as PowerMode
from enpire_drivers.arm.switches import Power
from enpire_drivers.arm_driver_parameters import ArmDriverParameters
from enpire_drivers.conversions import clock_message, diagnostics_message, power_message
from enpire_drivers.sim.records import RecordError
from enpire_drivers.sim.station import CommandRefused, EpisodeError, Mode, StationBroken
from enpire_drivers.sim.switch import SimSwitch

BEAT_S = 0.05
DIAGNOSTICS_S = 1.0
PHASE_NAMES = {TrialReport.PHASE_RESET: 'reset', TrialReport.PHASE_ROLLOUT: 'rollout'}


class Pace:
    """When the next tick may begin, in steady wall time, so that ``factor`` is not exceeded."""

    def __init__(self, factor):
        self._tick_s = TICK_S / factor if factor > 0.0 else 0.0
        self._due_s = -math.inf

    def wait_s(self, wall_s):
        """Return how long the next tick has to wait."""
        return max(0.0, self._due_s - wall_s)

    def note(self, wall_s):
        """A tick began at ``wall_s``. Lost time is not made up for beyond one tick."""
        self._due_s = max(self._due_s, wall_s - self._tick_s) + self._tick_s


class ArmDriver(ManagedNode):
    """The node; ``bench`` holds the station. ``wall``: a steady clock in seconds."""

    def __init__(self, bench, wall=time.monotonic, **kwargs):
        super().__init__('arm_driver', ArmDriverParameters, **kwargs)
        self._bench, self._wall = bench, wall
        self._pace = Pace(self.parameters.real_time_factor)
        self._frame_id = f'{self.parameters.unit}/station'
        self._beats = []
        self._active = False
        self._waiting = None
        self._sent_s = self._reported_s = -math.inf
        self._taken = self._ignored = 0
        self._ignored_why = ''
        self._busy_s, self._reported_tick, self._reported_taken = 0.0, 0, 0
        self._left_tick = ''  # where the world left lockstep last

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Open the station and offer what the node offers."""
        self.opened.callback(self._bench.close)
        self._station = self._bench.open(self.parameters)
        self._states = self.own(self.create_publisher(JointState, 'joint_states', qos.SENSOR))
        self._clock_out = self.own(self.create_publisher(Clock, 'clock', qos.SENSOR))
        self._diagnostics = self.own(self.create_publisher(DiagnosticArray, '/diagnostics', qos.EVENTS))
        self.own(self.create_subscription(JointTrajectory, 'joint_trajectory', self._on_command, qos.COMMAND))
        # Best effort matches every publisher, and a lost sign of life is followed by another.
        self.own(self.create_subscription(Empty, 'sim/keep_alive', self._on_keep_alive, qos.SENSOR))
        self.own(self.create_service(BeginEpisode, '~/begin_episode', self._on_begin))
        self.own(self.create_service(EndEpisode, '~/end_episode', self._on_end))
        self.own(self.create_service(Trigger, '~/put_back', self._on_put_back))
        self._open_power()
        if self.parameters.replay:
            self.own(self.create_service(RestoreState, '~/restore_state', self._on_restore))

    def _open_power(self):
        """Offer the power cut. It works from here on, active or not; a cut of the driver before this one stands."""
        p = self.parameters
        relays = [Relay(p.power_relay, p.unit, p.power_relay_timeout_s)] if p.power_relay else []
        self._power = Power([SimSwitch(self._station), *relays], self.get_logger().error)
        self._mark, self._power_said = PowerMark(p.records), None
        self._power_out = self.own(self.create_publisher(PowerState, '~/power', qos.STATE))
        self.own(self.create_service(Trigger, '~/cut_power', self._on_cut_power))
        self.own(self.create_service(Trigger, '~/restore_power', self._on_restore_power))
        self.own(self.create_steady_timer(BEAT_S, self._on_power_timer))
        before = self._mark.read()
        if before:
            self._power.cut(before, self._wall())
        self._say_power()

    def start(self):
        """Show the present state and begin to listen."""
        self.fault = ''
        self._beat_timer = self.create_steady_timer(BEAT_S, self._on_beat)
        self._free_timer = self.create_steady_timer(TICK_S, self._on_free_tick)
        self._pace_timer = self.create_steady_timer(TICK_S, self._on_pace)
        self._beats = [self._beat_timer, self._free_timer, self._pace_timer]
        self._pace_timer.cancel()
        self._free_timer.cancel()
        self._active = True
        self._run_freely()
        self._publish(self._station.observe(), self._wall())

    def hold(self):
        """Break the episode under way; from here on the clock stands still and nothing is taken."""
        self._active = False
        self._waiting = None
        if self._bench.station is not None:
            self._bench.station.break_episode('the arm driver was deactivated')
        for timer in self._beats:
            self.destroy_timer(timer)
        self._beats = []

    def on_fault(self, text):
        """Break the episode and let the world run into its own stop; end where it can't be moved."""
        self.fault = text
        self._waiting = None
        if self._active:
            self._station.break_episode(text)
            self._run_freely()
            if self._station.dead:
                self.finish(1)

    # ---- commands --------------------------------------------------------------------------
    def _on_command(self, message):
        begun_s = self._wall()
        if not self._active:
            return
        try:
            command = conversions.command_from_message(message)
            if self._must_wait(command, begun_s):
                return
            state = self._station.command(command)
        except (ConversionError, CommandRefused) as error:
            self._ignore(str(error))
            return
        self._moved(state, begun_s)
        self._station.heard(begun_s)
        self._taken += 1
        self._busy_s += self._wall() - begun_s

    def _must_wait(self, command, wall_s):
        """Keep a command that is right but early, so that the real-time factor is not exceeded."""
        if self._station.mode is not Mode.LOCKSTEP or command.stamp_ns != self._station.stamp_ns:
            return False
        wait_s = self._pace.wait_s(wall_s)
        if wait_s == 0.0:
            self._waiting = None
            return False
        self._waiting = command
        self._station.heard(wall_s)
        self._pace_timer.timer_period_ns = int(wait_s * 1e9)
        self._pace_timer.reset()
        return True

    def _on_pace(self):
        self._pace_timer.cancel()
        command, self._waiting = self._waiting, None
        if command is None:
            return
        begun_s = self._wall()
        try:
            state = self._station.command(command)
        except CommandRefused as error:
            self._ignore(str(error))
            return
        self._moved(state, begun_s)
        # Who sent it could hear nothing while it waited: its silence begins here.
        self._station.heard(begun_s)
        self._taken += 1
        self._busy_s += self._wall() - begun_s

    def _ignore(self, why):
        self._ignored += 1
        self._ignored_why = why
        self.get_logger().warning(f'command {self._ignored} ignored: {why}', throttle_duration_sec=1.0)

    def _on_keep_alive(self, _):
        self._station.heard(self._wall())

    # ---- the clock -------------------------------------------------------------------------
    def _moved(self, state, wall_s):
        self._publish(state, wall_s)
        self._pace.note(wall_s)
        if self._station.power_cut and self._power.mode is PowerMode.ON:
            self._cut_power(self._station.power_cut)  # the station's own guard did: the other switches follow
        self._bench.moved()

    def _publish(self, state, wall_s):
        message = conversions.joint_state_to_message(state)
        message.header.frame_id = self._frame_id
        self._states.publish(message)
        self._clock_out.publish(clock_message(state.stamp_ns))
        self._sent_s = wall_s

    def _on_beat(self):
        wall_s = self._wall()
        # While a command waits for its pace it is the driver that is silent.
        if self._waiting is None and self._station.check_silence(wall_s):
            self.get_logger().error(f'{self._station.broken}: the world runs freely and the arms hold')
            self._waiting = None
            self._run_freely()
        if not 0.0 <= wall_s - self._sent_s < 0.8 * BEAT_S:
            self._publish(self._station.observe(), wall_s)
        if not 0.0 <= wall_s - self._reported_s < DIAGNOSTICS_S:
            self._report_diagnostics(wall_s)

    def _run_freely(self):
        """Let the world run in real time where its episode broke and the driver is active."""
        if self._active and self._station.mode is Mode.FREE_RUN and self._free_timer.is_canceled():
            self._left_tick = self._station.tick
            self._free_timer.reset()

    def _on_free_tick(self):
        state = self._station.free_tick()
        if state is None:
            self._free_timer.cancel()
            return
        self._moved(state, self._wall())

    # ---- episodes --------------------------------------------------------------------------
    def _on_begin(self, request, response):
        try:
            self._check_active()
            start = self._station.begin(request.trial_id, PHASE_NAMES.get(request.phase, request.phase))
        except (EpisodeError, StationBroken, OSError) as error:
            response.success, response.message = False, str(error)
            return response
        self.fault = ''
        response.success = True
        response.stamp = ns_to_stamp(start.stamp_ns)
        response.record, response.digest = start.record, start.digest
        self._publish(self._station.observe(), self._wall())
        return response

    def _on_end(self, request, response):
        response.stamp = ns_to_stamp(self._station.stamp_ns)
        try:
            end = self._station.end(request.trial_id, request.fault)
        except EpisodeError as error:
            response.success, response.message = False, str(error)
            return response
        self._waiting = None
        self._run_freely()
        response.success, response.message = end.broken == '', end.broken
        response.digest = end.digest
        return response

    def _on_put_back(self, _, response):
        try:
            self._check_active()
            self._station.put_back()
        except EpisodeError as error:
            response.success, response.message = False, str(error)
            return response
        self._station.heard(self._wall())
        response.success = True
        return response

    def _on_restore(self, request, response):
        try:
            self._check_active()
            response.digest = self._station.restore(request.record)
        except (RecordError, EpisodeError) as error:
            response.success, response.message = False, str(error)
            return response
        response.success = True
        self._publish(self._station.observe(), self._wall())
        self._bench.moved()
        return response

    def _check_active(self):
        if not self._active:
            raise EpisodeError('the arm driver is not active: activate it first')

    # ---- power -----------------------------------------------------------------------------
    def _on_cut_power(self, _, response):
        self._cut_power('an operator asked for it')
        response.success, response.message = self._power.mode is PowerMode.CUT, self._power_text()
        return response

    def _on_restore_power(self, _, response):
        if self._power.mode is not PowerMode.ON:
            self._power.restore(self._wall())
            self._say_power()
        response.success, response.message = self._power.mode is PowerMode.ON, self._power_text()
        return response

    def _on_power_timer(self):
        if self._power.mode in (PowerMode.CUTTING, PowerMode.RESTORING):
            self._power.look(self._wall())
            self._say_power()

    def _cut_power(self, reason):
        self._power.cut(reason, self._wall())
        self._say_power()

    def _power_text(self):
        power = self._power
        if power.mode is PowerMode.ON:
            return 'the motors have power'
        return '; '.join(filter(None, [f'power: {power.mode.value}: {power.reason}', power.trouble]))

    def _say_power(self):
        """Let the world go on, and tell everybody, where the power is not as it was said to be last."""
        self._run_freely()
        said = self._power.mode, self._power.reason, self._power.trouble
        if said == self._power_said:
            return
        self._waiting, self._power_said = None, said
        self._power_out.publish(power_message(self._power, self._station.stamp_ns))
        try:
            self._mark.keep(self._power.reason)
        except OSError as error:
            self.get_logger().error(f'a driver after this one will not know of the power: {error}: mend the disk')
        if self._power.mode is PowerMode.ON:
            self.get_logger().info(self._power_text())
        else:
            self.get_logger().error(self._power_text())

    # ---- diagnostics -----------------------------------------------------------------------
    def _report_diagnostics(self, wall_s):
        station, past_s = self._station, wall_s - self._reported_s
        ticks, taken = station.tick - self._reported_tick, self._taken - self._reported_taken
        values = {
            'lockstep': station.mode.value,
            'episode': ' '.join(station.episode).strip(),
            'tick': station.tick,
            'left_lockstep_tick': self._left_tick,
            'real_time_factor': round(ticks / TICK_RATE_HZ / past_s, 3),
            'commands_taken': self._taken,
            'commands_ignored': self._ignored,
            'last_ignored': self._ignored_why,
            'command_callback_us': round(1e6 * self._busy_s / taken, 1) if taken else '',
            'holding': station.holding,
            'power': self._power.mode.value,
        }
        broken = '' if self._power.mode is PowerMode.ON else self._power_text()
        broken = broken or station.broken or self.fault
        self._diagnostics.publish(diagnostics_message(
            self.get_clock().now().to_msg(), f'{self.get_namespace()}/arm_driver', self.parameters.unit,
            DiagnosticStatus.ERROR if broken else DiagnosticStatus.OK, broken or station.mode.value, values))
        self._reported_s, self._reported_tick, self._reported_taken = wall_s, station.tick, self._taken
        self._busy_s = 0.0

"""The stations of a lab as the node sees them that hands out their trials: goals, silence, out and back.

What is handed out, a `Dispatch` says; what a goal holds and what follows from a result, the node that has the crew.
Used by one thread, that of the node's executor.
"""

import time

from enpire_core import qos
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import SafetyState, StationStatus
from rclpy.action import ActionClient

from enpire_research.conversions import report_from_message
from enpire_research.trials import report as reports
from enpire_research.trials.dispatch import BUSY_CODES

LOOK_PERIOD_S = 0.25
NO_ROOM_CODES = (111, 220)
AGAIN_S = 1.0
REST_S = 30.0
# So long kept results are taken before others are heard again.
KEPT_AT_ONCE_S = 0.2


class Orders:
    """What a node says of its trials. The defaults are those of a node that keeps nothing over a restart."""

    def reset_goal(self, job):
        """Return the Reset.Goal of ``job``."""
        raise NotImplementedError

    def rollout_goal(self, job):
        """Return the Rollout.Goal of ``job``."""
        raise NotImplementedError

    def existing(self, unit, job, kind):
        """Return the Report of ``kind`` ('reset', 'rollout') of ``job`` that a station has kept, or None."""
        return None

    def follows(self, unit, reset):
        """Return whether the scene of ``unit`` is still as the Report ``reset`` left it."""
        return False

    def may_begin(self):
        """Return whether trials may be begun now: what comes of them can be written."""
        return True

    def settled(self, unit):
        """A trial of ``unit`` (name) has ended, whichever way."""

    def changed(self, unit):
        """``unit`` (name) went out of service, or came back."""


class _Unit:
    """One station: its clients and the goal under way."""

    def __init__(self, node, name, ended):
        self.name, self._node, self._ended_to = name, node, ended
        self.clients = {kind: ActionClient(node, action, f'/{name}/{kind}')
                        for kind, action in (('reset', Reset), ('rollout', Rollout))}
        self.phase = StationStatus.PHASE_STARTING
        self.handle = None
        self.goal = 0          # number of the goal under way; answers to older ones are not heard
        self.busy = False
        self.ready_seen_s = None
        self.heard_s = 0.0
        self.not_before_s = 0.0
        self.safety = None
        self.missing = False
        self.rest_ends_s = 0.0
        self.reset = None      # Report of a reset whose rollout waits for a station that was busy

    def ready(self):
        """Return whether both action servers are there."""
        return all(client.server_is_ready() for client in self.clients.values())

    def send(self, kind, goal):
        """Send ``goal``; the crew hears of its end, once."""
        self.goal += 1
        number, self.busy = self.goal, True
        self.heard_s = time.monotonic()
        sent = self.clients[kind].send_goal_async(goal, feedback_callback=lambda _: self._heard(number))
        sent.add_done_callback(self._node.guard(
            lambda future: self._accepted(number, kind, future.result()), f'the answer of /{self.name}/{kind}'))

    def _heard(self, number):
        if number == self.goal:
            self.heard_s = time.monotonic()

    def _accepted(self, number, kind, handle):
        if number != self.goal:
            # Dropped while its server had not answered yet: it would run on, and nobody would hear of it.
            handle.cancel_goal_async()
            return
        self.handle = handle
        self._heard(number)
        handle.get_result_async().add_done_callback(self._node.guard(
            lambda future: self._ended(number, kind, future.result()), f'the result of /{self.name}/{kind}'))

    def _ended(self, number, kind, answer):
        if number == self.goal and self.busy:
            self.busy, self.handle = False, None
            self._ended_to(self, kind, answer.result)

    def drop(self):
        """Forget the goal under way; where its server still lives, cancel it: now, or once it has accepted it."""
        if self.handle is not None:
            self.handle.cancel_goal_async()
        self.busy, self.handle = False, None
        self.goal += 1


class Crew:
    """``node``: a ManagedNode; ``dispatch``: a Dispatch; ``orders``: Orders; times in wall seconds."""

    def __init__(self, node, dispatch, orders, *, feedback_silence_s, server_missing_s):
        self._node, self._dispatch, self._orders = node, dispatch, orders
        self._silence_s, self._missing_s = feedback_silence_s, server_missing_s
        self._active, self._began_s = False, time.monotonic()
        self.first_s = None    # wall seconds from `start` to the first goal
        self.units = {name: _Unit(node, name, self._ended) for name in dispatch.rows}
        self._timer = node.create_steady_timer(LOOK_PERIOD_S, self._look)

    def start(self):
        """Begin to hand out trials."""
        self._active, self._began_s = True, time.monotonic()

    def hold(self):
        """Cancel what is under way; hand out nothing more.

        Not covered: a goal that its server has not accepted yet when this process ends at once.
        """
        self._active = False
        for unit in self.units.values():
            unit.drop()

    def close(self):
        """Take everything off the graph."""
        self._active = False
        self._node.destroy_timer(self._timer)
        for unit in self.units.values():
            self._unwatch(unit)
            for client in unit.clients.values():
                client.destroy()

    @property
    def elapsed_s(self):
        """Wall seconds since `start`."""
        return time.monotonic() - self._began_s

    def stations(self):
        """Return a StationStatus for each station, in the order of the lab."""
        return [StationStatus(
            unit=row.unit, phase=self.units[row.unit].phase, trial_id=row.job.trial_id if row.job else '',
            trials=row.trials, successes=row.successes, voids=row.voids, real_time_factor=row.real_time_factor,
            reason=row.reason) for row in self._dispatch.rows.values()]

    # ---- handing out -----------------------------------------------------------------------
    def _look(self):
        now = time.monotonic()
        for unit in self.units.values():
            if self._active:
                self._look_at(unit, now)

    def _look_at(self, unit, now):
        row = self._dispatch.rows[unit.name]
        if unit.ready():
            unit.ready_seen_s = now
        if row.out:
            self._look_at_out(unit, row, now)
        elif unit.busy:
            if not now - unit.heard_s <= self._silence_s:
                unit.drop()
                self._lost(unit, row)
        elif unit.ready_seen_s != now:
            unit.phase = StationStatus.PHASE_STARTING
            since = self._began_s if unit.ready_seen_s is None else unit.ready_seen_s
            if not now - since <= self._missing_s:
                self._is_missing(unit, row)
        elif now >= unit.not_before_s:
            self._next(unit, row)

    def _next(self, unit, row):
        """Send the station its next goal; what has been kept of a trial is taken on the way."""
        until_s = time.monotonic() + KEPT_AT_ONCE_S
        while self._active and not row.out and unit.not_before_s <= time.monotonic() <= until_s and self._begin(unit):
            pass

    def _begin(self, unit):
        """Begin, or go on with, one trial; return whether it has ended already, by what has been kept of it."""
        if unit.reset is not None:
            reset, unit.reset = unit.reset, None
            if self._may_follow(unit, reset):
                return self._go_on(unit, 'rollout', reset)
            # Somebody ran a trial by hand in between; this reset has its result under this name.
            self._dispatch.begin_anew(unit.name)
        job = self._dispatch.take(unit.name) if self._orders.may_begin() else None
        if job is None:
            unit.phase = StationStatus.PHASE_IDLE
            return False
        if self.first_s is None:
            self.first_s = self.elapsed_s
        return self._go_on(unit, 'reset')

    def _go_on(self, unit, kind, reset=None):
        """Send the goal of ``kind``, or take what has been kept of it; return whether that has ended the trial."""
        report = self._kept(unit, kind)
        if report is not None:
            return self._take(unit, kind, report, kept=True)
        unit.reset = reset
        unit.phase = StationStatus.PHASE_RESET if kind == 'reset' else StationStatus.PHASE_ROLLOUT
        make = self._orders.reset_goal if kind == 'reset' else self._orders.rollout_goal
        unit.send(kind, make(self._dispatch.rows[unit.name].job))
        return False

    def _kept(self, unit, kind):
        """Return the Report of ``kind`` that has been kept of the trial under way, or None."""
        return self._orders.existing(unit.name, self._dispatch.rows[unit.name].job, kind)

    def _ended(self, unit, kind, result):
        """A goal of ``unit`` came to its end, for better or worse."""
        if not self._active:
            return
        if result.error_code in (*BUSY_CODES, *NO_ROOM_CODES):
            self._not_begun(unit, kind, result)
            return
        unit.reset = None
        report = report_from_message(result.report)
        # Refused, also for a name of which it has a result already; or something broke, maybe when that was kept.
        kept = self._kept(unit, kind) if report.status == reports.UNKNOWN else None
        if kept is None:
            report.error_code, report.error_msg = result.error_code, result.error_msg
        if self._take(unit, kind, kept or report, kept is not None):
            self._next(unit, self._dispatch.rows[unit.name])

    def _not_begun(self, unit, kind, result):
        """The goal will be sent again: somebody runs a trial by hand, the station still runs what our predecessor sent
        it, or its disk is full.
        """
        row = self._dispatch.rows[unit.name]
        if result.error_code in NO_ROOM_CODES and row.reason != result.error_msg:
            row.reason = result.error_msg
            self._node.get_logger().warning(f'{unit.name} waits: {result.error_msg}')
        if kind == 'reset':
            self._dispatch.put_back(unit.name)
        unit.phase, unit.not_before_s = StationStatus.PHASE_IDLE, time.monotonic() + AGAIN_S

    def _take(self, unit, kind, report, kept):
        """Take a result; return whether its trial has ended.

        ``kept``: it comes out of an outbox, so that the scene may be another by now.
        """
        if kind == 'reset' and self._dispatch.reset_done(unit.name, report):
            if not kept or self._may_follow(unit, report):
                return self._go_on(unit, 'rollout', report)
            self._dispatch.begin_anew(unit.name)
            unit.phase = StationStatus.PHASE_IDLE
            return False
        if kind == 'rollout':
            self._dispatch.rollout_done(unit.name, report)
        self._settled(unit)
        return True

    def _lost(self, unit, row):
        """Take what the station has kept of a trial that it answers no more; void where that is nothing."""
        kind = 'reset' if row.reset is None else 'rollout'
        report = self._kept(unit, kind)
        if report is not None:
            if self._take(unit, kind, report, kept=True):
                self._next(unit, row)
            return
        self._dispatch.lost(unit.name, f'no feedback for {self._silence_s:g} s: its trial server died or lost the goal')
        self._settled(unit)

    def _may_follow(self, unit, reset):
        """Return whether the rollout after ``reset`` is there already, or may still be sent."""
        return self._kept(unit, 'rollout') is not None or self._orders.follows(unit.name, reset)

    def _settled(self, unit):
        """Tell of a trial that has ended, whichever way."""
        unit.reset = None
        row = self._dispatch.rows[unit.name]
        self._orders.settled(unit.name)
        unit.phase = StationStatus.PHASE_OUT if row.out else StationStatus.PHASE_IDLE
        if row.out:
            self._went_out(unit, row)
        elif row.voids_in_a_row:
            self._node.get_logger().warning(f'{unit.name}: void: {row.reason}')
            unit.not_before_s = time.monotonic() + AGAIN_S * row.voids_in_a_row

    # ---- stations that are out -------------------------------------------------------------
    def _went_out(self, unit, row):
        self._node.get_logger().error(f'{unit.name} is out: {row.out}')
        unit.rest_ends_s = time.monotonic() + REST_S
        self._orders.changed(unit.name)

    def _is_missing(self, unit, row):
        if row.job is not None:
            # Its reset is done, and its rollout waited for a station that was busy: for others now.
            unit.reset = None
            self._dispatch.begin_anew(unit.name)
        self._dispatch.put_out(unit.name, f'no trial server for {self._missing_s:g} s')
        unit.phase, unit.missing = StationStatus.PHASE_OUT, True
        self._went_out(unit, row)

    def _look_at_out(self, unit, row, now):
        """A latched station is back once its gate is cleared, a missing one when it is there, one at rest after it."""
        if unit.missing and unit.ready_seen_s == now:
            unit.missing = False
            self._back(unit, 'its trial server is there again')
        elif row.resting and now >= unit.rest_ends_s:
            if unit.ready_seen_s == now:
                self._back(unit, f'tried again after {REST_S:g} s')
            elif not now - unit.ready_seen_s <= self._missing_s:
                self._is_missing(unit, row)
        elif row.latched and unit.safety is None:
            unit.safety = self._node.create_subscription(
                SafetyState, f'/{unit.name}/safety_state', lambda message: self._on_safety(unit, message), qos.STATE)

    def _unwatch(self, unit):
        if unit.safety is not None:
            self._node.destroy_subscription(unit.safety)
            unit.safety = None

    def _on_safety(self, unit, message):
        row = self._dispatch.rows[unit.name]
        if row.latched and message.mode not in (SafetyState.MODE_UNKNOWN, SafetyState.MODE_LATCHED):
            self._unwatch(unit)
            self._back(unit, 'its gate was cleared')

    def _back(self, unit, why):
        self._dispatch.back(unit.name)
        unit.phase = StationStatus.PHASE_IDLE
        self._node.get_logger().info(f'{unit.name}: {why}: back in service')
        self._orders.changed(unit.name)

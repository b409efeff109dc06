"""Node `trial_runner` (namespace /lab): hands out a lab's trials and counts the results.

Calls       /<unit>/reset and /<unit>/rollout (actions) of each unit
Publishes   status (enpire_interfaces/LabStatus) at 2 Hz, the last one also for late joiners
Subscribes  /<unit>/safety_state, only of a unit that is out with its gate latched, to see it cleared
Parameters  TrialRunnerParameters
Writes      <run_dir>/summary.json after each trial
Ends        by itself when all trials are done (exit code 0), or when every station that has trials left
            is out and none of them waits for its gate to be cleared (exit code 1)

On silence: a trial server that is not there, or sends no feedback for `feedback_silence_s`, has lost its
goal: the trial is void and repeated. One that does not come back in `server_missing_s` is out.
"""

import os
import time

from enpire_core import qos
from enpire_core.files import sha256_file, write_json
from enpire_core.main import run
from enpire_core.node import ManagedNode
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import LabStatus, SafetyState, StationStatus
from rclpy.action import ActionClient

from enpire_research.conversions import report_from_message
from enpire_research.trial_runner_parameters import TrialRunnerParameters
from enpire_research.trials.schedule import BUSY_CODES, Schedule

STATUS_PERIOD_S = 0.5
LOOK_PERIOD_S = 0.25
AGAIN_S = 1.0
DONE, STATIONS_OUT = 0, 1


class _Unit:
    """One station as the runner sees it: its clients and the goal under way."""

    def __init__(self, runner, name):
        self.name, self._runner = name, runner
        self.clients = {kind: ActionClient(runner, action, f'/{name}/{kind}')
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

    def ready(self):
        """Return whether both action servers are there."""
        return all(client.server_is_ready() for client in self.clients.values())

    def send(self, kind, goal):
        """Send ``goal``; the runner hears of its end, once."""
        self.goal += 1
        number, self.busy = self.goal, True
        self.heard_s = time.monotonic()
        sent = self.clients[kind].send_goal_async(goal, feedback_callback=lambda _: self._heard(number))
        sent.add_done_callback(self._runner.guard(
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
        handle.get_result_async().add_done_callback(self._runner.guard(
            lambda future: self._ended(number, kind, future.result()), f'the result of /{self.name}/{kind}'))

    def _ended(self, number, kind, answer):
        if number == self.goal and self.busy:
            self.busy, self.handle = False, None
            self._runner.ended(self, kind, answer.result)

    def drop(self):
        """Forget the goal under way; where its server still lives, cancel it: now, or once it has accepted it."""
        if self.handle is not None:
            self.handle.cancel_goal_async()
        self.busy, self.handle = False, None
        self.goal += 1


class TrialRunner(ManagedNode):
    """The node."""

    def __init__(self, **kwargs):
        super().__init__('trial_runner', TrialRunnerParameters, **kwargs)
        self._units, self._undo = {}, []
        self._active = False
        self._began_s = time.monotonic()
        self._first_s = None

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Look at the policy, create clients and status."""
        p = self.parameters
        # A policy that isn't there would fail every trial: better to say so at once.
        self._policy_hash = sha256_file(p.policy)
        self._schedule = Schedule(p.units, p.trials, p.lab_seed)
        self._status = self.create_publisher(LabStatus, 'status', qos.STATE)
        self._undo.append(lambda: self.destroy_publisher(self._status))
        for name in p.units:
            unit = self._units[name] = _Unit(self, name)
            for client in unit.clients.values():
                self._undo.append(client.destroy)
        for period, callback in ((LOOK_PERIOD_S, self._look), (STATUS_PERIOD_S, self._publish)):
            timer = self.create_steady_timer(period, callback)
            self._undo.append(lambda timer=timer: self.destroy_timer(timer))

    def start(self):
        """Begin to hand out trials."""
        self._active = True
        self._began_s = time.monotonic()

    def hold(self):
        """Cancel what is under way; hand out nothing more.

        Not covered: a goal that its server has not accepted yet when this process ends at once.
        """
        if self._active:
            self._active = False
            for unit in self._units.values():
                unit.drop()
            self._write()

    def release(self):
        """Take everything off the graph."""
        while self._undo:
            self._undo.pop()()
        for unit in self._units.values():
            self._unwatch(unit)
        self._units = {}

    # ---- handing out -----------------------------------------------------------------------
    def _look(self):
        if not self._active:
            return
        now = time.monotonic()
        for unit in self._units.values():
            self._look_at(unit, now)
        self._check_end()

    def _look_at(self, unit, now):
        row = self._schedule.rows[unit.name]
        if unit.ready():
            unit.ready_seen_s = now
        if row.out:
            self._look_at_out(unit, row, now)
        elif unit.busy:
            if not now - unit.heard_s <= self.parameters.feedback_silence_s:
                unit.drop()
                self._lost(unit, f'no feedback for {self.parameters.feedback_silence_s:g} s: its trial server died or '
                           'lost the goal')
        elif unit.ready_seen_s != now:
            unit.phase = StationStatus.PHASE_STARTING
            since = self._began_s if unit.ready_seen_s is None else unit.ready_seen_s
            if not now - since <= self.parameters.server_missing_s:
                self._schedule.put_out(unit.name, f'no trial server for {self.parameters.server_missing_s:g} s')
                unit.phase, unit.missing = StationStatus.PHASE_OUT, True
        elif now >= unit.not_before_s:
            self._next(unit)

    def _lost(self, unit, text):
        self._schedule.lost(unit.name, text)
        self._settled(unit)

    def _next(self, unit):
        job = self._schedule.take(unit.name)
        if job is None:
            unit.phase = StationStatus.PHASE_IDLE
            return
        if self._first_s is None:
            self._first_s = time.monotonic() - self._began_s
        unit.phase = StationStatus.PHASE_RESET
        unit.send('reset', Reset.Goal(trial_id=job.trial_id, task=self.parameters.task,
                                      seed=self._schedule.seed(job)))

    def ended(self, unit, kind, result):
        """A goal of ``unit`` came to its end, for better or worse."""
        if not self._active:
            return
        if result.error_code in BUSY_CODES:
            # Somebody runs a trial by hand. A reset that is done already has its result under this name.
            (self._schedule.put_back if kind == 'reset' else self._schedule.begin_anew)(unit.name)
            unit.phase, unit.not_before_s = StationStatus.PHASE_IDLE, time.monotonic() + AGAIN_S
            return
        report = report_from_message(result.report)
        report.error_code, report.error_msg = result.error_code, result.error_msg
        row = self._schedule.rows[unit.name]
        if kind == 'reset' and self._schedule.reset_done(unit.name, report):
            job = row.job
            unit.phase = StationStatus.PHASE_ROLLOUT
            unit.send('rollout', Rollout.Goal(trial_id=job.trial_id, task=self.parameters.task,
                                              seed=self._schedule.seed(job), policy_file=self.parameters.policy))
            return
        if kind == 'rollout':
            self._schedule.rollout_done(unit.name, report)
        self._settled(unit)

    def _settled(self, unit):
        """After a trial, whichever way it ended: write, go on."""
        row = self._schedule.rows[unit.name]
        self._write()
        unit.phase = StationStatus.PHASE_OUT if row.out else StationStatus.PHASE_IDLE
        if row.out:
            self.get_logger().error(f'{unit.name} is out: {row.out}')
        elif row.voids_in_a_row:
            self.get_logger().warning(f'{unit.name}: void: {row.reason}')
            unit.not_before_s = time.monotonic() + AGAIN_S * row.voids_in_a_row
        else:
            self._next(unit)
        self._check_end()

    def _check_end(self):
        if self._schedule.finished or self._schedule.stuck:
            self._write()
            self._publish()
            if self._schedule.stuck:
                self.get_logger().error('every station that has trials left is out')
            self.finish(DONE if self._schedule.finished else STATIONS_OUT)

    # ---- stations that are out -------------------------------------------------------------
    def _look_at_out(self, unit, row, now):
        """A latched station is back when an operator has cleared its gate, a missing one when it is there."""
        if unit.missing and unit.ready_seen_s == now:
            unit.missing = False
            self._back(unit, 'its trial server is there again')
        elif row.latched and unit.safety is None:
            unit.safety = self.create_subscription(
                SafetyState, f'/{unit.name}/safety_state', lambda message: self._on_safety(unit, message), qos.STATE)

    def _unwatch(self, unit):
        if unit.safety is not None:
            self.destroy_subscription(unit.safety)
            unit.safety = None

    def _on_safety(self, unit, message):
        row = self._schedule.rows[unit.name]
        if row.latched and message.mode not in (SafetyState.MODE_UNKNOWN, SafetyState.MODE_LATCHED):
            self._unwatch(unit)
            self._back(unit, 'its gate was cleared')

    def _back(self, unit, why):
        self._schedule.back(unit.name)
        unit.phase = StationStatus.PHASE_IDLE
        self.get_logger().info(f'{unit.name}: {why}: back in service')

    # ---- what goes out ---------------------------------------------------------------------
    def _publish(self):
        p = self.parameters
        message = LabStatus(lab=p.lab, task=p.task, policy=p.policy, trials_wanted=p.trials, simulated=p.simulated)
        message.header.stamp = self.get_clock().now().to_msg()
        for row in self._schedule.rows.values():
            message.stations.append(StationStatus(
                unit=row.unit, phase=self._units[row.unit].phase, trial_id=row.job.trial_id if row.job else '',
                trials=row.trials, successes=row.successes, voids=row.voids,
                real_time_factor=row.real_time_factor, reason=row.reason))
        self._status.publish(message)

    def _write(self):
        p = self.parameters
        write_json(os.path.join(p.run_dir, 'summary.json'), {
            'lab': p.lab, 'task': p.task, 'policy': p.policy, 'policy_hash': self._policy_hash, 'lab_seed': p.lab_seed,
            'trials_wanted': p.trials, 'simulated': p.simulated, 'finished': self._schedule.finished,
            'first_trial_after_s': self._first_s, 'wall_s': time.monotonic() - self._began_s,
            **self._schedule.summary()}, mode=0o644)


def main():
    """Run the trial runner until all is done; return the exit code."""
    return run(TrialRunner)

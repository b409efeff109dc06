"""Node `trial_runner` (namespace /lab): hands out a lab's trials and counts the results.

Calls       /<unit>/reset and /<unit>/rollout (actions) of each unit
Publishes   status (enpire_interfaces/LabStatus) at 2 Hz, the last one also for late joiners
Subscribes  /<unit>/safety_state, only of a unit that is out with its gate latched, to see it cleared
Parameters  TrialRunnerParameters
Writes      <run_dir>/summary.json after each trial
Ends        by itself when all trials are done (exit code 0), or when every station that has trials left
            is out for good or without its server, or what is frozen has changed (exit code 1); a latched one or
            one that rests is waited for

On silence: a trial server that is not there, or sends no feedback for `feedback_silence_s`, has lost its
goal: the trial is void and repeated. One that does not come back in `server_missing_s` is out.
"""

import math
import os

from enpire_core import qos
from enpire_core.files import sha256_file, write_json
from enpire_core.main import run
from enpire_core.node import ManagedNode
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import LabStatus

from enpire_research.crew import LOOK_PERIOD_S, Crew, Orders
from enpire_research.trial_runner_parameters import TrialRunnerParameters
from enpire_research.trials.schedule import Schedule

STATUS_PERIOD_S = 0.5
DONE, STATIONS_OUT = 0, 1


class TrialRunner(ManagedNode, Orders):
    """The node."""

    def __init__(self, **kwargs):
        super().__init__('trial_runner', TrialRunnerParameters, **kwargs)
        self._active = False

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Look at the policy and its artifact, create clients and status."""
        p = self.parameters
        # A file that isn't there would fail every trial: better to say so at once.
        self._policy_hash = sha256_file(p.policy)
        self._artifact_hash = sha256_file(p.artifact) if p.artifact else ''
        self._schedule = Schedule(p.units, p.trials, p.lab_seed)
        self._status = self.own(self.create_publisher(LabStatus, 'status', qos.STATE))
        self._crew = Crew(self, self._schedule, self, feedback_silence_s=p.feedback_silence_s,
                          server_missing_s=p.server_missing_s)
        self.opened.callback(self._crew.close)
        for period, callback in ((LOOK_PERIOD_S, self._check_end), (STATUS_PERIOD_S, self._publish)):
            self.own(self.create_steady_timer(period, callback))

    def start(self):
        """Begin to hand out trials."""
        self._active = True
        self._crew.start()

    def hold(self):
        """Cancel what is under way; hand out nothing more."""
        if self._active:
            self._active = False
            self._crew.hold()
            self._write()

    # ---- orders of the crew ----------------------------------------------------------------
    def reset_goal(self, job):
        """See Orders."""
        return Reset.Goal(trial_id=job.trial_id, task=self.parameters.task, seed=self._schedule.seed(job))

    def rollout_goal(self, job):
        """See Orders."""
        return Rollout.Goal(trial_id=job.trial_id, task=self.parameters.task, seed=self._schedule.seed(job),
                            policy_file=self.parameters.policy, artifact_file=self.parameters.artifact)

    def settled(self, unit):
        """See Orders."""
        self._write()
        self._check_end()

    def _check_end(self):
        schedule = self._schedule
        if self._active and (schedule.finished or schedule.stuck or schedule.broken):
            self._write()
            self._publish()
            if not schedule.finished:
                self.get_logger().error(schedule.broken or 'every station that has trials left is out')
            self.finish(DONE if schedule.finished else STATIONS_OUT)

    # ---- what goes out ---------------------------------------------------------------------
    def _publish(self):
        p = self.parameters
        message = LabStatus(lab=p.lab, task=p.task, policy=p.policy, trials_wanted=p.trials, simulated=p.simulated)
        message.trials_done = sum(row.trials for row in self._schedule.rows.values())
        message.eta_s = math.nan
        message.header.stamp = self.get_clock().now().to_msg()
        message.stations = self._crew.stations()
        self._status.publish(message)

    def _write(self):
        p = self.parameters
        write_json(os.path.join(p.run_dir, 'summary.json'), {
            'lab': p.lab, 'task': p.task, 'policy': p.policy, 'policy_hash': self._policy_hash,
            'artifact': p.artifact, 'artifact_hash': self._artifact_hash, 'lab_seed': p.lab_seed,
            'trials_wanted': p.trials, 'simulated': p.simulated, 'finished': self._schedule.finished,
            'first_trial_after_s': self._crew.first_s, 'wall_s': self._crew.elapsed_s,
            **self._schedule.summary()}, mode=0o644)


def main():
    """Run the trial runner until all is done; return the exit code."""
    return run(TrialRunner)

"""Node `research` (namespace /lab): hosts a campaign: candidates, their trials on all stations, decisions, ledger.

Calls       /<unit>/reset and /<unit>/rollout (actions) of each unit
Publishes   status (enpire_interfaces/LabStatus) at 2 Hz, the last one also for late joiners
Subscribes  /<unit>/safety_state, only of a unit that is out with its gate latched, to see it cleared
Parameters  ResearchParameters
Writes      <run_dir>/campaign/: ledger.jsonl, repository, policies, secret
Reads       <run_dir>/<unit>/outbox: what stations finished while no research node was there, also for others
Ends        by itself when the campaign is over (exit code 0), or when it can't go on (exit code 1): ledger
            damaged or another campaign's, what is frozen changed, a job void too often, every station out for good
            or without server

Waits       where the disk is full: begins nothing that it could not write, and says so

On silence: as the trial runner. Killed and started again it goes on from the ledger; what its stations do
meanwhile is not lost, and nothing is run twice.
"""

import math
import os
import time

from enpire_core import qos
from enpire_core.node import ManagedNode
from enpire_core.room import NoRoom
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import LabStatus
from enpire_tasks import registry

from enpire_research import layout
from enpire_research.campaign import seeds
from enpire_research.campaign.course import About, Course
from enpire_research.campaign.jobs import Jobs
from enpire_research.campaign.ledger import Ledger
from enpire_research.campaign.pace import Pace
from enpire_research.campaign.repository import CampaignRepository
from enpire_research.crew import LOOK_PERIOD_S, Crew, Orders
from enpire_research.research_parameters import ResearchParameters
from enpire_research.trials import manifest
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.report import ReportError, read
from enpire_research.trials.rollout import read_policy
from enpire_research.trials.trial_setup import robot_limits_file

STATUS_PERIOD_S = 0.5
DONE, BROKEN = 0, 1


def _builtin(seed, task):
    from enpire_research.agents.builtin.researcher import BuiltinResearcher  # Optuna: slow to import

    return BuiltinResearcher(seed, task.tolerances)


class Research(ManagedNode, Orders):
    """The node. ``task`` and ``researcher``: for tests, instead of those that the parameters name."""

    def __init__(self, task=None, researcher=None, **kwargs):
        super().__init__('research', ResearchParameters, **kwargs)
        self._task, self._researcher = task, researcher
        self._active = False
        self._waits = ''  # why nothing is begun at the moment

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Open the ledger, take what it holds, create clients and status."""
        p = self.parameters
        folder = layout.campaign(p.run_dir)
        task = self._task or registry.get(p.task)
        # The ledger first: its lock keeps a second research node away from everything else.
        self._ledger = Ledger.open(folder, time.time_ns)
        self.opened.callback(self._ledger.close)
        for path in self._ledger.torn:
            self.get_logger().warning(f'the last line of the ledger was not finished: moved to {path}')
        repository = CampaignRepository(os.path.join(folder, 'repository'), time.time_ns)
        self.opened.callback(repository.close)
        self._freeze = self._frozen(task)
        start_source, _ = read_policy(p.policy)
        researcher = self._researcher or _builtin(p.lab_seed, task)
        began = self._ledger.records[0].body if self._ledger.records else {}
        about = About(p.units, self._freeze.entries, p.simulated, {'name': researcher.name})
        self._course = Course(
            p.config(), researcher, self._ledger, repository, start_source=start_source, about=about, folder=folder,
            secret=seeds.keep_secret(folder, os.urandom, p.secret_file, began.get('secret_sha256', '')))
        self._pace = Pace(p.trials, self._course.used)
        self._outboxes = {unit: Outbox(os.path.join(p.run_dir, unit, 'outbox')) for unit in p.units}
        self._jobs = Jobs(p.units, self._trial_ended)
        self._status = self.own(self.create_publisher(LabStatus, 'status', qos.STATE))
        self._crew = Crew(self, self._jobs, self, feedback_silence_s=p.feedback_silence_s,
                          server_missing_s=p.server_missing_s)
        self.opened.callback(self._crew.close)
        for period, callback in ((LOOK_PERIOD_S, self._look), (STATUS_PERIOD_S, self._publish)):
            self.own(self.create_steady_timer(period, callback))

    def _frozen(self, task):
        """Return the Freeze as the trial servers have it."""
        p = self.parameters
        limit_files = (p.robot_limits or robot_limits_file(), p.task_limits or task.limits_file)
        return manifest.Freeze(task.folder, limit_files, p.scene or os.path.join(p.run_dir, 'scene'))

    def start(self):
        """Begin, or go on."""
        self._active = True
        self._crew.start()

    def hold(self):
        """Cancel what is under way; hand out nothing more."""
        if self._active:
            self._active = False
            self._crew.hold()

    def on_fault(self, text):
        """End: the ledger can't be written, say, or the campaign goes another way than recorded."""
        super().on_fault(text)
        self.finish(BROKEN)

    # ---- the course ------------------------------------------------------------------------
    def _look(self):
        if not self._active:
            return
        if self._jobs.broken or self._jobs.stuck:
            self._finish(BROKEN, self._why_broken())
        elif self._jobs.finished and self.may_begin():
            # Asks the researcher and runs git: nothing is under way that could miss us.
            self._course.step()
            if self._course.finished:
                self._finish(DONE, f'the campaign is over: {self._course.end_reason}')
            else:
                self._jobs.add(self._course.jobs())

    def _why_broken(self):
        changed = self._freeze.changed()
        if changed:
            # A trial server that was started again since compares with what it found then, and can't name the file.
            return (f'what is frozen has changed since the campaign began: {manifest.named(changed)}. Put it back and '
                    f'go on with `enpire lab --resume`, or begin a new run. {self._jobs.broken}')
        return self._jobs.broken or 'every station that could run what is left is out'

    def _finish(self, code, text):
        (self.get_logger().info if code == DONE else self.get_logger().error)(text)
        self.hold()
        self._publish()
        self.finish(code)

    def _trial_ended(self, job, unit, reset, rollout, reason):
        """A trial has ended: on record before anything follows from it."""
        last = rollout or reset
        # Another station may have done it, see `_box`; what refuses a goal says nothing of who it is.
        ran_on = last.unit if last and last.unit else unit
        if self._course.result(job, ran_on, reset, rollout, reason):
            self._pace.ended(self._crew.elapsed_s, self._course.used)

    # ---- orders of the crew ----------------------------------------------------------------
    def reset_goal(self, job):
        """See Orders."""
        return Reset.Goal(trial_id=job.trial_id, task=self.parameters.task, seed=self._course.seed(job),
                          manifest_hash=self._freeze.hash)

    def rollout_goal(self, job):
        """See Orders."""
        candidate = self._course.candidates[job.candidate]
        artifact = candidate['artifact_hash']
        return Rollout.Goal(
            trial_id=job.trial_id, task=self.parameters.task, seed=self._course.seed(job),
            policy_file=self._course.policy_file(job.candidate), policy_commit=candidate['commit'],
            artifact_file=layout.artifact(layout.campaign(self.parameters.run_dir), artifact)
            if artifact else '', manifest_hash=self._freeze.hash)

    def existing(self, unit, job, kind):
        """See Orders."""
        box = self._box(unit, job, kind)
        if box is None:
            return None
        try:
            report = read(box.path(job.trial_id, kind))
            seed, ours = self._course.seed(job), self._freeze.hash
            if report.seed != seed or report.manifest_hash not in ('', ours):
                raise ReportError(f'it is of seed {report.seed} and manifest {report.manifest_hash[:16]}, not of this '
                                  f"campaign's {seed} and {ours[:16]}")
            return report
        except ReportError as error:
            # Damaged, or another campaign's: nobody can tell what came of this trial, and its name is taken.
            self._finish(BROKEN, f'expected a report of {job.trial_id}, {error}: put the file right or begin a new run')
            raise

    def _box(self, unit, job, kind):
        """Return the Outbox that has the report of ``kind``, or None.

        ``unit``'s own, or that of another one that did all of the job while ``unit`` was out.
        """
        own = self._outboxes[unit]
        boxes = [own, *(box for box in self._outboxes.values() if box is not own)]
        whole = next((box for box in boxes if box.holds(job.trial_id, 'reset') and box.holds(job.trial_id, 'rollout')),
                     None)
        return whole or (own if own.holds(job.trial_id, kind) else None)

    def follows(self, unit, reset):
        """See Orders: not on another station, in a lab that was started anew, or where another trial came after it."""
        if reset.unit != unit or reset.started_at_ns < self.parameters.began_ns:
            return False
        kept, _ = self._outboxes[unit].reports()
        return all(report.started_at_ns <= reset.started_at_ns for report in kept)

    def may_begin(self):
        """See Orders: where the disk is full nothing is begun, no step of the course either."""
        waits = ''
        try:
            self._ledger.keep_room()
        except NoRoom as error:
            waits = str(error)
        if waits != self._waits:
            self.get_logger().warning(f'waits: {waits}' if waits else 'there is room on the disk again: goes on')
        self._waits = waits
        return not waits

    def settled(self, unit):
        """See Orders."""
        self._look()

    def changed(self, unit):
        """See Orders."""
        row = self._jobs.rows[unit]
        self._course.station(unit, 'out' if row.out else 'back', row.out)

    # ---- what goes out ---------------------------------------------------------------------
    def _publish(self):
        p, course = self.parameters, self._course
        message = LabStatus(lab=p.lab, task=p.task, policy=p.policy, trials_wanted=p.trials, simulated=p.simulated)
        message.header.stamp = self.get_clock().now().to_msg()
        message.trials_done = course.used
        message.stage = f'waits: {self._waits}' if self._waits else course.stage
        message.candidates = max(0, len(course.candidates) - 1)
        message.champion = course.champion
        message.champion_successes, message.champion_trials = course.tally(course.champion)
        message.eta_s = math.nan if course.finished else self._pace.eta_s(self._crew.elapsed_s, course.used)
        message.stations = self._crew.stations()
        self._status.publish(message)

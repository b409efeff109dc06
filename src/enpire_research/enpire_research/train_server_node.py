"""Node `train_server`: the action `train` of a lab. It occupies no station.

Serves      train (as many goals at a time as it has slots; one more is refused with a text)
Parameters  TrainServerParameters
Reads       outboxes and data of all stations of the run, the campaign's ledger
Writes      <run_dir>/training/<training_id>/ (train.py, output.log, metrics.jsonl, result.json), and
            <artifacts>/<SHA-256>.onnx before the action's result

On silence: nothing waits for it. A script that is silent is ended when its time budget is used up. If this process
dies, the script and all that it started die with it, and their home is removed.

Each training runs in the sandbox, and stands back by `nice` (see `training.job`). Without a sandbox the node does not
come up, and says what is missing.
"""

import os
import re
import time

from enpire_core import processes
from enpire_core.goals import ABORTED, CANCELED, SUCCEEDED, GoalServer, GoalSlot
from enpire_core.node import ManagedNode
from enpire_core.words import cut
from enpire_interfaces.action import Train
from enpire_interfaces.msg import TrialReport

from enpire_research import layout
from enpire_research.campaign.ledger import LedgerError
from enpire_research.train_server_parameters import TrainServerParameters
from enpire_research.training import job, query, view
from enpire_research.trials.given import read_policy
from enpire_research.trials.policy_process import PolicyFailure
from enpire_safety.sandbox import choice

TRAINING_ID = re.compile(r'[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}')
TRAINING = 'training'
LEAST_MEMORY_BYTES = 64 << 20
STOP_S = 5.0


class _InvalidGoal(Exception):
    def __init__(self, text, code=job.INVALID_GOAL):
        super().__init__(text)
        self.code = code


class TrainServer(ManagedNode):
    """The node."""

    def __init__(self, **kwargs):
        super().__init__('train_server', TrainServerParameters, **kwargs)
        self._server = None
        self._active = False

    def open(self):
        """Find the run's folder and serve the action. NoSandbox where nothing can confine a script here."""
        p = self.parameters
        self._launcher = choice.launcher()
        choice.check_readable(view.visible())
        self._run_dir = os.path.abspath(p.run_dir)
        self._artifacts = os.path.abspath(p.artifacts) if p.artifacts else layout.artifacts(self._run_dir)
        os.makedirs(os.path.join(self._run_dir, TRAINING), mode=0o700, exist_ok=True)
        # What a script leaves behind becomes our child, so that it is found.
        processes.adopt_orphans()
        self._server = GoalServer(self, Train, 'train', self._on_train, GoalSlot(p.slots), busy=job.BUSY,
                                  internal=job.INTERNAL)
        self.opened.callback(self._server.close, STOP_S)

    def start(self):
        """Take goals from now on."""
        self._active = True

    def hold(self):
        """Cancel what runs."""
        self._active = False
        if self._server is not None and not self._server.stop(STOP_S):
            self.get_logger().error(f'a training did not stop within {STOP_S:g} s')

    # ---- goals -----------------------------------------------------------------------------
    def _on_train(self, goal, context):
        try:
            job_, hooks = self._job(goal), self._hooks(context)
        except (_InvalidGoal, query.QueryError) as error:
            result = Train.Result(error_code=getattr(error, 'code', job.INVALID_GOAL), error_msg=str(error),
                                  status=TrialReport.STATUS_FAILED)
            return ABORTED, result
        self.get_logger().info(f'training {goal.training_id}: begins, with {len(job_.trials)} trials')
        outcome = job.run(job_, hooks)
        self.get_logger().info(f'training {goal.training_id}: ' + (
            f'artifact {outcome.artifact_hash}' if outcome.code == 0 else f'{outcome.code}: {outcome.text}'))
        return self._answer(outcome)

    def _job(self, goal):
        """Return the Job of ``goal``, its folder made; _InvalidGoal, QueryError."""
        self._check(goal)
        wanted = query.parse(goal.trial_query)
        try:
            source, _ = read_policy(goal.train_file, 'train_file', 'a training script')
        except PolicyFailure as failure:
            raise _InvalidGoal(failure.text, job.UNREADABLE) from failure
        folder = os.path.join(self._run_dir, TRAINING, goal.training_id)
        trials = ()
        if not wanted.none:
            known, problems = self._known(self.parameters.task or goal.task)
            trials = query.choose(wanted, known)
            for problem in problems:
                self.get_logger().warning(f'training {goal.training_id}: left out: {problem}')
            if not trials:
                raise _InvalidGoal(f'trial_query: expected trials that meet {cut(goal.trial_query, 200)!r}, got none '
                                   f'of the {len(known)} with data that may be learned from')
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            raise _InvalidGoal(f'training_id: expected a new one, {goal.training_id!r} is taken: {folder}') from None
        return job.Job(source, goal.seed, goal.time_budget_s, goal.memory_budget_bytes, self.parameters.threads,
                       trials, folder, self._artifacts, self.parameters.nice)

    def _known(self, task):
        try:
            known, problems = query.read_run(self._run_dir)
        except LedgerError as error:
            raise _InvalidGoal(f'trial_query: expected a ledger that tells the trials of the exam apart: {error}'
                               ) from error
        return [one for one in known if one.report.task == (task or one.report.task)], problems

    def _check(self, goal):
        p = self.parameters
        if not self._active:
            raise _InvalidGoal('the train server is not active: activate it first')
        if not TRAINING_ID.fullmatch(goal.training_id):
            raise _InvalidGoal('training_id: expected 1 to 64 characters [A-Za-z0-9._-], the first no dot, got '
                               f'{cut(goal.training_id)!r}')
        if p.task and goal.task not in ('', p.task):
            raise _InvalidGoal(f'task: expected {p.task!r}, which this lab runs, got {cut(goal.task)!r}')
        if not goal.train_file:
            raise _InvalidGoal('train_file: expected the path of a script, got none')
        if not 0.0 < goal.time_budget_s <= p.time_budget_max_s:
            raise _InvalidGoal(f'time_budget_s: expected more than 0 and at most {p.time_budget_max_s:g} s, got '
                               f'{goal.time_budget_s!r}')
        if not LEAST_MEMORY_BYTES <= goal.memory_budget_bytes <= p.memory_budget_max_bytes:
            raise _InvalidGoal(f'memory_budget_bytes: expected {LEAST_MEMORY_BYTES} to {p.memory_budget_max_bytes}, '
                               f'got {goal.memory_budget_bytes}')

    def _hooks(self, context):
        def feedback(step, metrics, elapsed_s, text):
            context.feedback(Train.Feedback(step=step, metric_names=list(metrics), metric_values=list(metrics.values()),
                                            elapsed_s=elapsed_s, text=text))
        return job.Hooks(time.monotonic, feedback, 1.0 / self.parameters.feedback_rate_hz,
                         lambda: context.cancelled, self.get_logger().warning, dict(os.environ), self._launcher)

    def _answer(self, outcome):
        result = Train.Result(
            error_code=outcome.code, error_msg=outcome.text, artifact_file=outcome.artifact_file,
            artifact_hash=outcome.artifact_hash, metric_names=list(outcome.metrics),
            metric_values=list(outcome.metrics.values()), wall_duration_s=outcome.wall_s, cpu_duration_s=outcome.cpu_s)
        if outcome.code == job.NONE:
            result.status = TrialReport.STATUS_SUCCEEDED
            return SUCCEEDED, result
        if outcome.code == job.CANCELED:
            result.status = TrialReport.STATUS_CANCELED
            return CANCELED, result
        result.status = TrialReport.STATUS_FAILED
        return ABORTED, result

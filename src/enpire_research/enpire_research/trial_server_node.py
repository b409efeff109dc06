"""Node `trial_server`: the actions `reset` and `rollout` of one station.

Serves      reset, rollout (one goal at a time over both; a second one is refused with a text)
Publishes   markers (visualization_msgs/MarkerArray: the task's outlines, the last verdict); through its
            second node `trial_link`: joint_trajectory_request, sim/keep_alive
Subscribes  through `trial_link`: joint_states, safety_state, and <camera>/color/image_raw on demand
Calls       arm_driver/begin_episode, arm_driver/end_episode, safety_gate/select_limits
Parameters  TrialServerParameters
Writes      <run_dir>/outbox/<trial>.<phase>.json before the action's result, <run_dir>/policy_logs/,
            <run_dir>/data/<trial>.npz soon after it, for training

Before each goal the manifest is made anew: where it differs from that at the start, or from the goal's, the goal is
refused and the files are named. Then the room of its result is reserved on the disk: where there is none, the goal is
refused too, so that what is begun can be written.

On silence: a driver, gate or camera that says nothing makes the trial void, with the reason. A policy
that says nothing fails its trial. If this process dies, the gate's and the driver's own stops end the
motion; policies die with it.
"""

import os
import re
import time
from dataclasses import dataclass

from enpire_core import qos
from enpire_core.goals import ABORTED, CANCELED, SUCCEEDED, GoalServer, GoalSlot
from enpire_core.node import ManagedNode
from enpire_core.room import NoRoom
from enpire_core.ticks import TICK_S
from enpire_drivers.sim import rendering
from enpire_drivers.sim.scene import load_scene
from enpire_interfaces.action import Reset, Rollout
from enpire_tasks import registry
from visualization_msgs.msg import MarkerArray

from enpire_research import conversions, markers
from enpire_research.trial_server_parameters import TrialServerParameters
from enpire_research.trials import manifest
from enpire_research.trials import report as reports
from enpire_research.trials.graph_station import GraphStation, Silence
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.policy_process import PolicyHosts
from enpire_research.trials.recording import DATA, DataFolder, Recording
from enpire_research.trials.reset import MAX_TRIES, run_reset
from enpire_research.trials.rollout import MAX_ATTEMPTS, run_rollout
from enpire_research.trials.trial_setup import Hooks, make_setup, robot_limits_file

TRIAL_ID = re.compile(r'[A-Za-z0-9._-]{1,64}')
STOP_S = 4.0


@dataclass(frozen=True)
class Progress:
    """What is under way, for feedback; replaced as a whole, so that no lock is needed."""

    step: int = 0
    attempt: int = 0
    text: str = 'waiting for the station'


class _InvalidGoal(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class TrialServer(ManagedNode):
    """The node. ``task``: for tests, instead of the one that the parameter names."""

    def __init__(self, task=None, **kwargs):
        super().__init__('trial_server', TrialServerParameters, **kwargs)
        self._task = task
        self._slot = GoalSlot()
        self._servers = []
        self._active = False
        self._goal_context = self._feedback = None
        self._progress, self._ticks, self._began_s = Progress(), 0, 0.0

    # ---- life cycle ------------------------------------------------------------------------
    def open(self):
        """Read task, limits and scene; create the link to the station, the actions, the markers.

        NoSandbox, with what is missing, where nothing can confine a policy here.
        """
        p = self.parameters
        task = self._task or registry.get(p.task)
        limit_files = (p.robot_limits or robot_limits_file(), p.task_limits or task.limits_file)
        self._setup = make_setup(task, *limit_files)
        scene_folder = p.scene or os.path.join(os.path.dirname(os.path.abspath(p.run_dir)), 'scene')
        scene = load_scene(scene_folder)
        self._freeze = manifest.Freeze(task.folder, limit_files, scene_folder)
        self._outbox = Outbox(os.path.join(p.run_dir, 'outbox'))
        self._logs = os.path.join(p.run_dir, 'policy_logs')
        os.makedirs(self._logs, mode=0o700, exist_ok=True)
        self._data = DataFolder(os.path.join(p.run_dir, DATA), self.get_logger().warning, p.data_bytes)
        self.opened.callback(self._data.close)
        self._hosts = PolicyHosts()
        self.opened.callback(self._hosts.close)
        self._station = GraphStation(
            p.unit, self.get_namespace(), lambda name, w, h: rendering.camera_info(scene.model, name, w, h),
            simulated=p.simulated, context=self.context,
            silence=Silence(p.driver_silence_s, p.gate_silence_s, p.camera_silence_s))
        self.opened.callback(self._station.close)
        self._markers = self.own(self.create_publisher(MarkerArray, 'markers', qos.STATE))
        self._open_actions()
        self.own(self.create_steady_timer(1.0 / p.feedback_rate_hz, self._send_feedback))
        self._outlines = markers.outlines(task.outlines(), p.unit)
        self._markers.publish(self._outlines)

    def _open_actions(self):
        self._servers = [
            GoalServer(self, Reset, 'reset', self._on_reset, self._slot, busy=Reset.Result.ERROR_BUSY,
                       internal=Reset.Result.ERROR_INTERNAL),
            GoalServer(self, Rollout, 'rollout', self._on_rollout, self._slot, busy=Rollout.Result.ERROR_BUSY,
                       internal=Rollout.Result.ERROR_INTERNAL)]
        for server in self._servers:
            self.opened.callback(server.close, STOP_S)

    def start(self):
        """Take goals from now on."""
        self._active = True
        # The first policy's interpreter starts before anybody asks for it.
        self._hosts.prepare()

    def hold(self):
        """Cancel what runs: the arms hold, the world stands still."""
        self._active = False
        for server in self._servers:
            if not server.stop(STOP_S):
                self.get_logger().error(f'a goal did not stop within {STOP_S:g} s')

    # ---- goals -----------------------------------------------------------------------------
    def _on_reset(self, goal, context):
        result = Reset.Result()
        try:
            self._check(goal, reports.RESET, result)
            if not 0 <= goal.max_tries <= MAX_TRIES:
                raise _InvalidGoal(result.ERROR_INVALID_GOAL, f'max_tries: expected 0 (three) or 1 to {MAX_TRIES}, '
                                   f'got {goal.max_tries}')
        except _InvalidGoal as error:
            return self._refuse(result, error)
        self._hosts.prepare()
        report = self._run(context, Reset.Feedback, lambda hooks: run_reset(
            self._setup, self._station, conversions.reset_goal(goal), hooks, self._freeze.hash))
        # A reset without a confirmed start is no success of the action.
        return self._finish(report, result, ABORTED)

    def _on_rollout(self, goal, context):
        result = Rollout.Result()
        try:
            self._check(goal, reports.ROLLOUT, result)
            self._check_rollout(goal, result)
        except _InvalidGoal as error:
            return self._refuse(result, error)
        log = os.path.join(self._logs, f'{goal.trial_id}.log')
        recording = Recording(self.parameters.data_frames)
        report = self._run(context, Rollout.Feedback, lambda hooks: run_rollout(
            self._setup, self._station, self._hosts, conversions.rollout_goal(goal), hooks, log, self._freeze.hash,
            recording))
        # A verdict was reached, whichever it is.
        answer = self._finish(report, result, SUCCEEDED)
        # The result is on disk: whatever becomes of the data, it stays.
        self._data.put(report, recording)
        return answer

    def _check(self, goal, phase, result):
        task = self._setup.task.name
        if not self._active:
            raise _InvalidGoal(result.ERROR_INVALID_GOAL, 'the trial server is not active: activate it first')
        if goal.task not in ('', task):
            raise _InvalidGoal(result.ERROR_UNKNOWN_TASK, f'task: this station runs {task!r}, got {goal.task!r}')
        if not TRIAL_ID.fullmatch(goal.trial_id):
            raise _InvalidGoal(result.ERROR_INVALID_GOAL, 'trial_id: expected 1 to 64 characters [A-Za-z0-9._-], got '
                               f'{goal.trial_id!r}')
        if self._outbox.holds(goal.trial_id, phase):
            raise _InvalidGoal(result.ERROR_INVALID_GOAL, f'trial_id: {goal.trial_id!r} has a result of its {phase} '
                               'already: give each trial an id of its own')
        self._check_manifest(goal, result)
        try:
            self._outbox.reserve()
        except NoRoom as error:
            raise _InvalidGoal(result.ERROR_NO_ROOM, str(error)) from error

    def _check_manifest(self, goal, result):
        changed = self._freeze.changed()
        if changed:
            raise _InvalidGoal(result.ERROR_MANIFEST, 'expected what is frozen as it was when this trial server began, '
                               f'got another {manifest.named(changed)}: put it back, or start the lab anew')
        if goal.manifest_hash not in ('', self._freeze.hash):
            raise _InvalidGoal(result.ERROR_MANIFEST, f'manifest_hash: expected {goal.manifest_hash}, what is frozen '
                               f'here has {self._freeze.hash}: a file of task, limits, scene or trial code, or a '
                               'library, differs')

    def _check_rollout(self, goal, result):
        episode_s = self._setup.task.episode_s
        if not 0 <= goal.max_attempts <= MAX_ATTEMPTS:
            raise _InvalidGoal(result.ERROR_INVALID_GOAL, f'max_attempts: expected 0 (one) or 1 to {MAX_ATTEMPTS}, '
                               f'got {goal.max_attempts}')
        if not 0.0 <= goal.episode_s <= episode_s:
            raise _InvalidGoal(result.ERROR_INVALID_GOAL, f'episode_s: expected 0 (the task\'s) to {episode_s:g} s, '
                               f'got {goal.episode_s!r}')
        if not goal.policy_file:
            raise _InvalidGoal(result.ERROR_INVALID_GOAL, 'policy_file: expected the path of a policy, got none')

    def _refuse(self, result, error):
        result.error_code, result.error_msg = error.code, str(error)
        return ABORTED, result

    def _run(self, context, feedback, phase):
        """Run ``phase(hooks)`` with feedback from the timer; return its Report."""
        self._progress, self._ticks, self._began_s = Progress(), 0, time.monotonic()
        self._feedback, self._goal_context = feedback, context
        hooks = Hooks(cancelled=lambda: context.cancelled, on_tick=self._on_tick, log=self.get_logger().info,
                      progress=lambda *what: setattr(self, '_progress', Progress(*what)), wall_ns=time.time_ns)
        try:
            return phase(hooks)
        finally:
            self._goal_context = None

    def _finish(self, report, result, outcome):
        # On disk before anybody hears of it.
        self._outbox.put(report)
        result.report = conversions.report_to_message(report)
        result.error_code, result.error_msg = report.error_code, report.error_msg
        if report.error_msg:
            self.get_logger().info(f'{report.trial_id} {report.phase}: {report.status}: {report.error_msg}')
        shown = MarkerArray(markers=[*self._outlines.markers, markers.verdict(report, self.parameters.unit)])
        self._markers.publish(shown)
        if report.status == reports.SUCCEEDED:
            outcome = SUCCEEDED
        elif report.status == reports.CANCELED:
            outcome = CANCELED
        elif report.status != reports.FAILED:
            outcome = ABORTED
        return outcome, result

    # ---- feedback --------------------------------------------------------------------------
    def _on_tick(self):
        self._ticks += 1

    def _send_feedback(self):
        context, progress = self._goal_context, self._progress
        if context is None:
            return
        message = self._feedback(step=progress.step, attempt=progress.attempt, text=progress.text)
        message.elapsed_s = self._ticks * TICK_S
        if hasattr(message, 'real_time_factor'):
            wall_s = time.monotonic() - self._began_s
            message.real_time_factor = message.elapsed_s / wall_s if wall_s > 0 else float('nan')
        context.feedback(message)

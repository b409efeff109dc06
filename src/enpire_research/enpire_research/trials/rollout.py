"""One rollout: a policy drives, then dies; the arms retreat; the frozen verifier judges.

The same function on the graph and in the direct runner. Nothing that a policy does makes the result
VOID: whatever comes from its side ends FAILED, with a code of Rollout.action and a text.
"""

import os
from dataclasses import dataclass

import numpy as np

from enpire_core import seeds
from enpire_core.errors import MotionRefused, TimeUp
from enpire_core.ticks import NANOSECONDS
from enpire_research import layout
from enpire_research.trials import policy_process, wire
from enpire_research.trials import report as reports
from enpire_research.trials.drive import Eyes
from enpire_research.trials.episode import Codes, Episode
from enpire_research.trials.given import keep, read_artifact, read_policy
from enpire_research.trials.policy_process import BAD_ACTION, CPU, PolicyFailure
from enpire_research.trials.report import Attempt, Report
from enpire_research.trials.retreat import judge, retreat
from enpire_research.trials.robot import Robot
from enpire_research.trials.trial_setup import RESET_PROFILE, ROLLOUT_PROFILE
from enpire_tasks.types import SUCCESS, UNKNOWN

# Codes and steps of Rollout.action; a test compares them with the file.
OUTPUT, REFUSED, NOT_JUDGED = 211, 212, 213
CODES = Codes(station_fault=214, latched=216, cancelled=217, internal=218)
STARTING, POLICY, RETREAT, VERDICT = 1, 2, 3, 4
MAX_ATTEMPTS = 8
# An honest policy asks once a tick and for each camera once; this many without a tick is a loop. More
# would be time on our own account: the policy's budgets don't meter what it takes to answer it.
MAX_EXCHANGES_A_TICK = 100


@dataclass(frozen=True)
class RolloutGoal:
    """What a rollout shall do; see Rollout.action. ``episode_s`` 0: the task's; ``artifact_file`` '': none."""

    trial_id: str
    seed: int
    policy_file: str
    policy_commit: str = ''
    episode_s: float = 0.0
    max_attempts: int = 1
    artifact_file: str = ''


def run_rollout(setup, station, hosts, goal, hooks, log_path, manifest_hash='', recording=None):
    """Run one rollout and return its Report. Raises nothing that a policy or a station can bring about.

    ``setup``: TrialSetup; ``station``: Station; ``hosts``: PolicyHosts; ``goal``: RolloutGoal;
    ``log_path``: file for what the policy prints; copies of policy and artifact go into
    `policies/` and `artifacts/` beside its folder;
    ``recording``: a Recording that notes what the policy sees and asks for; None: nobody does.
    """
    report = Report(station.unit, setup.task.name, goal.trial_id, reports.ROLLOUT, goal.seed, station.simulated,
                    policy_file=goal.policy_file, policy_commit=goal.policy_commit, manifest_hash=manifest_hash,
                    goal={'episode_s': goal.episode_s, 'max_attempts': goal.max_attempts})
    episode = Episode(station, report, hooks, CODES)
    return episode.run(_Rollout(setup, station, hosts, goal, hooks, log_path, episode, recording).run)


class _Rollout:
    def __init__(self, setup, station, hosts, goal, hooks, log_path, episode, recording):
        self._setup, self._station, self._hosts, self._goal = setup, station, hosts, goal
        self._hooks, self._log_path, self._episode, self._recording = hooks, log_path, episode, recording
        self._report = episode.report
        self._process = self._drive = None
        self._attempts = max(1, goal.max_attempts)

    def run(self):
        try:
            self._load()
        except PolicyFailure as failure:
            self._fail(failure)
            self._end_policy()
            return
        except BaseException:
            self._end_policy()
            raise
        try:
            self._drive = self._episode.begin(ROLLOUT_PROFILE)
            self._episode.policy_moved = True
            self._run_attempts()
        finally:
            self._end_policy()
        if self._process.dropped_output and self._report.error_code == 0:
            self._report.error_code = OUTPUT
            self._report.error_msg = (f'the policy printed more than {policy_process.LOG_BYTES} bytes: '
                                      f'{self._process.dropped_output} were dropped (the trial counts)')

    # ---- the policy's process --------------------------------------------------------------
    def _load(self):
        self._hooks.progress(STARTING, 1, 'starting the policy')
        source, self._report.policy_hash = read_policy(self._goal.policy_file)
        station = os.path.dirname(os.path.dirname(self._log_path))
        keep(layout.policy(station, self._report.policy_hash), source.encode())
        artifact = b''
        if self._goal.artifact_file:
            artifact, self._report.artifact_hash = read_artifact(self._goal.artifact_file)
            keep(layout.artifact(station, self._report.artifact_hash), artifact)
        self._process = self._hosts.take()
        # The policy's seed follows from the trial's, but not the other way round.
        start = {'source': source, 'artifact': artifact, 'seed': seeds.derive('policy', self._goal.seed),
                 'model': self._setup.model, 'limits': self._setup.motion[ROLLOUT_PROFILE].to_dict()}
        self._process.load(start, self._log_path, self._station.waiting, self._hooks.cancelled)

    def _end_policy(self):
        if self._process is not None:
            left = self._process.kill()
            if left:
                self._hooks.log(f'processes of the policy that could not be killed: {left}')
            if self._process.log_trouble:
                self._hooks.log(self._process.log_trouble)

    def _ask(self, message):
        return self._process.ask(message, self._station.waiting, self._hooks.cancelled)

    # ---- attempts --------------------------------------------------------------------------
    def _run_attempts(self):
        drive, station = self._drive, self._station
        episode_s = self._setup.task.episode_s
        if 0.0 < self._goal.episode_s <= episode_s:
            episode_s = self._goal.episode_s
        drive.deadline_ns, drive.episode_s = drive.start_ns + int(episode_s * NANOSECONDS), episode_s
        message = {'state': wire.pack_state(drive.state), 'deadline_ns': drive.deadline_ns,
                   'camera_periods': {name: station.camera_period(name) for name in station.cameras()},
                   'camera_infos': [wire.pack_camera_info(station.camera_info(name)) for name in station.cameras()]}
        for attempt in range(1, self._attempts + 1):
            message = self._attempt(attempt, message)
            if message is None:
                return

    def _attempt(self, number, message):
        """One attempt and its verdict; returns the answer to go on with, or None at the end."""
        self._report.tries = number
        self._hooks.progress(POLICY, number, 'the policy drives')
        start_ns, failure, ended = self._drive.state.stamp_ns, None, 'failed'
        try:
            ended = self._serve(message)
        except PolicyFailure as caught:
            failure = caught
        goes_on = ended == 'finish_attempt' and number < self._attempts
        if goes_on:
            self._process.pause()
        else:
            # Killing may take seconds (a fork bomb): the world shall not take us for dead.
            self._station.waiting()
            self._end_policy()
            self._station.waiting()
            self._hosts.prepare()
        left_ns = self._drive.deadline_ns - self._drive.state.stamp_ns
        verdict, notes = self._judged(number)
        self._record(number, start_ns, verdict, failure, notes)
        if not goes_on or self._report.status == reports.SUCCEEDED:
            return None
        self._station.select_limits(ROLLOUT_PROFILE)
        self._drive.deadline_ns = self._drive.state.stamp_ns + left_ns
        self._process.resume()
        return {'state': wire.pack_state(self._drive.state), 'deadline_ns': self._drive.deadline_ns,
                'attempt': {'success': False, 'score': verdict.score, 'reason': verdict.reason,
                            'attempts_left': self._attempts - number}}

    def _serve(self, message):
        """Answer the policy until it ends, and return how: 'done', 'finish_attempt' or 'time_up'."""
        exchanges, ticks = 0, self._drive.ticks
        while True:
            asked = self._ask(message)
            if self._drive.ticks != ticks:
                exchanges, ticks = 0, self._drive.ticks
            exchanges += 1
            if exchanges > MAX_EXCHANGES_A_TICK:
                raise PolicyFailure(CPU, f'expected a motion or robot.wait() now and then, got {exchanges} other '
                                    'requests in one tick')
            op = asked.get('op')
            if op in ('done', 'finish_attempt'):
                return op
            if op == 'step':
                try:
                    message = self._step(asked)
                except TimeUp as error:
                    self._process.last_word({'time_up': str(error)})
                    return 'time_up'
            elif op == 'capture':
                message = self._capture(asked)
            else:
                raise PolicyFailure(BAD_ACTION, f'the policy wrote into the pipe itself: {wire.shown(asked)}')

    def _step(self, asked):
        try:
            positions = wire.unpack_array(asked.get('positions'), 'positions')
            efforts = asked.get('efforts')
            efforts = wire.unpack_array(efforts, 'efforts') if efforts else np.zeros_like(positions)
        except wire.WireError as error:
            raise PolicyFailure(BAD_ACTION, f'the policy wrote into the pipe itself: {error}') from error
        if not (np.isfinite(positions).all() and np.isfinite(efforts).all()):
            raise PolicyFailure(BAD_ACTION, 'expected finite positions and efforts, got NaN or infinity')
        if self._recording is not None:
            self._recording.step(self._drive.state, positions)
        try:
            state = self._drive.step(positions, efforts)
        except MotionRefused as refused:
            self._process.last_word({'state': wire.pack_state(self._drive.state), 'refused': {
                'text': str(refused), 'rule': refused.rule, 'joint': refused.joint, 'limit': refused.limit,
                'value': refused.value, 'unit': refused.unit}})
            raise PolicyFailure(REFUSED, f'the safety gate refused a motion: {refused}') from refused
        return {'state': wire.pack_state(state)}

    def _capture(self, asked):
        camera = asked.get('camera')
        if camera not in self._station.cameras():
            return {'error': f'camera: expected one of {", ".join(self._station.cameras())}, got {wire.shown(camera)}'}
        frame = self._drive.capture(camera)
        if self._recording is not None:
            self._recording.frame(frame, self._drive.camera_info(camera))
        return {'frame': self._process.show(frame)}

    # ---- retreat and verdict ---------------------------------------------------------------
    def _judged(self, number):
        drive = self._drive
        drive.deadline_ns = None
        self._hooks.progress(RETREAT, number, 'retreat')
        self._station.select_limits(RESET_PROFILE)
        robot = Robot(drive, self._setup.motion[RESET_PROFILE], self._setup.kinematics)
        notes = retreat(robot)
        self._hooks.progress(VERDICT, number, 'the verifier looks')
        eyes = Eyes(drive)
        return judge(lambda: self._setup.task.verify(eyes), robot, self._hooks.log), notes

    def _record(self, number, start_ns, verdict, failure, notes):
        """Enter the verdict on an attempt; a policy's own failure counts whatever the scene looks like."""
        report = self._report
        report.score, report.frames_digest = verdict.score, verdict.frames_digest
        report.measurements = dict(verdict.measurements)
        report.error_code, report.error_msg = 0, ''
        succeeded = failure is None and verdict.answer == SUCCESS
        report.status = reports.SUCCEEDED if succeeded else reports.FAILED
        if failure is not None:
            self._fail(failure)
        elif verdict.answer == UNKNOWN:
            report.error_code = NOT_JUDGED
            report.error_msg = f'after the retreat the verifier could not tell: {verdict.reason}'
        for note in notes:
            self._hooks.log(note)
        reason = '; '.join([report.error_msg.split('\n')[0] or verdict.reason, *notes])
        report.attempts.append(Attempt(number, start_ns, self._drive.state.stamp_ns, report.status, verdict.score,
                                       reason))

    def _fail(self, failure):
        self._report.status = reports.FAILED
        self._report.error_code, self._report.error_msg = failure.code, failure.text

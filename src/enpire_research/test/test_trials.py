"""Resets and rollouts on a direct station: verdicts, attempts, faults, cancels, and the same bits again."""

import math
import re

import pytest
import trial_helpers
from enpire_core.types import JointCommand
from enpire_research.trials import report as reports
from enpire_research.trials import reset
from enpire_research.trials.replay import compare
from enpire_research.trials.station import Latched, StationFault
from enpire_research.trials.trial_setup import Hooks
from enpire_tasks.types import FAILURE, SUCCESS, UNKNOWN, Judgement, SceneNotFound

NAN = float('nan')
START = (0.32, -0.05, 0.03, 1, 0, 0, 0)


@pytest.fixture
def lab(tmp_path):
    runner, task = trial_helpers.runner(tmp_path)
    with runner:
        yield runner, task


def log_of(runner, name):
    with open(f'{runner._logs}/{name}.log', encoding='utf-8') as handle:
        return handle.read()


def test_a_good_policy_succeeds_and_its_report_holds_what_a_ledger_needs(lab):
    runner, _ = lab
    report = runner.rollout('t', 5, trial_helpers.policy('push_left'))
    assert (report.status, report.error_code, report.error_msg) == (reports.SUCCEEDED, 0, '')
    assert report.score == 1.0 and report.measurements['left_px'] > 0
    assert report.ticks * 1_000_000_000 // 30 == report.end_ns - report.start_ns
    assert (report.tries, len(report.attempts), report.attempts[0].status) == (1, 1, reports.SUCCEEDED)
    for name in ('policy_hash', 'state_digest_before', 'state_digest_after', 'trajectory_digest', 'frames_digest'):
        assert len(getattr(report, name)) == 64, name
    assert re.fullmatch(r't\.rollout\.[0-9a-f]{64}\.npz', report.state_record) and report.simulated


def test_the_same_record_gives_the_same_bits_again_and_another_seed_does_not(lab, tmp_path):
    runner, _ = lab
    first = runner.rollout('t', 5, trial_helpers.policy('dice'))
    record = tmp_path / 'records' / first.state_record
    runner.restore(str(record))
    again = runner.rollout('t', 5, trial_helpers.policy('dice'))
    assert compare(first, again, 'direct').same, compare(first, again, 'direct').differences
    runner.restore(str(record))
    other = runner.rollout('t', 6, trial_helpers.policy('dice'))
    assert other.trajectory_digest != first.trajectory_digest
    assert other.state_digest_before == first.state_digest_before


def test_an_act_policy_gets_images_and_poses_and_ends_with_done(lab):
    runner, _ = lab
    report = runner.rollout('t', 5, trial_helpers.policy('acts'))
    assert report.error_code == 0, report.error_msg
    # 20 ticks of 2 mm below where it was measured; friction takes a part of each.
    assert 0.002 < float(log_of(runner, 't').split('lowered by')[1]) < 0.042


def test_a_policy_may_fail_learn_and_succeed_in_its_next_attempt(lab):
    runner, _ = lab
    report = runner.rollout('t', 5, trial_helpers.policy('tries_again'), max_attempts=2)
    assert (report.status, report.tries) == (reports.SUCCEEDED, 2), report.error_msg
    assert [one.status for one in report.attempts] == [reports.FAILED, reports.SUCCEEDED]
    assert report.attempts[0].end_ns == report.attempts[1].start_ns
    assert 'answer False 1' in log_of(runner, 't')


def test_without_attempts_left_finish_attempt_ends_the_rollout(lab):
    runner, _ = lab
    report = runner.rollout('t', 5, trial_helpers.policy('tries_again'))
    assert (report.status, report.tries, report.error_code) == (reports.FAILED, 1, 0)
    assert 'answer' not in log_of(runner, 't')


def test_the_retreat_between_attempts_takes_none_of_the_policys_time(lab):
    runner, task = lab
    task.episode_s = 6.0
    report = runner.rollout('t', 5, trial_helpers.policy('tries_again'), max_attempts=2)
    first, second = report.attempts
    assert report.status == reports.SUCCEEDED
    assert (first.end_ns - first.start_ns + second.end_ns - second.start_ns) / 1e9 > task.episode_s


def test_unknown_verdicts_are_looked_at_three_times_and_then_count_as_failed(lab):
    runner, task = lab
    unknown = Judgement(UNKNOWN, NAN, 'the block is hidden')
    task.verdicts = [unknown, unknown, Judgement(SUCCESS, 1.0, 'seen')]
    assert runner.rollout('a', 5, trial_helpers.policy('acts')).status == reports.SUCCEEDED
    task.verdicts = [unknown] * 4
    report = runner.rollout('b', 5, trial_helpers.policy('acts'))
    assert (report.status, report.error_code) == (reports.FAILED, 213)
    assert 'the block is hidden' in report.error_msg and math.isnan(report.score)
    assert len(task.verdicts) == 1


def test_a_verifier_that_raises_counts_as_one_that_cannot_tell(tmp_path):
    runner, task, logged = trial_helpers.logging_runner(tmp_path)
    task.verify = lambda robot: 1 / 0
    with runner:
        report = runner.rollout('t', 5, trial_helpers.policy('acts'))
    assert (report.status, report.error_code) == (reports.FAILED, 213)
    assert 'ZeroDivisionError' in report.error_msg and any('Traceback' in text for text in logged)


def test_a_reset_says_when_it_looks_when_it_moves_and_when_it_checks(tmp_path):
    said = []
    runner, _ = trial_helpers.runner(tmp_path, hooks=Hooks(
        progress=lambda step, attempt, _: said.append((step, attempt))))
    with runner:
        runner.reset('t', 5)
    assert said == [(reset.LOOK, 1), (reset.MOVE, 1), (reset.VERIFY, 1)]


def test_a_crash_counts_as_failed_even_where_the_scene_looks_done(lab):
    runner, task = lab
    task.verdicts = [Judgement(SUCCESS, 0.97, 'done')]
    report = runner.rollout('t', 5, trial_helpers.policy('raises'))
    assert (report.status, report.error_code, report.score) == (reports.FAILED, 206, 0.97)


@pytest.mark.parametrize('fault, status, code', [
    (StationFault('the camera is silent'), reports.VOID, 214),
    (Latched('operator: tripped', 'operator'), reports.VOID, 216),
    (Latched('measured_position: left_joint2', 'measured_position'), reports.FAILED, 216)])
def test_faults_of_ours_void_a_rollout_but_what_the_policy_brought_about_fails_it(lab, fault, status, code):
    runner, _ = lab
    step, count = runner.station.step, []

    def faulty(command):
        count.append(command)
        if len(count) == 10:
            raise fault
        return step(command)
    runner.station.step = faulty
    report = runner.rollout('t', 5, trial_helpers.policy('push_left'))
    assert (report.status, report.error_code) == (status, code)
    assert str(fault) in report.error_msg
    runner.station.step = step
    assert runner.rollout('u', 5, trial_helpers.policy('acts')).error_code == 0


def test_an_exception_of_ours_is_void_with_its_last_line(tmp_path):
    runner, task, logged = trial_helpers.logging_runner(tmp_path)
    task.draw_start = lambda seed: [][1]
    with runner:
        report = runner.reset('t', 5)
    assert (report.status, report.error_code) == (reports.VOID, 110)
    assert 'IndexError' in report.error_msg and any('Traceback' in text for text in logged)


@pytest.mark.parametrize('policy', ['waits', 'sleeps', 'computes'])
def test_a_cancel_is_heard_at_once_whatever_the_policy_does(tmp_path, policy):
    asked, ticks = [], []

    def cancelled():
        if len(ticks) >= 6:  # it has waited for 0.2 s, and now does what it is named after
            asked.append(1)
        return len(asked) > 5
    runner, _ = trial_helpers.runner(tmp_path, hooks=Hooks(cancelled=cancelled, on_tick=lambda: ticks.append(1)))
    with runner:
        report = runner.rollout('t', 5, trial_helpers.policy(policy))
        assert (report.status, report.error_code) == (reports.CANCELED, 217)
        assert len(asked) < 10
        assert runner.station.sim.episode == ('', '')


def test_arms_that_are_cut_off_in_a_motion_come_to_rest_and_the_next_trial_begins(tmp_path):
    running = []
    runner, _ = trial_helpers.runner(tmp_path, hooks=Hooks(cancelled=lambda: len(running) > 40,
                                                          on_tick=lambda: running.append(1)))
    with runner:
        report = runner.rollout('t', 5, trial_helpers.policy('push_left'))
        assert report.status == reports.CANCELED and report.ticks == 41
        state = runner.station.observe()
        # Two seconds of the driver's own stop lie between the cancel and the standing world.
        assert state.stamp_ns == report.end_ns + 2_000_000_000
        assert abs(state.velocities).max() < 0.01
        running.clear()
        assert runner.reset('next', 5).status == reports.SUCCEEDED


def test_the_latched_gate_of_a_station_voids_every_phase(lab):
    runner, _ = lab
    runner.station.gate.trip('an operator tripped the gate')
    reset, rollout = runner.reset('t', 5), runner.rollout('t', 5, trial_helpers.policy('acts'))
    assert (reset.status, reset.error_code) == (reports.VOID, 108)
    assert (rollout.status, rollout.error_code) == (reports.VOID, 216)
    assert 'operator' in reset.error_msg


# ---- resets --------------------------------------------------------------------------------
def test_a_reset_tries_again_and_says_at_which_try_it_succeeded(lab):
    runner, task = lab
    tried = []

    def program(robot, start, attempt):
        tried.append((start, attempt))
        if attempt < 3:
            raise SceneNotFound('nothing red')
    task.reset_program = program
    looks = iter([Judgement(FAILURE, 0.0, 'not there'), Judgement(FAILURE, 0.0, 'not there'),
                  Judgement(SUCCESS, 1.0, 'there')])
    task.verify_start = lambda robot, start: next(looks)
    report = runner.reset('t', 77)
    assert (report.status, report.tries, report.error_code) == (reports.SUCCEEDED, 3, 0)
    assert tried == [(77, 1), (77, 2), (77, 3)]


def always(error):
    def program(robot, start, attempt):
        raise error
    return program


def jump(robot, start, attempt):
    target = robot.get_joint_states().positions.copy()
    target[3] += 1.0
    robot.step(target)


def for_ever(robot, start, attempt):
    while True:
        robot.wait(1.0)


def out_of_reach(robot, start, attempt):
    robot.move_to_pose(1.5, 0, 0.1, math.pi, 0, 0)


@pytest.mark.parametrize('program, code, word', [
    (always(SceneNotFound('nothing red')), 104, 'nothing red'), (jump, 105, 'left_joint4'),
    (for_ever, 103, 'time is up'), (out_of_reach, 103, 'miss by')])
def test_a_reset_that_does_not_come_about_fails_with_the_reason(lab, program, code, word):
    runner, task = lab
    task.reset_s, task.reset_program = 2.0, program
    task.verify_start = lambda robot, start: Judgement(FAILURE, 0.0, 'the block is elsewhere')
    report = runner.reset('t', 1, max_tries=2)
    assert (report.status, report.error_code, report.tries) == (reports.FAILED, code, 2)
    assert word in report.error_msg and 'the block is elsewhere' in report.error_msg


def test_what_a_reset_program_left_behind_is_judged_although_it_failed(lab):
    runner, task = lab
    task.reset_program = always(SceneNotFound('looked too early'))
    report = runner.reset('t', 1)
    assert (report.status, report.tries, report.error_code) == (reports.SUCCEEDED, 1, 0)


def test_the_verifier_gets_cameras_and_no_way_to_move(lab):
    runner, task = lab
    seen = []

    def verify(robot):
        seen.append([name for name in dir(robot) if not name.startswith('_')])
        return Judgement(SUCCESS, 1.0, 'looked')
    task.verify = verify
    runner.rollout('t', 1, trial_helpers.policy('acts'))
    assert seen == [['camera_info', 'capture']]


def test_a_command_for_another_tick_is_a_fault_of_ours(lab):
    runner, _ = lab
    station = runner.station
    station.select_limits('reset')
    station.begin('t', 'reset')
    state = station.observe()
    with pytest.raises(StationFault):
        station.step(JointCommand(state.stamp_ns + 33_333_333, state.positions, state.efforts * 0))

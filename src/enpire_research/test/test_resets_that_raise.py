"""A reset program that raises what nobody thought of: trouble of that try, and ours."""

import cv2
import numpy as np
import pytest
import trial_helpers
from enpire_research.trials import report as reports
from enpire_research.trials.station import Cancelled, Latched, StationFault
from enpire_tasks.types import FAILURE, SUCCESS, Judgement, SceneNotFound


@pytest.fixture
def lab(tmp_path):
    runner, task, logged = trial_helpers.logging_runner(tmp_path)
    task.verify_start = lambda robot, start: Judgement(FAILURE, 0.0, 'the block is elsewhere')
    with runner:
        yield runner, task, logged


def index_error():
    [][1]


def error_of_opencv():
    cv2.cvtColor(np.zeros((2, 2)), cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize('fails, word', ((index_error, 'IndexError'), (error_of_opencv, 'cv2.error')))
def test_the_next_try_follows_after_a_retreat_and_may_succeed(lab, fails, word):
    runner, task, logged = lab
    heights = []

    def program(robot, start, attempt):
        heights.append(robot.tool_pose('left')[2])
        if attempt == 1:
            robot.move_to_pose(0.3, 0.1, 0.12, np.pi, 0.0, 0.0, arm='left')
            heights.append(robot.tool_pose('left')[2])
            fails()
        task.verify_start = lambda robot, start: Judgement(SUCCESS, 1.0, 'there')
    task.reset_program = program
    report = runner.reset('t', 1)
    assert (report.status, report.tries, report.error_code) == (reports.SUCCEEDED, 2, 0), report.error_msg
    home, low, again = heights
    assert abs(again - home) < 0.01 < abs(low - home), 'the arms were not brought home before the second try'
    assert any('Traceback' in text and word in text and 'try 1 of t' in text for text in logged)


def test_a_program_that_raises_at_every_try_is_a_fault_of_ours(lab):
    runner, task, logged = lab
    task.reset_program = lambda robot, start, attempt: index_error()
    report = runner.reset('t', 1)
    assert (report.status, report.error_code, report.tries) == (reports.VOID, 110, 3)
    for word in ('3 tries used', 'IndexError', 'the block is elsewhere'):
        assert word in report.error_msg
    assert sum('Traceback' in text for text in logged) == 3


def test_the_last_try_says_what_the_reset_failed_of(lab):
    runner, task, _ = lab

    def program(robot, start, attempt):
        if attempt < 3:
            index_error()
        raise SceneNotFound('nothing red')
    task.reset_program = program
    report = runner.reset('t', 1)
    assert (report.status, report.error_code, report.tries) == (reports.FAILED, 104, 3)


@pytest.mark.parametrize('error, status, code', (
    (StationFault('the camera is silent'), reports.VOID, 106), (Latched('tripped'), reports.VOID, 108),
    (Cancelled(), reports.CANCELED, 109)))
def test_faults_of_the_station_a_latched_gate_and_a_cancel_end_the_reset_at_once(lab, error, status, code):
    runner, task, _ = lab

    def program(robot, start, attempt):
        raise error
    task.reset_program = program
    report = runner.reset('t', 1)
    assert (report.status, report.error_code, report.tries) == (status, code, 1)

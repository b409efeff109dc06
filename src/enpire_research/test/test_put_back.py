"""An object that the arms can't bring back: a person is asked for, once, before the last try."""

import pytest
import trial_helpers
from enpire_research.trials import report as reports
from enpire_research.trials.station import StationFault

LOST = (0.32, 0.9, 0.03, 1, 0, 0, 0)


@pytest.fixture
def lab(tmp_path):
    runner, task, logged = trial_helpers.logging_runner(tmp_path)
    with runner:
        yield runner, task, logged


def test_a_lost_object_is_put_back_before_the_last_try_and_the_report_says_so(lab):
    runner, _, logged = lab
    runner.station.sim.world.set_object_pose('block', LOST)
    report = runner.reset('t', 1)
    assert (report.status, report.error_code, report.tries, report.put_back) == (reports.SUCCEEDED, 0, 3, True)
    assert any('put back by hand' in text and 'no red block' in text for text in logged)
    again = runner.reset('u', 1)
    assert (again.status, again.tries, again.put_back) == (reports.SUCCEEDED, 1, False)


def test_with_one_try_nobody_is_asked(lab):
    runner, *_ = lab
    runner.station.sim.world.set_object_pose('block', LOST)
    report = runner.reset('t', 1, max_tries=1)
    assert (report.status, report.error_code, report.put_back) == (reports.FAILED, 104, False)


def test_where_nobody_is_at_hand_the_reset_fails(lab):
    runner, *_ = lab
    runner.station.put_back = lambda: False
    runner.station.sim.world.set_object_pose('block', LOST)
    report = runner.reset('t', 1)
    assert (report.status, report.error_code, report.tries, report.put_back) == (reports.FAILED, 104, 3, False)


def test_a_hand_that_fails_is_a_fault_of_the_station(lab):
    runner, *_ = lab

    def hand():
        raise StationFault('the driver does not answer')
    runner.station.put_back = hand
    runner.station.sim.world.set_object_pose('block', LOST)
    report = runner.reset('t', 1)
    assert (report.status, report.error_code) == (reports.VOID, 106) and 'does not answer' in report.error_msg


def test_a_program_that_fails_otherwise_calls_nobody(lab):
    runner, task, _ = lab
    task.reset_program = lambda robot, start, attempt: [][1]
    runner.station.sim.world.set_object_pose('block', LOST)
    report = runner.reset('t', 1)
    assert (report.error_code, report.put_back) == (110, False)

"""Which station runs which trial of a campaign, also when stations fail."""

import pytest
from enpire_research.campaign.jobs import Job, Jobs
from enpire_research.trials import report as reports
from enpire_research.trials.report import Report


def a_report(status=reports.SUCCEEDED, phase=reports.ROLLOUT, **changes):
    return Report(changes.pop('unit', ''), 'push_t', 'x', phase, 1, True, status=status, **changes)


RESET = a_report(phase=reports.RESET)
VOID = a_report(reports.VOID, error_code=214, error_msg='the camera is silent')


class Lab:
    """Jobs, and what they said has ended."""

    def __init__(self, units='ab', resets=6):
        self.ended = []
        self.jobs = Jobs(list(units), lambda *what: self.ended.append(what))
        self.jobs.add([Job(1, 'screen', reset) for reset in range(resets)])

    def run(self, unit, rollout=None):
        """Run the next job of ``unit`` to its end; return its name."""
        job = self.jobs.take(unit)
        assert self.jobs.reset_done(unit, RESET)
        self.jobs.rollout_done(unit, rollout or a_report())
        return job.trial_id


def test_names_say_candidate_purpose_reset_and_repeat():
    assert Job(7, 'screen', 3).trial_id == Job(7, 'screen', 3).key == 'i0007-screen-003'
    assert Job(7, 'exam', 12, repeat=2).trial_id == 'i0007-exam-012-r2'
    assert Job(7, 'exam', 12, repeat=2).key == 'i0007-exam-012'


def test_resets_belong_to_stations_whichever_the_candidate_and_their_order_is_kept():
    lab = Lab()
    lab.jobs.add([Job(2, 'screen', 0), Job(2, 'screen', 1)])
    assert [lab.run('a') for _ in range(4)] == [
        'i0001-screen-000', 'i0001-screen-002', 'i0001-screen-004', 'i0002-screen-000']
    assert lab.jobs.take('a') is None, 'those of b are its own while it is in service'
    assert lab.jobs.left == 4 and not lab.jobs.finished


def test_what_has_ended_is_told_with_its_reports():
    lab = Lab()
    failed = a_report(reports.FAILED, error_msg='beside')
    lab.run('b', failed)
    assert lab.ended == [(Job(1, 'screen', 1), 'b', RESET, failed, '')]
    row = lab.jobs.rows['b']
    assert (row.trials, row.successes, row.reason) == (1, 0, 'beside')


def test_a_void_job_comes_again_on_the_next_station_whenever_it_became_void():
    orders = []
    for done_before in range(3):
        lab = Lab()
        names = [lab.run('b') for _ in range(done_before)]
        lab.run('a', VOID)
        orders.append(names + [lab.run('b') for _ in range(4 - done_before)])
    assert orders == [['i0001-screen-001', 'i0001-screen-003', 'i0001-screen-005', 'i0001-screen-000-r1']] * 3


def test_what_is_void_is_told_with_the_reason():
    lab = Lab()
    lab.run('a', VOID)
    assert lab.ended == [(Job(1, 'screen', 0), 'a', RESET, VOID, 'the camera is silent')]


def test_a_reset_that_failed_and_a_goal_that_was_lost_are_void():
    lab = Lab()
    lab.jobs.take('a')
    failed = a_report(reports.FAILED, reports.RESET, error_code=103, error_msg='not there')
    assert not lab.jobs.reset_done('a', failed)
    lab.jobs.take('a')
    lab.jobs.reset_done('a', RESET)
    lab.jobs.lost('a', 'no feedback')
    assert [what[2:] for what in lab.ended] == [(failed, None, 'not there'), (RESET, None, 'no feedback')]
    assert lab.jobs.rows['a'].voids == 2


def test_with_one_station_a_void_job_comes_again_there():
    lab = Lab('a', 1)
    lab.run('a', VOID)
    assert lab.run('a') == 'i0001-screen-000-r1' and lab.jobs.finished


def test_a_job_that_is_void_at_every_repeat_breaks_the_campaign_and_is_not_finished():
    lab = Lab('ab', 2)
    for unit in 'abab':
        assert not lab.jobs.broken
        while lab.jobs.take(unit).reset != 0:
            lab.jobs.rollout_done(unit, a_report())
        lab.jobs.rollout_done(unit, VOID)
    assert 'i0001-screen-000 was void 4 times' in lab.jobs.broken and 'camera is silent' in lab.jobs.broken
    assert not lab.jobs.finished and len([what for what in lab.ended if what[4]]) == 4


def test_the_others_take_the_jobs_of_a_station_that_is_out_until_it_is_back():
    lab = Lab(resets=8)
    lab.jobs.put_out('b', 'gone')
    assert [lab.run('a') for _ in range(5)][4] == 'i0001-screen-001', 'its own first'
    assert lab.jobs.take('b') is None
    lab.jobs.back('b')
    assert lab.run('b') == 'i0001-screen-003' and lab.jobs.take('a') is None


def test_a_station_that_voids_three_times_in_a_row_is_out_and_its_own_voids_move_on():
    lab = Lab()
    for _ in range(3):
        lab.run('a', VOID)
    assert '3 void trials in a row' in lab.jobs.rows['a'].out and lab.jobs.take('a') is None
    names = [lab.run('b') for _ in range(6)]
    assert sorted(names) == sorted(['i0001-screen-000-r1', 'i0001-screen-002-r1', 'i0001-screen-004-r1',
                                    'i0001-screen-001', 'i0001-screen-003', 'i0001-screen-005'])
    assert lab.jobs.finished


def test_a_station_out_for_its_voids_comes_back_on_trial_and_is_out_for_good_after_three_rests():
    lab = Lab('a', 1)
    lab.jobs.add([Job(2, 'screen', reset) for reset in range(8)])
    row = lab.jobs.rows['a']
    for _ in range(3):
        lab.run('a', VOID)
    for rest in range(3):
        assert row.out and row.resting and row.rests == rest + 1 and not lab.jobs.stuck
        lab.jobs.back('a')
        lab.run('a', VOID)
    assert row.out and not row.resting and lab.jobs.stuck


def test_what_another_station_voided_puts_nobody_else_out():
    lab = Lab(resets=10)
    for report in (a_report(reports.VOID, unit='b'),) * 3 + (a_report(reports.VOID, unit='b', error_code=216),):
        lab.run('a', report)
    lab.run('a', a_report(reports.FAILED, unit='b', error_code=216))
    assert not lab.jobs.rows['a'].out and len(lab.ended) == 5


def test_a_result_after_a_rest_makes_up_for_all_voids_before():
    lab = Lab('a', 6)
    for _ in range(3):
        lab.run('a', VOID)
    lab.jobs.back('a')
    lab.run('a')
    assert lab.jobs.rows['a'].rests == 0
    for _ in range(2):
        lab.run('a', VOID)
    assert not lab.jobs.rows['a'].out


def test_a_latched_station_waits_for_its_operator_and_does_not_rest():
    lab = Lab()
    for _ in range(2):
        lab.run('a', VOID)
    lab.run('a', a_report(reports.VOID, error_code=216, error_msg='latched'))
    assert lab.jobs.rows['a'].latched and not lab.jobs.rows['a'].resting


def test_the_lab_is_stuck_when_all_are_out_and_nobody_is_expected_to_clear_one():
    lab = Lab()
    lab.jobs.put_out('a', 'gone')
    assert not lab.jobs.stuck
    lab.run('b', a_report(reports.VOID, error_code=216, error_msg='latched'))
    assert lab.jobs.rows['b'].latched and not lab.jobs.stuck, 'an operator may clear it'
    lab.jobs.put_out('b', 'gone')
    assert lab.jobs.stuck
    lab.jobs.back('b')
    while not lab.jobs.finished:
        lab.run('b')
    assert not lab.jobs.stuck


def test_a_busy_station_puts_back_and_begins_anew_without_a_void():
    lab = Lab()
    first = lab.jobs.take('a')
    lab.jobs.put_back('a')
    assert lab.jobs.take('a') == first
    lab.jobs.reset_done('a', RESET)
    lab.jobs.begin_anew('a')
    again = lab.jobs.take('a')
    assert again.trial_id == first.trial_id + '-r1' and again.voids == 0 and not lab.ended
    assert lab.jobs.home(again) == 'a'


@pytest.mark.parametrize('code', [107, 215])
def test_where_what_is_frozen_differs_nothing_is_handed_out_any_more_and_nobody_is_blamed(code):
    lab = Lab(resets=6)
    job = lab.jobs.take('a')
    refusal = a_report(reports.UNKNOWN, unit='', error_code=code, error_msg='got another task/verifier.py')
    if code == 215:
        lab.jobs.reset_done('a', RESET)
        lab.jobs.rollout_done('a', refusal)
    else:
        lab.jobs.reset_done('a', refusal)
    row = lab.jobs.rows['a']
    assert lab.jobs.broken == f'a refused {job.trial_id}: got another task/verifier.py'
    assert (row.voids, row.voids_in_a_row, row.out, len(lab.ended)) == (1, 0, '', 1)
    assert lab.jobs.take('a') is None and lab.jobs.take('b') is None and not lab.jobs.finished

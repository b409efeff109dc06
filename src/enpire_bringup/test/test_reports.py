"""Reports from the outboxes, counts, the summary, the live table."""

import io
import math

import pytest
from rich.console import Console

from enpire_bringup import lab as lab_file
from enpire_bringup import summary
from enpire_bringup.reports import Outboxes, Tally, rate, real_time_factor, wilson
from enpire_bringup.view import table
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.report import Attempt, Report


def made(**changes):
    """Return a report: a rollout of 20 simulated and 2 wall seconds that succeeded."""
    fields = dict(
        unit='unit0', task='push_t', trial_id='t1', phase='rollout', seed=1, simulated=True,
        status='succeeded', score=0.9, tries=1, start_ns=10 * 10**9, end_ns=30 * 10**9,
        started_at_ns=100_500_000_000, wall_duration_s=2.0)
    return Report(**dict(fields, **changes))


def test_the_real_time_factor_is_simulated_over_wall_time():
    assert real_time_factor(made()) == 10.0
    assert math.isnan(real_time_factor(made(wall_duration_s=0.0)))
    assert math.isnan(real_time_factor(made(end_ns=10 * 10**9)))


def test_a_report_is_read_once_and_never_before_it_is_whole(tmp_path):
    boxes = Outboxes({'unit0': str(tmp_path), 'unit1': str(tmp_path / 'not yet there')})
    assert boxes.new() == []
    (tmp_path / '.abc.part').write_text('{')
    Outbox(tmp_path).put(made(trial_id='b'))
    Outbox(tmp_path).put(made(trial_id='a', started_at_ns=200 * 10**9))
    assert [report.trial_id for report in boxes.new()] == ['b', 'a']
    assert boxes.new() == []


def test_a_file_that_is_no_report_is_named_and_left_out(tmp_path):
    (tmp_path / 'x.rollout.json').write_text('{"unit": 3}')
    boxes = Outboxes({'unit0': str(tmp_path)})
    assert boxes.new() == []
    assert len(boxes.problems) == 1 and 'x.rollout.json' in boxes.problems[0]
    assert boxes.new() == [] and len(boxes.problems) == 1


def tally_of(*changes):
    tally = Tally()
    for change in changes:
        tally.add(made(**change))
    return tally


def test_voids_and_cancelled_trials_are_not_in_the_rate():
    tally = tally_of({}, {'status': 'failed'}, {'status': 'void'}, {'status': 'canceled'},
                     {'phase': 'reset', 'status': 'void'})
    assert (tally.trials, tally.successes, tally.voids, tally.canceled) == (2, 1, 2, 1)


def test_the_reason_is_the_error_else_the_last_verdict_else_the_status():
    attempt = Attempt(1, 0, 1, 'failed', 0.5, 'T 12 mm off')
    for change, reason in (
            ({'error_msg': 'refused', 'attempts': [attempt]}, 'refused'),
            ({'attempts': [attempt]}, 'T 12 mm off'), ({}, 'failed')):
        assert tally_of({'status': 'failed', **change}).reason == reason


def test_tries_of_resets_are_counted():
    tally = tally_of(*({'phase': 'reset', 'tries': n} for n in (1, 1, 3)),
                     {'phase': 'reset', 'status': 'failed'})
    assert tally.reset_tries == {1: 2, 3: 1} and tally.resets_failed == 1 and tally.trials == 0


def test_the_wilson_interval_is_that_of_the_textbook():
    # 10 of 20: p +- z sqrt(...) around a centre of one half, z = 1.96.
    low, high = wilson(10, 20)
    assert low == pytest.approx(0.2993, abs=1e-4) and high == pytest.approx(0.7007, abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_rate_has_its_number_and_its_interval():
    assert rate(0, 0) == 'none yet'
    assert rate(10, 20) == '10 of 20 (50%, 95% interval 30 to 70%)'


def test_a_lab_without_a_trial_has_a_summary():
    text = summary.text(lab_file.Lab(), [], summary.Times(0.0, 3.0), '/runs/r')
    assert 'no trial began' in text and 'none yet' in text and text.startswith('SIMULATED')


def test_the_time_to_the_first_trial_is_counted_from_the_command():
    reports = [made(trial_id=f't{i}') for i in range(2)]
    text = summary.text(lab_file.Lab(), reports, summary.Times(90.0, 4000.0), '/runs/r')
    assert 'first trial after 10.5 s' in text and 'wall time        1 h 5 min' in text


def test_in_a_run_that_is_gone_on_with_the_first_trial_is_the_first_after_the_command():
    reports = [made(), made(trial_id='t2', started_at_ns=300 * 10**9)]
    text = summary.text(lab_file.Lab(), reports, summary.Times(290.0, 400.0), '/runs/r')
    assert 'first trial after 10.0 s' in text and 'trials           2 of 20' in text


def test_trials_that_died_with_their_trial_server_and_stations_that_are_out_are_told():
    runner = {'stations': {
        'unit0': {'voids': 2, 'given_up': 1, 'out': ''},
        'unit1': {'voids': 3, 'given_up': 0, 'out': 'three voids in a row'}}}
    text = summary.text(lab_file.Lab(), [made(status='void')], summary.Times(0.0, 3.0), '/runs/r', runner)
    assert 'void             5 (faults of the lab; not in the rate), trials given up' in text
    assert 'out              unit1: three voids in a row\nrun folder' in text


def row(**changes):
    fields = {'unit': 'unit0', 'phase': 'rollout', 'trial_id': 't3', 'trials': 4, 'successes': 1,
              'voids': 0, 'real_time_factor': math.nan, 'reason': ''}
    return table.Row(**dict(fields, **changes))


def shown(*rows, width=140, **changes):
    """Return what the table prints."""
    fields = {'lab': 'night', 'task': 'push_t', 'policy': 'start.py', 'simulated': True,
              'wanted': 20, 'elapsed_s': 83.0, 'rows': rows}
    console = Console(file=io.StringIO(), width=width)
    console.print(table.render(table.View(**dict(fields, **changes))))
    return console.file.getvalue()


def test_the_headline_says_first_that_a_lab_is_simulated():
    text = shown(row())
    assert text.startswith('SIMULATED') and '4 of 20 trials' in text and '1:23' in text
    assert shown(row(), simulated=False).startswith('REAL ROBOTS')


def test_a_row_has_rate_interval_and_reason():
    text = shown(row(real_time_factor=12.34, reason='T not\nfound'), row(unit='unit1', phase='OUT'))
    assert '25% (5..70)' in text and '12.3x' in text and 'T not found' in text
    assert 'OUT' in text and 'all' in text


def test_a_reason_that_looks_like_markup_is_shown_as_it_is():
    assert '[red]x[/red]' in shown(row(reason='[red]x[/red]'))


LONG = {'unit': 'a_bench_with_a_name_of_32_letters', 'trial_id': 'push_t_lab-000123', 'trials': 1234,
        'successes': 789, 'voids': 12, 'real_time_factor': 12.34, 'reason': 'x' * 500}


@pytest.mark.parametrize('width', [80, 119, 120, 160])
def test_no_number_is_cut_off_however_long_names_and_reasons_are(width):
    text = shown(row(**LONG), row(), width=width, policy='p' * 200, notes=('n' * 500,))
    assert max(map(len, text.splitlines())) <= width
    line = next(line for line in text.splitlines() if line.startswith('a_bench'))
    assert line.split('rollout ')[1].split()[1:8] == ['789', 'of', '1234', '64%', '(61..67)', '12', '12.3x']
    assert '793 of' not in text and '790 of 1238' in text  # the total
    assert 'successes' in text and 'rate (95%)' in text and 'void' in text and 'real time' in text


def test_a_narrow_terminal_has_the_reasons_below_the_table():
    text = shown(row(reason='T not found'), width=80)
    assert 'last reason' not in text and text.splitlines()[-1] == 'unit0: T not found'
    assert 'last reason' in shown(row(reason='T not found'), width=160)


def test_reports_that_are_in_no_count_are_named():
    text = shown(row(), problems=('a.json: no report', 'b.json: no report'))
    assert 'not counted (2): b.json: no report' in text
    told = summary.text(lab_file.Lab(), [], summary.Times(0.0, 3.0), '/runs/r', problems=['a.json: no report'])
    assert 'not counted      a.json: no report\nrun folder' in told


def test_hours_are_told_as_hours():
    assert '1:12:01' in shown(row(), elapsed_s=4321.0)


def test_a_plain_line_says_unit_trial_status_score_and_reason():
    report = made(status='failed', score=0.5, error_msg='gone\naway')
    tally = Tally(trials=3, successes=2)
    assert table.plain_line(report, tally) == (
        'unit0 t1 rollout FAILED, score 0.500, 10.0x real time; 2 of 3 succeeded: gone away')


def test_a_good_reset_gets_no_line_and_a_void_one_does():
    assert table.plain_line(made(phase='reset'), Tally()) is None
    assert 'reset VOID' in table.plain_line(made(phase='reset', status='void'), Tally())

"""Reports from the outboxes, counts, the summary, the live table."""

import io
import json
import math

import pytest
from rich.console import Console

from enpire_bringup import lab as lab_file
from enpire_bringup import summary
from enpire_bringup.reports import Outboxes, Tally, from_json, rate, wilson
from enpire_bringup.view import table


def values(**changes):
    """Return a decoded report."""
    stamp = {'sec': 10, 'nanosec': 0}
    return dict({
        'unit': 'unit0', 'trial_id': 't1', 'phase': 2, 'status': 1, 'error_code': 0,
        'error_msg': '', 'score': 0.9, 'tries': 1, 'started_at': {'sec': 100, 'nanosec': 500000000},
        'wall_duration_s': 2.0, 'start_stamp': stamp, 'end_stamp': {'sec': 30, 'nanosec': 0},
    }, **changes)


def test_a_report_is_read_with_its_times_in_seconds():
    report = from_json(values())
    assert (report.phase, report.status, report.started_s) == ('rollout', 'SUCCEEDED', 100.5)
    assert report.simulated_s == 20.0 and report.real_time_factor == 10.0


@pytest.mark.parametrize('change', [{'status': 9}, {'phase': 'x'}, {'started_at': 3}])
def test_what_is_no_report_is_refused(change):
    with pytest.raises(ValueError, match='expected a trial report'):
        from_json(values(**change))


def test_a_report_is_read_once_and_never_before_it_is_whole(tmp_path):
    boxes = Outboxes({'unit0': str(tmp_path), 'unit1': str(tmp_path / 'not yet there')})
    assert boxes.new() == []
    (tmp_path / '.abc.part').write_text('{')
    (tmp_path / 'b.json').write_text(json.dumps(values(trial_id='b')))
    (tmp_path / 'a.json').write_text(json.dumps(values(trial_id='a', started_at={
        'sec': 200, 'nanosec': 0})))
    assert [report.trial_id for report in boxes.new()] == ['b', 'a']
    assert boxes.new() == []


def tally_of(*changes):
    tally = Tally()
    for change in changes:
        tally.add(from_json(values(**change)))
    return tally


def test_voids_and_cancelled_trials_are_not_in_the_rate():
    tally = tally_of({}, {'status': 2}, {'status': 3}, {'status': 4}, {'phase': 1, 'status': 3})
    assert (tally.trials, tally.successes, tally.voids, tally.canceled) == (2, 1, 2, 1)


def test_tries_of_resets_are_counted():
    tally = tally_of(*({'phase': 1, 'tries': n} for n in (1, 1, 3)), {'phase': 1, 'status': 2})
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
    reports = [from_json(values(trial_id=f't{i}')) for i in range(2)]
    text = summary.text(lab_file.Lab(), reports, summary.Times(90.0, 4000.0), '/runs/r')
    assert 'first trial after 10.5 s' in text and 'wall time        1 h 5 min' in text


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


def test_a_long_reason_does_not_break_the_table():
    lines = shown(row(reason='x' * 500), width=100).splitlines()
    assert max(map(len, lines)) <= 100


def test_a_plain_line_says_unit_trial_status_score_and_reason():
    report = from_json(values(status=2, score=0.5, error_msg='gone\naway'))
    tally = Tally(trials=3, successes=2)
    assert table.plain_line(report, tally) == (
        'unit0 t1 rollout FAILED, score 0.500, 10.0x real time; 2 of 3 succeeded: gone away')


def test_a_good_reset_gets_no_line_and_a_void_one_does():
    assert table.plain_line(from_json(values(phase=1)), Tally()) is None
    assert 'reset VOID' in table.plain_line(from_json(values(phase=1, status=3)), Tally())

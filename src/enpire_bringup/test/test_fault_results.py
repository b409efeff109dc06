"""What lines about faults sum up to."""

import fault_page
import fault_results
import pytest

LEAVING = {'unit': 'unit0', 'text': 'silence', 'tick': 90, 'speed': 0.9, 'held_s': 0.1, 'still_s': 0.2,
           'way': [0.02] * 14}


def fault(number=0, **changes):
    return {'line': 'fault', 'state': 'now', 'seed': 1, 'number': number, 'kind': 'kill',
            'target': 'unit0.trial_server', 'delay_s': 1.0, 'moving': ['unit0'], 'leavings': [LEAVING], 'anew': [],
            'cleared': {'unit0': 1, 'unit1': 0}, 'ends': [], 'stuck': '', 'over': False, 'works_after_s': 9.0,
            **changes}


def campaign(**changes):
    return {'line': 'campaign', 'state': 'now', 'seed': 1, 'faults': [0], 'finished': 30, 'lost': [], 'twice': [],
            'invented': [], 'waiting': [], 'over': True, 'why': '', 'void': 2, 'unreadable': [], 'verified': True,
            'verify': '', **changes}


def end(**changes):
    return {'said': 'LedgerError: record 7', 'killed': False, 'left': [], **changes}


def test_lines_are_kept_by_state_and_seed(tmp_path):
    path = tmp_path / 'results' / 'faults.jsonl'
    assert fault_results.read(path) == []
    fault_results.add(path, [fault(0), {**fault(1), 'state': 'old'}])
    fault_results.add(path, [{**fault(2), 'seed': 2}, campaign()])
    lines = fault_results.read(path)
    assert len(lines) == 4 and fault_results.of(lines, 'now', 1) == ([fault(0)], [campaign()])
    assert fault_results.newest(lines) == ('now', 1)


def test_a_line_that_is_none_is_named(tmp_path):
    path = tmp_path / 'faults.jsonl'
    path.write_text('{}\n{"line": \n')
    with pytest.raises(ValueError, match='faults.jsonl, line 2: expected a JSON object'):
        fault_results.read(path)


def test_nothing_is_wrong_where_arms_held_in_time_and_the_lab_said_why_it_ended():
    assert fault_results.wrong([fault(ends=[end(), end(said='', killed=True)])], [campaign()]) == []


@pytest.mark.parametrize('changes, words', [
    ({'leavings': [{**LEAVING, 'held_s': 0.133333}]}, 'unit0 held after 0.133333 s'),
    ({'leavings': [{**LEAVING, 'held_s': None}]}, 'unit0 held after None s'),
    ({'ends': [end(said='')]}, 'did not say why'), ({'ends': [end(left=['policy'])]}, 'outlived'),
    ({'stuck': 'waited'}, 'did not go on')])
def test_what_must_not_be_after_a_fault_is_named_with_it(changes, words):
    (found,) = fault_results.wrong([fault(7, **changes)], [])
    assert found.startswith('fault 7 (kill unit0.trial_server): ') and words in found


@pytest.mark.parametrize('changes, words', [
    ({'lost': ['a']}, 'lost: a'), ({'twice': ['b', 'c']}, 'twice: b, c'), ({'invented': ['d']}, 'invented: d'),
    ({'over': False, 'why': 'stuck'}, 'did not come to its end: stuck'),
    ({'verified': False, 'verify': 'a gap'}, 'not verified: a gap')])
def test_what_must_not_be_in_a_campaign_is_named_with_it(changes, words):
    (found,) = fault_results.wrong([], [campaign(), campaign(**changes)])
    assert found.startswith('campaign 1') and words in found


def test_the_summary_says_times_ways_ends_and_trials():
    faults = [fault(0), fault(1, leavings=[{**LEAVING, 'held_s': 0.066667}]), fault(2, leavings=[]),
              fault(3, kind='disk', target='run folder', leavings=[], ends=[end(), end(said='LedgerError: record 31')])]
    said = fault_page.summary(faults, [campaign(), campaign(lost=['x'])])
    assert '4 faults in 2 campaigns: 3 kill, 0 stop, 1 disk' in said
    assert 'left lockstep: 2; held after 0.083 s at the median, 0.100 s at most (n = 2), still: 0.200 s at most' in said
    assert '2 x LedgerError: record n' in said and 'trials finished: 60, void: 4, lost: 1, counted twice: 0' in said
    assert 'WRONG: campaign 1: lost: x' in said


def test_a_time_that_nobody_saw_is_no_small_one():
    lines = [fault(0), fault(1, leavings=[{**LEAVING, 'held_s': None, 'still_s': None}]), campaign()]
    assert '| kill trial_server | 2 | 2 | 2 | 0.100 s | not seen | not seen |' in fault_page.page(lines)


def test_without_a_leaving_no_time_is_told():
    said = fault_page.summary([fault(leavings=[])], [campaign()])
    assert 'left lockstep: 0; no time to hold' in said and 'WRONG' not in said


def test_the_page_has_a_row_for_each_kind_and_process_of_both_stations_together():
    lines = [fault(0), fault(1, target='unit1.trial_server', leavings=[]),
             fault(2, kind='stop', target='lab.research', leavings=[]), campaign()]
    page = fault_page.page([{**line, 'state': 'old'} for line in lines[:1]] + lines)
    assert '| kill trial_server | 2 | 2 | 1 | 0.100 s | 0.100 s | 0.200 s | 0.0200 | 0 | 2 | went on |' in page
    assert '| stop lab.research | 1 | 1 | 0 |  |  |  |  | 0 | 1 | went on |' in page and '| all | 3 |' in page
    assert '| left_joint1 | 0.02000 rad | 0.02000 rad |' in page and 'state of the code `now`, seed 1' in page

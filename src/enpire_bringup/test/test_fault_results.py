"""What campaigns of faults sum up to."""

import pathlib

import fault_page
import fault_results
import pytest
from enpire_research.studies import results as study_results

DOCS = pathlib.Path(__file__).resolve().parents[3] / 'docs'
LEAVING = {'unit': 'unit0', 'text': 'silence', 'tick': 90, 'speed': 0.9, 'held_s': 0.1, 'still_s': 0.2,
           'way': [0.02] * 14}
MARKS = '<!-- faults -->\nold\n<!-- end faults -->\n'


def fault(number=0, **changes):
    return {'number': number, 'kind': 'kill', 'target': 'unit0.trial_server', 'delay_s': 1.0, 'moving': ['unit0'],
            'leavings': [LEAVING], 'anew': [], 'cleared': {'unit0': 1, 'unit1': 0}, 'ends': [], 'stuck': '',
            'over': False, 'works_after_s': 9.0, **changes}


def campaign(*faults, **changes):
    return {'faults': list(faults), 'ends': [], 'finished': 30, 'lost': [], 'twice': [], 'invented': [], 'waiting': [],
            'over': True, 'why': '', 'void': 2, 'unreadable': [], 'verified': True, 'verify': '', **changes}


def end(**changes):
    return {'said': 'LedgerError: record 7', 'killed': False, 'left': [], **changes}


def test_campaigns_are_kept_by_state_and_seed_in_their_order(tmp_path):
    path = tmp_path / 'results' / 'faults.json'
    for number in range(3):
        fault_results.add(fault_results.kept(path, 'now', 1), campaign(fault(number)))
    fault_results.add(fault_results.kept(path, 'now', 2), campaign(fault(7)))
    fault_results.add(fault_results.kept(path, 'old', 1), campaign(fault(8)))
    found = fault_results.campaigns_of(fault_results.kept(path, 'now', 1).rows)
    assert fault_results.faults_of(found) == [fault(0), fault(1), fault(2)]


def test_nothing_is_wrong_where_arms_held_in_time_and_the_lab_said_why_it_ended():
    assert fault_results.wrong([campaign(fault(ends=[end(), end(said='', killed=True)]))]) == []


@pytest.mark.parametrize('changes, words', [
    ({'leavings': [{**LEAVING, 'held_s': 0.133333}]}, 'unit0 held after 0.133333 s'),
    ({'leavings': [{**LEAVING, 'held_s': None}]}, 'unit0 held after None s'),
    ({'ends': [end(said='')]}, 'did not say why'), ({'ends': [end(left=['policy'])]}, 'outlived'),
    ({'stuck': 'waited'}, 'did not go on')])
def test_what_must_not_be_after_a_fault_is_named_with_it(changes, words):
    (found,) = fault_results.wrong([campaign(fault(7, **changes))])
    assert found.startswith('fault 7 (kill unit0.trial_server): ') and words in found


@pytest.mark.parametrize('changes, words', [
    ({'lost': ['a']}, 'lost: a'), ({'twice': ['b', 'c']}, 'twice: b, c'), ({'invented': ['d']}, 'invented: d'),
    ({'ends': [end(said='')]}, 'without a fault: the lab ended and did not say why'),
    ({'over': False, 'why': 'stuck'}, 'did not come to its end: stuck'),
    ({'verified': False, 'verify': 'a gap'}, 'not verified: a gap')])
def test_what_must_not_be_in_a_campaign_is_named_with_it(changes, words):
    (found,) = fault_results.wrong([campaign(), campaign(**changes)])
    assert found.startswith('campaign 1') and words in found


def test_the_summary_says_times_ways_ends_and_trials():
    campaigns = [
        campaign(fault(0), fault(1, leavings=[{**LEAVING, 'held_s': 0.066667}]), fault(2, leavings=[])),
        campaign(fault(3, kind='disk', target='run folder', leavings=[],
                       ends=[end(), end(said='LedgerError: record 31')]), lost=['x'])]
    said = fault_page.summary(campaigns)
    assert '4 faults in 2 campaigns: 3 kill, 0 stop, 1 disk' in said
    assert 'left lockstep: 2; held after 0.083 s at the median, 0.100 s at most, still: 0.200 s at most' in said
    assert '2 x LedgerError: record n' in said and 'trials finished: 60, void: 4, lost: 1, counted twice: 0' in said
    assert 'WRONG: campaign 1: lost: x' in said


def section(*campaigns):
    rows = {f'campaign {number:04d}': one for number, one in enumerate(campaigns)}
    return fault_page.with_section(MARKS, 'now', {'seed 1': rows})


def test_a_time_that_nobody_saw_is_no_small_one():
    unseen = {**LEAVING, 'held_s': None, 'still_s': None, 'way': []}
    said = section(campaign(fault(0), fault(1, leavings=[unseen])))
    assert '| kill trial_server | 2 | 2 | 2 | 0.100 s | not seen | not seen |' in said
    assert 'held after not seen at the median, not seen at most' in section(campaign(fault(0, leavings=[unseen])))


def test_without_a_leaving_no_time_is_told():
    said = section(campaign(fault(leavings=[])))
    assert 'left lockstep: 0; no time to hold' in said and 'WRONG' not in said and 'joint' not in said


def test_the_section_has_a_row_for_each_kind_and_process_of_both_stations_together():
    said = section(campaign(fault(0), fault(1, target='unit1.trial_server', leavings=[])),
                   campaign(fault(2, kind='stop', target='lab.research', leavings=[])))
    assert '| kill trial_server | 2 | 2 | 1 | 0.100 s | 0.100 s | 0.200 s | 0.0200 | 0 | 2 | went on |' in said
    assert '| stop lab.research | 1 | 1 | 0 |  |  |  |  | 0 | 1 | went on |' in said and '| all | 3 |' in said
    assert '| left_joint1 | 0.02000 rad | 0.02000 rad |' in said and 'state of the code `now`, seed 1' in said
    assert said.startswith('<!-- faults -->\n') and said.endswith('\n<!-- end faults -->\n') and 'old' not in said


def test_the_page_on_safety_has_what_the_results_have():
    text = (DOCS / 'safety.md').read_text(encoding='utf-8')
    state, studies = study_results.newest(study_results.read(DOCS / 'results' / 'faults.json'), '')
    assert fault_page.with_section(text, state, studies) == text, 'run fault_campaign.py --page'

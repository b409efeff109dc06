"""The course of faults in a campaign, with a lab that only tells what it was asked for."""

import collections
import contextlib
import os
import types

import pytest

pytest.importorskip('rclpy', reason='the lab that is asked here has a node')

import fault_campaign  # noqa: E402
import fault_results  # noqa: E402
import fault_runs  # noqa: E402
from fault_plan import DISK, KILL, RUN_FOLDER, SUPERVISOR, Fault  # noqa: E402

LISTENS = f'{fault_runs.NOTED_S:g} s'
FAULT = Fault(3, KILL, 'unit1.trial_server', 1.5)


class Lab:
    """``course``: what comes of each wait: 'works', 'ended', 'killed', 'over' or 'nothing'. ``target``: of faults."""

    def __init__(self, course, target='process'):
        self.course, self._target, self.done = list(course), target, []
        self.watcher = types.SimpleNamespace(
            worlds=collections.defaultdict(list), states=collections.defaultdict(list), forget=lambda: None,
            within=lambda seconds, condition=lambda: False: self.done.append(f'{seconds:g} s') or condition())
        self.operator = types.SimpleNamespace(cleared={})
        self.ended = self.over = False
        self.lab = types.SimpleNamespace(remember_family=lambda: None, text=lambda: 'words', run_dir='run',
                                         process=types.SimpleNamespace(returncode=1))

    def target(self, fault):
        return self._target

    def strike(self, fault, process):
        self.done.append(f'strike {process}')

    def until_works(self, began_ns, unit, seconds):
        return self._wait(f'works {unit}')

    def until_ended(self):
        return self._wait('ended')

    def _wait(self, what):
        if what.startswith('works') and self.done[-1:] == [LISTENS]:
            return True  # it is as it was a moment ago
        self.done.append(what)
        came = self.course.pop(0)
        self.ended, self.over = came in ('ended', 'killed', 'over'), came == 'over'
        self.lab.process.returncode = -9 if came == 'killed' else 1
        return came != 'nothing'

    def records(self):
        return []

    def last_words(self):
        return 'the disk is full'

    def left(self):
        return {}

    def resume(self):
        self.done.append('resume')
        self.ended = False


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    """Have no files looked at."""
    monkeypatch.setattr(fault_runs, 'checked', lambda lab, faults, why, ends: {
        'faults': faults, 'why': why, 'ends': ends})


def test_a_fault_is_struck_after_its_delay_and_a_trial_of_its_station_is_waited_for():
    lab = Lab(['works'])
    line = fault_runs.one(lab, FAULT)
    assert lab.done == ['1.5 s', '180 s', 'strike process', 'works unit1', LISTENS]
    assert (line['number'], line['kind'], line['target'], line['ends'], line['stuck']) == (
        3, 'kill', 'unit1.trial_server', [], '')


@pytest.mark.parametrize('came, end', [
    ('ended', {'said': 'the disk is full', 'killed': False, 'left': []}),
    ('killed', {'said': '', 'killed': True, 'left': []})])
def test_a_lab_that_ended_is_gone_on_with_and_what_it_said_is_kept(came, end):
    lab = Lab([came, 'works'])
    line = fault_runs.one(lab, Fault(0, KILL, SUPERVISOR, 0.0))
    assert line['ends'] == [end] and not line['stuck'] and lab.done[-4:] == ['works ', 'resume', 'works ', LISTENS]


def test_a_lab_that_ends_again_and_again_or_does_nothing_is_stuck():
    line = fault_runs.one(Lab(['ended'] * 10), FAULT)
    assert len(line['ends']) == fault_runs.RESUMES + 1 and line['stuck'].startswith('the lab ended 4 times')
    line = fault_runs.one(Lab(['nothing']), FAULT)
    assert line['stuck'].startswith('waited 600 s for a trial of unit1') and 'words' in line['stuck']


def test_a_full_disk_needs_no_process_and_a_fault_without_its_target_is_none():
    assert fault_runs.one(Lab(['works'], target=None), Fault(0, DISK, RUN_FOLDER, 0.0)) is not None
    lab = Lab([], target=None)
    assert fault_runs.one(lab, FAULT) is None and not [what for what in lab.done if what.startswith('strike')]


def test_faults_go_on_until_the_campaign_is_over_and_those_that_are_left_stay_on_the_list():
    faults = [Fault(number, KILL, 'lab.research', 0.0) for number in range(4)]
    said = []
    campaign = fault_runs.run(Lab(['works', 'works', 'over']), faults, said.append)
    assert [fault['number'] for fault in campaign['faults']] == [0, 1] and campaign['why'] == ''
    assert [fault.number for fault in faults] == [2, 3]
    assert said[1].startswith('fault 1: kill lab.research: the campaign is over after ')


def test_a_campaign_without_further_faults_comes_to_its_end_through_as_many_labs_as_that_takes():
    lab = Lab(['works', 'works', 'ended', 'over'])
    campaign = fault_runs.run(lab, [FAULT], lambda text: None)
    assert [fault['number'] for fault in campaign['faults']] == [3] and campaign['why'] == ''
    assert lab.done[-3:] == ['ended', 'resume', 'ended']
    assert [end['said'] for end in campaign['ends']] == ['the disk is full']


def test_a_stuck_campaign_ends_with_the_fault_on_record_and_says_why():
    faults = [FAULT, FAULT]
    campaign = fault_runs.run(Lab(['works', 'nothing']), faults, lambda text: None)
    assert [fault['stuck'] for fault in campaign['faults']] == [campaign['why']] != [''] and len(faults) == 1
    campaign = fault_runs.run(Lab(['nothing']), faults, lambda text: None)
    assert campaign['faults'] == [] and campaign['why'].startswith('waited 600 s for a trial of any station')


def test_of_what_verify_says_the_wrong_is_kept_in_one_line():
    said = ('ok      chain       fine\nWRONG   stations    76 results\n        unit1: a gap\n        (note) anew\n'
            'ok      end         fine\nNOT VERIFIED: 1 of 9 checks')
    assert fault_runs.wrong_lines(said) == 'WRONG stations 76 results; unit1: a gap'
    assert fault_runs.wrong_lines('no ledger') == 'no ledger'


def campaign(*numbers):
    """Return a campaign as results keep it, with faults of these numbers."""
    return {'faults': [{**fault_runs.one(Lab(['works']), FAULT), 'number': number} for number in numbers],
            'ends': [], 'finished': 1, 'lost': [], 'twice': [], 'invented': [], 'waiting': [], 'over': True, 'why': '',
            'void': 0, 'unreadable': [], 'verified': True, 'verify': ''}


def main(*words):
    return fault_campaign.main([str(word) for word in words])


def test_the_page_is_written_from_the_results_and_says_when_the_code_has_moved_on(tmp_path, capsys):
    out, page = tmp_path / 'faults.json', tmp_path / 'page.md'
    page.write_text('<!-- faults -->\n<!-- end faults -->\n')
    assert main('--page', page, '--out', out) == 2 and 'found none' in capsys.readouterr().out
    fault_results.add(fault_results.kept(out, 'old', 1), campaign(3))
    assert main('--page', page, '--out', out) == 0
    assert 'AN OLDER STATE OF THE CODE: old' in capsys.readouterr().out
    assert '| kill trial_server | 1 |' in page.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason='the script wants to mount small disks: needs root')
def test_what_the_results_have_already_is_not_done_again(tmp_path, monkeypatch, capsys):
    out, made = tmp_path / 'faults.json', []

    @contextlib.contextmanager
    def lab(folder, seed, trials):
        made.append(seed)
        yield None
    monkeypatch.setattr(fault_campaign, 'FaultLab', lab)
    monkeypatch.setattr(fault_campaign, 'run', lambda lab, due, say: campaign(*(one.number for one in due[:2])))
    assert main('--faults', 3, '--out', out) == 0 and made == [0, 1]
    assert main('--faults', 3, '--out', out) == 0 and made == [0, 1]
    assert main('--faults', 5, '--out', out) == 0 and made == [0, 1, 2]
    assert '5 faults in 3 campaigns' in capsys.readouterr().out

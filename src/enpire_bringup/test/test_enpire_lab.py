"""The `enpire lab` command with fake programs: exit codes, run folder, summary, lock."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys

import psutil
import pytest
from bringup_waiting import PATIENCE_S, until

from enpire_research.campaign import chain, ledger

pytest.importorskip('ament_index_python', reason='it finds the programs')
HERE = pathlib.Path(__file__).resolve().parent


class Command:
    """`enpire lab` under test, in a process of its own."""

    def __init__(self, folder, *words, runner='done', domain='90', output=subprocess.PIPE, trials='20',
                 folder_option=True, **more):
        self.folder = folder
        words = [*(['--folder', str(folder / 'runs')] if folder_option else []),
                 *(['--trials', trials] if trials else []), *words]
        paths = [str(path) for path in HERE.parent.parent.glob('enpire_*')]
        environment = dict(
            os.environ, **more, FAKE_RUNNER=runner, ROS_DOMAIN_ID=domain, TMPDIR=str(folder),
            PYTHONPATH=os.pathsep.join([*paths, os.environ.get('PYTHONPATH', '')]))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / 'fake_lab.py'), str(folder), 'lab', *words],
            stdout=output, stderr=subprocess.STDOUT, text=True, env=environment)

    def run_dir(self):
        found = sorted((self.folder / 'runs').glob('*')) if (self.folder / 'runs').exists() else []
        return found[-1] if found else None

    def pids(self):
        folder = self.run_dir()
        path = folder / 'processes.json' if folder else None
        return json.loads(path.read_text()) if path and path.exists() else {}

    def log(self, name):
        folder = self.run_dir()
        path = folder / 'logs' / f'{name}.log' if folder else None
        return path.read_text() if path and path.exists() else ''

    def end(self):
        text, _ = self.process.communicate(timeout=PATIENCE_S)
        return text


def started(text):
    """Return name -> process id of what was started, as the command said."""
    return {name: int(pid) for name, pid in re.findall(r'^(\S+) started, process (\d+)$', text, re.M)}


@pytest.fixture
def start(tmp_path):
    commands = []

    def call(*words, **more):
        commands.append(Command(tmp_path, *words, **more))
        return commands[-1]
    yield call
    for command in commands:
        if command.process.poll() is None:
            command.process.kill()
            command.process.communicate()


def test_a_lab_ends_by_itself_with_a_summary_when_its_trials_are_done(start):
    command = start('--units', '2', '--trials', '2', '--run', 'first')
    text = command.end()
    assert command.process.returncode == 0
    assert 'SIMULATED: push_t_lab, task push_t, 2 stations' in text
    assert 'trials           2 of 2' in text
    assert '1 of 2 (50%, 95% interval 9 to 91%)' in text
    assert 'void             1' in text
    assert '3 (2 at try 1, 1 failed)' in text
    assert str(command.folder / 'runs' / 'first') in text
    pids = started(text)
    assert len(pids) == 9 and not any(psutil.pid_exists(pid) for pid in pids.values())


def test_the_run_folder_holds_the_lab_and_a_folder_for_each_station(start):
    command = start('--units', '2', '--trials', '2')
    command.end()
    folder = command.run_dir()
    for unit in ('unit0', 'unit1'):
        for part in ('records', 'outbox', 'policy_logs'):
            path = folder / unit / part
            assert path.is_dir() and path.stat().st_mode & 0o077 == 0
    assert 'trials: 2' in (folder / 'lab.yaml').read_text()
    assert 'ready' in command.log('unit1.safety_gate')


def test_a_runner_that_breaks_ends_the_lab_with_exit_code_1_and_its_last_lines(start):
    command = start(runner='broken')
    text = command.end()
    assert command.process.returncode == 1
    assert 'the runner has no idea' in text
    assert 'The lab broke: lab.trial_runner ended (exit code 5)' in text


def test_ctrl_c_ends_a_lab_in_order_with_a_summary_and_exit_code_0(start):
    command = start('--units', '1', runner='wait')
    until(lambda: 'reports are written' in command.log('lab.trial_runner')
          and 'ready' in command.log('unit0.trial_server')
          and 'ready' in command.log('unit0.safety_gate')
          and 'ready' in command.log('unit0.sim_station'), 'the lab')
    command.process.send_signal(signal.SIGINT)
    text = command.end()
    assert command.process.returncode == 0
    names = ['lab.view', 'lab.trial_runner', 'unit0.trial_server', 'unit0.safety_gate',
             'unit0.sim_station']
    places = [text.index(f'{name} has ended') for name in names]
    assert places == sorted(places)
    assert 'trials           2 of 20' in text


def test_a_second_lab_in_the_same_domain_is_refused_and_the_first_goes_on(start):
    first = start('--units', '1', runner='wait')
    until(lambda: 'reports are written' in first.log('lab.trial_runner'), 'the first lab')
    second = start('--units', '1')
    text = second.end()
    assert second.process.returncode == 1
    assert f'a lab runs already in ROS domain 90: process {first.process.pid}, run folder' in text
    third = start('--units', '1', domain='91')
    third.end()
    assert third.process.returncode == 0
    first.process.send_signal(signal.SIGINT)
    first.end()


def all_ready(command):
    return ('reports are written' in command.log('lab.trial_runner')
            and all('ready' in command.log(f'unit0.{name}')
                    for name in ('trial_server', 'safety_gate', 'sim_station')))


def ended_in_order(command):
    """Return whether everything ended, stage by stage, by the supervisor's own log."""
    text = command.log('supervisor')
    names = ['lab.trial_runner', 'unit0.trial_server', 'unit0.safety_gate', 'unit0.sim_station']
    places = [text.find(f'{name} has ended (exit code 0)') for name in names]
    return places == sorted(places) and places[0] >= 0


def outcome_of(command):
    return json.loads((command.run_dir() / 'outcome.json').read_text())


def test_a_lab_whose_reader_has_gone_ends_in_order_and_keeps_its_outcome(start):
    command = start('--units', '1', runner='wait')
    command.process.stdout.readline()
    command.process.stdout.close()  # `enpire lab | head -1`
    until(lambda: all_ready(command), 'the lab')
    command.process.send_signal(signal.SIGINT)
    assert command.process.wait(PATIENCE_S) == 0
    assert ended_in_order(command)
    assert outcome_of(command) == {'code': 0, 'reason': 'SIGINT: stopping'}


def test_a_lab_whose_terminal_hangs_up_ends_in_order_and_keeps_its_outcome(start):
    ours, theirs = pty.openpty()
    command = start('--units', '1', '--plain', runner='wait', output=theirs)
    os.close(theirs)
    until(lambda: all_ready(command), 'the lab')
    os.close(ours)
    command.process.send_signal(signal.SIGHUP)
    assert command.process.wait(PATIENCE_S) == 0
    assert ended_in_order(command)
    assert outcome_of(command) == {'code': 0, 'reason': 'SIGHUP: stopping'}


@pytest.mark.parametrize('term, lines', [('dumb', True), ('xterm', False)])
def test_a_dumb_terminal_gets_lines_while_the_lab_runs(start, term, lines):
    ours, theirs = pty.openpty()
    command = start('--units', '1', output=theirs, TERM=term)
    os.close(theirs)
    shown = b''
    while b'run folder' not in shown:  # the last line of the summary
        shown += os.read(ours, 4096)
    assert command.process.wait(PATIENCE_S) == 0
    os.close(ours)
    assert (b'unit0.sim_station started' in shown) is lines


def test_ctrl_c_while_a_lab_is_prepared_is_said_and_leaves_no_folder(start):
    command = start(FAKE_SCENE='slow')
    assert command.process.stdout.readline() == 'compiling the scene\n'
    command.process.send_signal(signal.SIGINT)
    text = command.end()
    assert command.process.returncode == 130
    assert 'nothing was started' in text and 'Traceback' not in text
    assert command.run_dir() is None


def test_a_full_disk_is_said_and_leaves_no_folder(start):
    command = start(FAKE_SCENE='full')
    text = command.end()
    assert command.process.returncode == 1
    assert 'The lab was not started: [Errno 28] No space left on device' in text
    assert 'Traceback' not in text and command.run_dir() is None


def test_a_lock_file_that_cannot_be_opened_is_said(start, tmp_path):
    (tmp_path / f'enpire-lab-{os.getuid()}-90.lock').symlink_to('/etc/hostname')
    command = start()
    text = command.end()
    assert command.process.returncode == 1
    assert 'expected a lock file that can be written' in text and 'Traceback' not in text


@pytest.mark.parametrize('domain', ['a/b', '233', '-1', '1.5', '\u0663'])
def test_a_domain_that_is_none_is_refused(start, domain):
    command = start(domain=domain)
    text = command.end()
    assert command.process.returncode == 2
    assert f'ROS_DOMAIN_ID: expected a whole number from 0 to 232, got {domain!r}' in text


def test_a_wrong_option_is_refused_before_anything_starts(start):
    command = start('--units', '0')
    text = command.end()
    assert command.process.returncode == 2
    assert 'option units: units: expected a number from 1 to 64' in text
    assert command.run_dir() is None


def test_a_run_folder_that_exists_is_refused(start):
    start('--run', 'again').end()
    command = start('--run', 'again')
    assert 'expected a new run' in command.end()
    assert command.process.returncode == 2


# ---- a campaign --------------------------------------------------------------------------------
def digest_of(command):
    return chain.digest(ledger.read(command.run_dir() / 'campaign'))


def test_a_campaign_ends_by_itself_and_its_report_comes_last(start):
    command = start('--units', '2', '--run', 'first', trials=None)
    text = command.end()
    assert command.process.returncode == 0
    assert 'SIMULATED campaign: push_t' in text and 'success on 10 held-out resets' in text
    assert text.splitlines()[-1] == f'ledger digest: {digest_of(command)}'
    assert (command.run_dir() / 'campaign' / 'report' / 'improvement.png').is_file()
    assert '--resume' not in text and 'lab.trial_runner' not in text


def test_a_campaign_that_was_broken_off_is_gone_on_with_in_its_run_folder(start):
    command = start('--units', '2', '--run', 'first', runner='wait', trials=None)
    until(lambda: 'ten trials are done' in command.log('lab.research'), 'ten trials')
    command.process.send_signal(signal.SIGINT)
    text = command.end()
    assert command.process.returncode == 0
    assert f'`enpire lab --resume {command.run_dir()}` goes on with it' in text and 'not begun' in text
    broken_off = ledger.read(command.run_dir() / 'campaign')
    again = start('--resume', str(command.run_dir()), trials=None, folder_option=False)
    text = again.end()
    assert again.process.returncode == 0 and text.splitlines()[-1] == f'ledger digest: {digest_of(command)}'
    records = ledger.read(command.run_dir() / 'campaign')
    assert records[:len(broken_off)] == broken_off and records[-1].kind == 'end'
    over = start('--resume', str(command.run_dir()), trials=None, folder_option=False)
    assert 'expected a campaign that has not ended' in over.end() and over.process.returncode == 2
    assert (command.run_dir() / 'lab.yaml').is_file()


def test_a_research_node_that_is_killed_comes_again_and_the_lab_goes_on(start):
    command = start('--units', '2', runner='killed', trials=None)
    text = command.end()
    assert command.process.returncode == 0
    assert 'lab.research ended (killed by SIGKILL); starting it again' in text
    assert 'success on 10 held-out resets' in text


def test_a_campaign_is_gone_on_with_as_it_began_and_takes_no_other_options(start, tmp_path):
    command = start('--resume', str(tmp_path), '--seed', '4')
    text = command.end()
    assert command.process.returncode == 2
    assert '--resume: expected no lab file and no other option but --plain, got --trials, --seed, --folder' in text

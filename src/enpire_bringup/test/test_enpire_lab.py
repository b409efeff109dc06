"""The `enpire lab` command with fake programs: exit codes, run folder, summary, lock."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

pytest.importorskip('ament_index_python', reason='it finds the programs')
HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 30.0


class Command:
    """`enpire lab` under test, in a process of its own."""

    def __init__(self, folder, *words, runner='done', domain='90'):
        self.folder = folder
        paths = [str(path) for path in HERE.parent.parent.glob('enpire_*')]
        environment = dict(
            os.environ, FAKE_RUNNER=runner, ROS_DOMAIN_ID=domain, TMPDIR=str(folder),
            PYTHONPATH=os.pathsep.join([*paths, os.environ.get('PYTHONPATH', '')]))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / 'fake_lab.py'), str(folder), 'lab', '--folder',
             str(folder / 'runs'), *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)

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


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f'waited {PATIENCE_S} s for: {what}')


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
    assert not any(psutil.pid_exists(pid) for pid in command.pids().values())


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

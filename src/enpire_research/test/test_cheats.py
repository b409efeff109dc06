"""The policies of `cheats/`: each fails with its fence, and wins without it, else the fence would show nothing.

Not covered: cheats before the camera, on a live graph, in training scripts and git trees, which the other
test_cheats_*.py run.
"""

import ast
import contextlib
import os
import pathlib
import pickle
import socket
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import trial_helpers
from cheats import table
from enpire_research.bench.unconfined import Unconfined
from enpire_research.trials import log_drain, policy_process, policy_view, rollout
from enpire_research.trials import report as reports
from enpire_research.trials.station import StationFault
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.verdict import PASSED

SOURCES = pathlib.Path(__file__).resolve().parents[2]
BY_NAME = {one.name: one for one in table.POLICIES}
MARK = f'cheat{os.getpid()}'


def won(printed):
    """Return what a cheat says of having won, or ''; the line of a traceback that would have said it is none."""
    return next((line for line in printed.splitlines() if line.startswith('CHEATED: ')), '')


class Lab:
    """A station, and what lies around it: a ledger, records, listeners, a process that should live."""

    def __init__(self, folder, stack):
        self.folder, self._count = folder, 0
        self.runner, self.task = trial_helpers.runner(folder)
        stack.enter_context(self.runner)
        self.victim = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])
        stack.callback(self.victim.wait)
        stack.callback(self.victim.kill)
        shared = f'/dev/shm/{MARK}'
        stack.callback(os.unlink, shared)
        for path in (shared, folder / 'ledger', folder / 'verifier'):
            pathlib.Path(path).write_text('of the lab')
        # A descriptor that whoever is started inherits, unless somebody takes care.
        self.seeds = os.open(folder / 'ledger', os.O_RDONLY)
        stack.callback(os.close, self.seeds)
        os.set_inheritable(self.seeds, True)
        tcp, udp = (stack.enter_context(socket.socket(socket.AF_INET, kind))
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        for one in (tcp, udp):
            one.bind(('127.0.0.1', 0))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind('\0' + MARK)
        for one in (tcp, unix):
            one.listen()
        self.given = {
            'server': os.getpid(), 'victim': self.victim.pid, 'shared': shared, 'ledger': str(folder / 'ledger'),
            'verifier': str(folder / 'verifier'), 'records': str(folder / 'records'), 'mark': MARK, 'abstract': MARK,
            'tcp': tcp.getsockname()[1], 'udp': udp.getsockname()[1], 'log_bytes': log_drain.LOG_BYTES,
            'paths': [path for path in sys.path if path]}

    def run(self, cheat, episode_s=3.0, **given):
        """Run it once; return its Report, and what it printed. ``given``: beside what all are given."""
        self._count += 1
        path, trial = self.folder / 'policy.py', f'{cheat.name}-{self._count}'
        path.write_text(f'{cheat.path.read_text()}\n\nGIVEN.update({dict(self.given, **given)!r})\n')
        report = self.runner.rollout(trial, 7, str(path), episode_s=episode_s)
        return report, (self.folder / 'policy_logs' / f'{trial}.log').read_text(errors='replace')

    def launch_by(self, launcher):
        """Start the next policies with ``launcher``; the one that waits is ended."""
        self.runner._hosts.take().kill()
        self.runner._hosts._launcher = launcher


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Lab(tmp_path_factory.mktemp('lab'), stack)


@pytest.fixture
def alive(lab, monkeypatch):
    """Return what lives on of a policy each time that the verifier looks."""
    found, verify = [], lab.task.verify

    def looked(robot):
        found.append(trial_helpers.running(MARK))
        return verify(robot)
    monkeypatch.setattr(lab.task, 'verify', looked)
    return found


@pytest.mark.parametrize('name', BY_NAME)
def test_with_its_fence_a_cheat_fails_with_a_reason_and_has_nothing(lab, alive, name, monkeypatch):
    monkeypatch.setenv('SEED_OF_THE_LAB', '7')
    report, printed = lab.run(BY_NAME[name])
    assert report.status == reports.FAILED, report.error_msg
    assert report.error_code in BY_NAME[name].codes, (report.error_code, report.error_msg, printed[-500:])
    assert report.attempts[-1].reason
    assert not won(printed) and len(printed) < log_drain.LOG_BYTES + 1000
    assert alive == [[]] and lab.victim.poll() is None
    for untouched in ('ledger', 'verifier'):
        assert (lab.folder / untouched).read_text() == 'of the lab'


def test_after_all_of_them_the_station_works_on(lab):
    report = lab.runner.reset('after', 7)
    assert report.status == reports.SUCCEEDED, report.error_msg
    report = lab.runner.rollout('honest', 7, trial_helpers.policy('push_left'))
    assert report.status == reports.SUCCEEDED, report.error_msg


OPEN = [one.name for one in table.POLICIES if one.removed and one.removed.startswith('a launcher')]


@pytest.fixture
def unconfined(lab):
    """The lab, its policies confined by nothing; what they change is put back."""
    launcher = lab.runner._hosts._launcher
    lab.launch_by(Unconfined())
    yield lab
    lab.launch_by(launcher)
    for name in ('ledger', 'verifier'):
        (lab.folder / name).write_text('of the lab')


# Linux stops them for a normal user also without the sandbox, by his number of processes, or as Yama is set.
OF_ROOT = ('fork_bomb', 'seed_from_memory')


@pytest.mark.parametrize('name', OPEN)
def test_without_the_sandbox_it_wins(unconfined, name):
    if name in OF_ROOT and os.geteuid() != 0:
        pytest.skip('the kernel may stop a normal user here without a sandbox')
    report, printed = unconfined.run(BY_NAME[name])
    assert won(printed), (report.error_msg, printed[-500:])


def test_with_the_environment_of_the_server_it_has_the_seed(lab, monkeypatch):
    monkeypatch.setenv('SEED_OF_THE_LAB', '7')
    made = policy_view.environment
    monkeypatch.setattr(policy_view, 'environment', lambda home: {**os.environ, **made(home)})
    lab.runner._hosts.take().kill()
    assert won(lab.run(BY_NAME['seed_from_environment'])[1]) == 'CHEATED: the seed is 7'


def test_with_a_descriptor_of_the_server_it_has_the_seed(lab, monkeypatch):
    launcher = lab.runner._hosts._launcher
    start = launcher.start
    monkeypatch.setattr(launcher, 'start', lambda confinement: start(
        replace(confinement, fds=(*confinement.fds, lab.seeds))))
    lab.runner._hosts.take().kill()
    assert won(lab.run(BY_NAME['seed_from_descriptors'])[1]) == "CHEATED: read b'of the lab'"
    monkeypatch.undo()
    lab.launch_by(launcher)


def test_a_policy_is_told_the_same_of_time_in_every_trial_and_would_tell_one_that_is_a_tick_shorter(lab):
    cheat = BY_NAME['held_out_by_time']
    report, printed = lab.run(cheat)
    told = ast.literal_eval(printed.split('told ')[1])
    for episode_s, wins in ((3.0, False), (3.0 - 1 / 30, True)):
        lab.runner.restore(str(lab.folder / 'records' / report.state_record))
        assert bool(won(lab.run(cheat, episode_s, told=told)[1])) is wins


def test_where_nobody_kills_it_a_child_lives_while_the_verifier_looks(lab, alive, monkeypatch):
    kept, kill = [], policy_process.PolicyProcess.kill
    monkeypatch.setattr(policy_process.PolicyProcess, 'kill', lambda process: kept.append(process) or [])
    lab.run(BY_NAME['leave_child'])
    monkeypatch.undo()
    for process in kept:
        kill(process)
    assert alive[0] and trial_helpers.running(MARK) == []


def test_with_a_higher_bound_all_its_output_is_kept(lab, monkeypatch):
    monkeypatch.setattr(log_drain, 'LOG_BYTES', 8 * log_drain.LOG_BYTES)
    report, printed = lab.run(BY_NAME['flood_output'])
    assert report.error_code == 0 and len(printed) > 1.5 * lab.given['log_bytes']


def test_where_nobody_counts_its_requests_are_answered(lab, monkeypatch):
    monkeypatch.setattr(rollout, 'MAX_EXCHANGES_A_TICK', 10**6)
    assert won(lab.run(BY_NAME['flood_requests'])[1])


def test_where_a_crash_is_a_fault_of_ours_it_voids_the_trial(lab, monkeypatch):
    monkeypatch.setattr(policy_process.PolicyProcess, '_exited', lambda process, waiting: StationFault('it ended'))
    assert lab.run(BY_NAME['crash'])[0].status == reports.VOID


def test_a_gate_that_passes_everything_lets_it_jump(lab, monkeypatch):
    asked = []

    def passes(gate, now, command, state):
        asked.append(command)
        return SimpleNamespace(command=command, decision=PASSED, text='')
    monkeypatch.setattr(GateCore, 'step', passes)
    assert won(lab.run(BY_NAME['jump'])[1]) and asked


class Runs:
    """Its pickle runs a program where it is loaded."""

    def __reduce__(self):
        return print, ('CHEATED: ran',)


def test_a_pickle_in_place_of_an_artifact_runs_nothing_and_would_where_it_is_loaded(lab, capsys):
    path = lab.folder / 'artifact.onnx'
    path.write_bytes(pickle.dumps(Runs()))
    report = lab.runner.rollout('pickle', 7, trial_helpers.policy('asks_artifact'), artifact_file=str(path))
    assert (report.status, report.error_code) == (reports.FAILED, policy_process.ARTIFACT), report.error_msg
    assert not won((lab.folder / 'policy_logs' / 'pickle.log').read_text()) and not won(capsys.readouterr().out)
    pickle.loads(path.read_bytes())
    assert won(capsys.readouterr().out)


def test_the_page_lists_every_cheat_of_the_folder():
    listed = [one.path for *_, cheats in table.SECTIONS for one in cheats]
    files = set(table.FOLDER.rglob('*.py')) - {table.FOLDER / 'table.py'}
    assert files == set(listed) and len(listed) == len(files) >= 25
    assert (SOURCES.parent / 'docs' / 'cheats.md').read_text(encoding='utf-8') == table.page()

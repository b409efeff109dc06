"""Training scripts that cheat: each fails and leaves nothing, and has its way where its fence is gone.

Not covered here: what they use up (test_training_job.py).
"""

import itertools
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import onnx_models
import onnxruntime
import pytest
from cheats import table
from enpire_core.processes import every_stat
from enpire_research.bench.unconfined import Unconfined
from enpire_research.training import job
from enpire_research.trials.given import read_bounded
from test_cheats import won

BY_NAME = {one.name: one for one in table.TRAINING}
MARK = f'trained{os.getpid()}'
GOOD = onnx_models.linear()
EXTERNAL = onnx_models.model(
    [onnx_models.node('Add', ['pose', 'w'], ['push'])],
    [onnx_models.number(1, 3) + onnx_models.number(2, onnx_models.FLOAT) + onnx_models.piece(8, 'w')
     + onnx_models.piece(13, onnx_models.piece(1, 'location') + onnx_models.piece(2, 'weights'))
     + onnx_models.number(14, 1)],
    [onnx_models.value_info('pose', (1, 3))], [onnx_models.value_info('push', (1, 3))])
HUGE = onnx_models.model([onnx_models.node('Identity', ['x'], ['y'])], [],
                         [onnx_models.value_info('x', (1 << 20, 1 << 20))],
                         [onnx_models.value_info('y', (1 << 20, 1 << 20))])


class Lab:
    """What lies around trainings: a ledger, a secret, the artifact of somebody else."""

    def __init__(self, folder):
        self.folder, self._count = folder, itertools.count()
        self.ledger, secret, artifact = (folder / name for name in ('ledger', 'secret', 'other.onnx'))
        self.ledger.write_text('of the lab')
        secret.write_bytes(b'the secret of the campaign')
        artifact.write_bytes(GOOD)
        os.chmod(secret, 0o600)
        self.given = {'ledger': str(self.ledger), 'secret': str(secret), 'artifact': str(artifact), 'mark': MARK,
                      'external': EXTERNAL, 'huge': HUGE}

    def train(self, source, launcher=None):
        """Run a script; return (its Outcome, what it printed)."""
        folder = self.folder / f't{next(self._count)}'
        folder.mkdir()
        outcome = job.run(
            job.Job(source, 5, 60.0, 500 << 20, 1, (), str(folder), str(self.folder / 'artifacts'), 19),
            job.Hooks(time.monotonic, environ=dict(os.environ), launcher=launcher))
        printed = folder / 'output.log'
        return outcome, printed.read_text() if printed.exists() else ''

    def source(self, name):
        """Return the script of a cheat, with what it is given."""
        return BY_NAME[name].path.read_text().replace('GIVEN = {}', f'GIVEN = {self.given!r}')

    def run(self, name, launcher=None):
        """Run a cheat; see `train`."""
        return self.train(self.source(name), launcher)


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp('lab'))


def left():
    """Return the pids of what a script has left behind."""
    return [pid for pid in every_stat() if MARK in words(pid)]


def words(pid):
    try:
        with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as handle:
            return handle.read()
    except OSError:
        return ''  # it has ended


@pytest.mark.parametrize('name', BY_NAME)
def test_with_its_fence_a_script_fails_with_a_reason_and_has_nothing(lab, name):
    outcome, printed = lab.run(name)
    assert outcome.code in BY_NAME[name].codes, (outcome.code, outcome.text)
    assert outcome.text and not outcome.artifact_file and not won(printed) and left() == []
    assert lab.ledger.read_text() == 'of the lab'


def test_after_all_of_them_an_honest_script_succeeds(lab):
    outcome, _ = lab.train('from enpire_policy.training import artifact_path\n'
                           f"open(artifact_path, 'wb').write({GOOD!r})")
    assert outcome.code == 0, outcome.text


# ---- without the fence ---------------------------------------------------------------------
@pytest.mark.parametrize('name', [one.name for one in table.TRAINING if one.removed.startswith('a launcher')])
def test_without_the_sandbox_a_script_wins(lab, name):
    outcome, printed = lab.run(name, Unconfined())
    lab.ledger.write_text('of the lab')
    assert won(printed), (outcome.text, printed)


def test_without_a_guard_its_child_outlives_a_script(lab):
    subprocess.run([sys.executable, '-c', lab.source('leave_child')], check=True)
    alive = left()
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert alive


@pytest.fixture
def taken(monkeypatch):
    """What is taken of scripts in place of their artifacts, as it is read."""
    found, read = [], job._read_artifact

    def noted(folder):
        found.append(read(folder))
        return found[-1]
    monkeypatch.setattr(job, '_read_artifact', noted)
    return found


def test_a_server_that_loads_a_pickle_runs_it(lab, taken, capsys):
    lab.run('pickle_artifact')
    assert not won(capsys.readouterr().out)
    pickle.loads(taken[0])
    assert won(capsys.readouterr().out)


def test_a_model_that_is_loaded_by_its_path_reads_a_file_of_somebody_else(lab):
    (lab.folder / 'model.onnx').write_bytes(EXTERNAL)
    np.array([1, 2, 3], '<f4').tofile(lab.folder / 'weights')
    session = onnxruntime.InferenceSession(str(lab.folder / 'model.onnx'), providers=['CPUExecutionProvider'])
    assert session.run(None, {'pose': np.zeros((1, 3), np.float32)})[0].tolist() == [[1, 2, 3]]


def test_a_server_that_follows_links_takes_what_a_script_may_not_even_read(lab, monkeypatch):
    monkeypatch.setattr(job, 'read_bounded', lambda path, name, what, most, code, _, dir_fd: read_bounded(
        path, name, what, most, code, 0, dir_fd))
    outcome, _ = lab.run('link_artifact')
    assert outcome.code == 0 and open(outcome.artifact_file, 'rb').read() == GOOD

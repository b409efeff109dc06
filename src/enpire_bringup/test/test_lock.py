"""One lab at a time in a ROS domain."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from enpire_bringup import lock


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))


def test_without_a_lab_none_runs():
    assert lock.running('5') is None


def test_a_second_lab_is_refused_and_the_first_is_named():
    with lock.hold('5') as note:
        note('/runs/first')
        with pytest.raises(lock.Taken, match=f'process {os.getpid()}, run folder /runs/first'):
            with lock.hold('5'):
                pass
        with lock.hold('6'):
            pass
    with lock.hold('5'):
        pass


def test_the_run_folder_is_known_while_the_lab_runs_and_not_after():
    with lock.hold('5') as note:
        assert lock.running('5') is None
        note('/runs/a long name')
        note('/runs/b')
        assert lock.running('5') == '/runs/b'
    assert lock.running('5') is None


def test_the_lock_of_a_killed_lab_is_free(tmp_path):
    code = ("import signal, sys, tempfile; from enpire_bringup import lock; "
            "tempfile.tempdir = sys.argv[1]\n"
            "with lock.hold('5') as note:\n note('/x'); print('held', flush=True); signal.pause()")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    child = subprocess.Popen([sys.executable, '-c', code, str(tmp_path)], stdout=subprocess.PIPE,
                             env=environment, text=True)
    assert child.stdout.readline() == 'held\n'
    assert lock.running('5') == '/x'
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert lock.running('5') is None
    with lock.hold('5'):
        pass

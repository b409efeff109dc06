"""No program outlives its set-up, whatever ends the set-up."""
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from enpire_setup import guard
from enpire_setup.log import Log

SETUP = Path(__file__).resolve().parents[1]
# A program with a child of its own; it says who they are when both are there.
FAMILY = 'sleep 1000 & echo $$ $! > "$0.part"; mv "$0.part" "$0"; wait'
# A set-up in small: the lock, and one program.
SET_UP = """
import signal, sys
for number in (signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore them
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from enpire_setup import command, signals
from enpire_setup.log import Log
log = Log(Path('/dev/null'))
with signals.listening(), command.only_one(Path(sys.argv[2])) as lock:
    log.held_by_programs = (lock,)
    log.run(sys.argv[3:])
"""


def until(condition, seconds=60):
    """Wait until the condition gives something, and return it."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, 'this did not come about'
        pause.wait(0.01)
    return value


def read(path):
    return path.read_text().split() if path.exists() else None


def alive(pid):
    try:
        return ') Z ' not in Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_who_has_the_lock_after_a_set_up_was_ended_meets_none_of_its_programs(tmp_path, number):
    state, said = tmp_path / 'state', tmp_path / 'said'
    program = ['sh', '-c', FAMILY, said]
    set_up = subprocess.Popen(
        [sys.executable, '-S', '-c', SET_UP, SETUP, state, *program], stderr=subprocess.DEVNULL
    )
    pids = until(lambda: read(said))
    assert all(alive(pid) for pid in pids)
    set_up.send_signal(number)
    with open(state / 'lock') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not [pid for pid in pids if alive(pid)]
    set_up.wait(timeout=60)


def test_a_program_that_does_not_listen_to_sigterm_is_killed(tmp_path):
    said = tmp_path / 'said'
    ours, theirs = os.pipe()
    program = ['sh', '-c', "trap '' TERM; " + FAMILY.replace('wait', 'while :; do wait; done'), said]

    def close_when_it_runs():
        until(lambda: read(said))
        os.close(theirs)

    threading.Thread(target=close_when_it_runs).start()
    assert guard.run(program, ours, patience_s=0.1) == 128 + signal.SIGKILL
    os.close(ours)
    assert not [pid for pid in read(said) if alive(pid)]


def test_a_daemon_that_a_program_leaves_behind_does_not_hold_the_lock(tmp_path):
    (tmp_path / 'lock').touch()
    said = tmp_path / 'said'
    daemon = 'sleep 1000 >/dev/null 2>&1 & echo $! > "$0"'
    log = Log(Path(os.devnull))
    with open(tmp_path / 'lock') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        log.held_by_programs = (file.fileno(),)
        assert log.run(['sh', '-c', daemon, said]).status == 0
    (pid,) = read(said)
    try:
        assert alive(pid)
        with open(tmp_path / 'lock') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(int(pid), signal.SIGKILL)


def test_a_program_that_cannot_be_started_has_a_status_and_says_so(tmp_path):
    outcome = Log(Path(os.devnull)).run([tmp_path / 'missing'])
    assert outcome.status == guard.NOT_STARTED
    assert outcome.tail.startswith('FileNotFoundError: ') and 'missing' in outcome.tail


def test_the_status_of_a_program_that_a_signal_ended_is_that_of_a_shell():
    assert Log(Path(os.devnull)).run(['sh', '-c', 'kill -9 $$']).status == 137

"""Keys of the terminal: read one by one while the lab is in front, passed on to the view."""

import os
import pathlib
import pty
import signal
import subprocess
import sys
import termios

import anyio
from bringup_waiting import PATIENCE_S, until

from enpire_bringup.supervisor.child import Child, ChildSpec

HERE = pathlib.Path(__file__).resolve().parent
# Echoes each key that it is told.
LISTENER = "import os\nfor key in iter(lambda: os.read(0, 1), b''):\n    print('heard', key.decode(), flush=True)\n"
SUPERVISOR = """
import anyio, json, pathlib, sys
from enpire_bringup.keyboard import Keyboard
from enpire_bringup.supervisor.child import ChildSpec
from enpire_bringup.supervisor.supervisor import Supervisor
specs = [ChildSpec('view', (sys.executable, '-S', '-c', sys.argv[2]), keys=True)]
folder = pathlib.Path(sys.argv[1])
with Keyboard() as keyboard:
    (folder / 'there').write_text(str(keyboard.is_there))
    anyio.run(Supervisor(specs, str(folder), report=print, keyboard=keyboard).run)
"""


def start(folder, **where):
    paths = [str(HERE.parent), str(HERE.parents[1] / 'enpire_core'), os.environ.get('PYTHONPATH', '')]
    return subprocess.Popen([sys.executable, '-c', SUPERVISOR, str(folder), LISTENER],
                            env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)), **where)


def in_terminal(folder):
    """Start it in the foreground of a terminal of its own; return (process, our end of the terminal)."""
    ours, theirs = pty.openpty()

    def take():
        os.setsid()
        os.close(os.open(os.ttyname(0), os.O_RDWR))
        os.tcsetpgrp(0, os.getpid())
    process = start(folder, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=take)
    return process, ours, theirs


def heard(folder):
    path = folder / 'view.log'
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.rsplit(' ', 1)[1] for line in lines if 'heard' in line]


def test_each_key_is_passed_on_at_once_and_the_terminal_is_given_back(tmp_path):
    process, ours, theirs = in_terminal(tmp_path)
    before = termios.tcgetattr(theirs)
    try:
        until(lambda: (tmp_path / 'there').exists() and (tmp_path / 'view.log').exists(), 'the lab')
        assert (tmp_path / 'there').read_text() == 'True'
        os.write(ours, b's')
        until(lambda: heard(tmp_path) == ['s'], 'the key')
        os.write(ours, b'xs')
        until(lambda: heard(tmp_path) == ['s', 'x', 's'], 'all keys')
        os.write(ours, b'\x03')  # Ctrl-C ends it, as always
        until(lambda: process.poll() is not None, 'the end')
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def test_a_key_that_comes_before_there_is_anybody_to_hear_it_is_not_lost(tmp_path):
    async def early():
        child = Child(ChildSpec('view', (sys.executable, '-S', '-c', LISTENER), keys=True), str(tmp_path), os.environ,
                      print)
        await child.tell(b's')
        await child.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child.run_to_end)
            with anyio.fail_after(PATIENCE_S):
                while heard(tmp_path) != ['s']:
                    await anyio.sleep(0.01)
            child.kill()
        child.close()
    anyio.run(early)


def test_without_a_terminal_there_are_no_keys_and_the_lab_runs(tmp_path):
    process = start(tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until(lambda: (tmp_path / 'there').exists() and (tmp_path / 'view.log').exists(), 'the lab')
        assert (tmp_path / 'there').read_text() == 'False' and process.poll() is None
        process.send_signal(signal.SIGINT)
        until(lambda: process.poll() is not None, 'the end')
    finally:
        process.kill()
        process.wait()

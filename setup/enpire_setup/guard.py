"""Runs one program for the set-up; ends it, with all that it started, when the set-up is gone.

`Log.run` starts it as a process of its own: `python guard.py PROGRAM ARGUMENT...`.
Its standard input is a pipe whose other end only the set-up holds. When that
end closes, by intent or because the set-up was killed, the program's process
group is ended. The guard inherits the set-up's lock and so holds it until the
program is gone; the program does not inherit it, so that a daemon which it
leaves behind holds nothing. Not covered: what starts a session of its own, and
a guard that is killed itself.
"""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Sequence

PATIENCE_S = 10.0
NOT_STARTED = 127


def run(command: Sequence[str], pipe: int, patience_s: float = PATIENCE_S) -> int:
    """Run a program until it ends or the pipe is closed. Returns its exit status, as of a shell.

    A program that does not end within `patience_s` of SIGTERM is killed.
    """
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr, flush=True)
        return NOT_STARTED
    ending = threading.Event()
    ended = threading.Event()

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        if ended.is_set():
            return
        ending.set()
        _signal_group(program.pid, signal.SIGTERM)
        if not ended.wait(patience_s):
            _signal_group(program.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    status = program.wait()
    ended.set()
    if ending.is_set():
        _end_group(program.pid)
    return status if status >= 0 else 128 - status


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group. Returns False when nobody is left in it."""
    with suppress(ProcessLookupError):
        os.killpg(group, number)
        return True
    return False


def _end_group(group: int) -> None:
    """Kill who is left of the group, and wait until they are gone (killed is not gone at once)."""
    deadline = time.monotonic() + 5.0
    while _signal_group(group, signal.SIGKILL) and time.monotonic() < deadline:
        time.sleep(0.01)


if __name__ == '__main__':
    # Daemon threads that read a pipe need no clean-up.
    code = run(sys.argv[1:], sys.stdin.fileno())
    sys.stdout.flush()
    os._exit(code)

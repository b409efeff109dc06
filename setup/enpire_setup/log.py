"""Progress lines for people, details for a file, and programs run with both.

Not covered: the log is not rotated; each set-up that has work to do starts it
anew.
"""
from __future__ import annotations

import collections
import datetime
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator, Mapping, Optional, Sequence, TextIO

from . import guard, signals

_PYTHON = sys.executable
TAIL_LINES = 400


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit status and the end of what it wrote."""

    status: int
    tail: str


class Log:
    """A file for details; a full disk stops the details, never the set-up's own sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Optional[TextIO] = None
        self.cut_short = False
        # Descriptors that stay open until a program is gone, though the set-up be killed: its lock.
        self.held_by_programs: tuple[int, ...] = ()

    def open(self) -> None:
        """Start the file anew. Raises OSError when it cannot be written."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, 'w', encoding='utf-8', errors='replace')
        self.write(f'Set-up of {datetime.datetime.now().isoformat(timespec="seconds")}\n')

    def write(self, text: str) -> None:
        """Add text. A file that can't be written any more is given up, and `cut_short`
        says so: the full disk itself is told by the stage that needed the room.
        """
        if self._file is None:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except OSError:
            self.cut_short = True
            self.close()

    def close(self) -> None:
        """Close the file. What can't be flushed is lost, and `cut_short` says so."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError:
            self.cut_short = True

    def run(
        self,
        command: Sequence[str],
        env: Optional[Mapping[str, str]] = None,
        cwd: Optional[Path] = None,
    ) -> Outcome:
        """Run a program to its end, its output into the log. The caller judges the status.

        A program that cannot be started has status 127 and says so. Whatever ends this
        call early, and whatever ends the set-up, ends the program too (`guard.py`).
        """
        self.write(f'\n$ {" ".join(str(word) for word in command)}\n')
        tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
        process: Optional[subprocess.Popen[str]] = None
        try:
            with signals.held():
                process = self._start(command, env, cwd)
            assert process.stdout is not None
            for line in process.stdout:
                tail.append(line)
                self.write(line)
            status = process.wait()
        except BaseException:
            if process is not None:
                assert process.stdin is not None
                process.stdin.close()  # the guard ends the program
                process.wait()
            raise
        finally:
            if process is not None:
                _close(process.stdin, process.stdout)
        self.write(f'(exit status {status})\n')
        return Outcome(status, ''.join(tail))

    def _start(
        self,
        command: Sequence[str],
        env: Optional[Mapping[str, str]],
        cwd: Optional[Path],
    ) -> 'subprocess.Popen[str]':
        return subprocess.Popen(
            [_PYTHON, '-I', '-S', guard.__file__, *(str(word) for word in command)],
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,
            pass_fds=self.held_by_programs,
        )


def _close(*files: Optional[IO[str]]) -> None:
    for file in files:
        if file is not None:
            file.close()


@contextmanager
def progress(title: str, log: Log) -> Iterator[None]:
    """Show one line for a stage: its title at once, its seconds when it ends well."""
    sys.stdout.write(f'  {title} ... ')
    sys.stdout.flush()
    log.write(f'\n== {title}\n')
    start = time.monotonic()
    try:
        yield
    except BaseException:
        with suppress(OSError):  # the terminal may be the one that was closed
            sys.stdout.write('\n')
            sys.stdout.flush()
        raise
    sys.stdout.write(f'{time.monotonic() - start:.1f} s\n')
    sys.stdout.flush()


def plain_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of the environment without what an outer `make` or Python left in it."""
    dropped = ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'PYTHONHOME', '__PYVENV_LAUNCHER__')
    env = {name: value for name, value in base.items() if name not in dropped}
    env.setdefault('PATH', os.defpath)
    return env

"""A process of the train server's, and all that it starts: begun in the sandbox, watched, ended.

Whichever of server, guard and script is killed, nothing is left, the home included. What the child says are JSON lines
through a pipe; what it prints goes to a file. Its home is its own, in memory where the sandbox is bubblewrap, and what
it left there can be read after its end.
"""

import contextlib
import json
import os
import select
import subprocess
import sys

from enpire_research.training import view
from enpire_research.trials.log_drain import LogDrain
from enpire_safety.sandbox.confinement import Confinement, Limits

MAX_LINE = 64 * 1024
READY_S = 60.0
_READ_BYTES, _READS = 1 << 16, 16
_FILE_BYTES, _FILES, _PROCESSES = 4 << 30, 1024, 1024
# Memory that a process may only ask for, over twice its budget: what it really uses is watched from outside.
_ASK_BYTES = 4 << 30


def limits(memory_bytes):
    """Return the Limits of a training with this budget of memory.

    Twice as much (and what CUDA maps) may be asked for, not used. No file is larger either: it may lie in memory.
    """
    return Limits(memory_bytes=None, data_bytes=2 * memory_bytes + _ASK_BYTES, processes=_PROCESSES, cpu_s=None,
                  file_bytes=min(_FILE_BYTES, memory_bytes), files=_FILES)


class _Log(LogDrain):
    """Keeps what is printed, and knows the last line of it."""

    def __init__(self, fd, path):
        self._tail = b''
        super().__init__(fd, path)

    def _keep(self, data):
        self._tail = (self._tail + data)[-1000:]
        super()._keep(data)

    @property
    def last_line(self):
        """The last line with something on it, at most 200 characters."""
        lines = [line.strip() for line in self._tail.decode('utf-8', 'replace').splitlines()]
        return next((line[-200:] for line in reversed(lines) if line), '')


class Child:
    """``python -m MODULE WORD`` in ``home`` of ``launcher``; killed when the *thread* that made this object ends.

    ``given``: the content of VARIABLE without its pipe; ``shown``: files and folders that it may read beside the usual
    ones; ``log_path``: where what it prints goes. OSError, SandboxError.
    """

    def __init__(self, launcher, home, module, word, given, shown, log_path, environ):
        pipe, output = os.pipe(), os.pipe()
        self._pipe, self._home = pipe[0], home
        os.set_blocking(self._pipe, False)
        variables = view.environment(home.path, dict(given, pipe=pipe[1]), environ)
        try:
            self._confined = launcher.start(Confinement(
                (sys.executable, '-m', module, word), variables, home, output[1], (*view.visible(), *shown),
                view.listed(), view.devices(), (pipe[1],), limits(given['memory_budget_bytes']), unix_sockets=True,
                memory_files=True, held=True))
        except BaseException:
            os.close(pipe[0])
            os.close(output[0])
            raise
        finally:
            os.close(pipe[1])
            os.close(output[1])
        self._log = _Log(output[0], log_path)
        self._buffer, self._closed, self._dead = bytearray(), False, False
        self.pid = self._confined.pid
        self.bad_lines = 0
        try:
            self._confined.wait_ready(READY_S)
            home.attach(self._confined)
            self._confined.release()
        except BaseException:
            self.kill()
            raise

    @property
    def last_line(self):
        """The last line that it printed."""
        return self._log.last_line

    @property
    def log_trouble(self):
        """Why its log lacks something, or ''."""
        return self._log.trouble

    def wait(self, seconds):
        """Wait until it says something or ends, for at most ``seconds``."""
        if self._closed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._confined.wait(seconds)
            return
        poller = select.poll()
        poller.register(self._pipe, select.POLLIN)
        poller.poll(1000 * seconds)

    def messages(self):
        """Return what it has said since the last call: dicts; lines that are none are counted in ``bad_lines``."""
        found = []
        for _ in range(_READS):
            try:
                data = os.read(self._pipe, _READ_BYTES)
            except BlockingIOError:
                break
            if not data:
                self._closed = True
                break
            self._buffer += data
            *lines, rest = self._buffer.split(b'\n')
            found += [message for message in map(self._parsed, lines) if message is not None]
            self._buffer = rest if len(rest) <= MAX_LINE else bytearray()
            self.bad_lines += len(rest) > MAX_LINE
        return found

    def _parsed(self, line):
        try:
            # Half of a surrogate pair can be said in JSON, but nobody can log or publish it.
            message = json.loads(bytes(line), object_pairs_hook=_clean)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self.bad_lines += 1
            return None
        return message

    def status(self):
        """Return its exit status (negative: the signal that ended it), or None while it runs."""
        return self._confined.poll()

    def used(self, budget_bytes):
        """Return (CPU seconds, bytes of memory) of it and all that it started, files in memory at its home included.

        What several share is counted once only where the plain sum is over ``budget_bytes``: it costs time.
        """
        pids, files = self._confined.members(), self._home.used_bytes()
        resident = files + sum(map(_resident_bytes, pids))
        if resident > budget_bytes:
            resident = files + sum(map(_share_bytes, pids))
        return sum(found.cpu_s for found in pids.values()), resident

    def kill(self):
        """End it and all that it started; return the pids that could not be killed. Twice is fine."""
        if self._dead:
            return []
        self._dead = True
        left = self._confined.kill()
        os.close(self._pipe)
        self._log.close()
        return left


def _clean(pairs):
    return {_encodable(name): _encodable(value) if isinstance(value, str) else value for name, value in pairs}


def _encodable(text):
    return text.encode('utf-8', 'backslashreplace').decode()


def _resident_bytes(pid):
    try:
        with open(f'/proc/{pid}/statm', 'rb') as handle:
            return int(handle.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    except (OSError, IndexError):
        return 0  # gone


def _share_bytes(pid):
    try:
        with open(f'/proc/{pid}/smaps_rollup', 'rb') as handle:
            return next(int(line.split()[1]) << 10 for line in handle if line.startswith(b'Pss:'))
    except (OSError, StopIteration):
        return _resident_bytes(pid)

"""A process of the train server's, and all that it starts: begun behind a guard, watched, ended.

The guard is that of policies (`trials.policy_guard`): whichever of server, guard and script is killed, nothing is
left, the home included. What the child says are JSON lines through a pipe; what it prints goes to a file.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile

from enpire_core import numerics
from enpire_policy.training import VARIABLE
from enpire_research.trials import policy_guard, proc
from enpire_research.trials.log_drain import LogDrain

# What a script may import beside the interpreter's own: for packages that lie elsewhere, the folders that hold them.
_PACKAGES = ('enpire_core', 'enpire_description', 'enpire_drivers', 'enpire_safety', 'enpire_tasks', 'enpire_research',
             'numpy', 'onnxruntime', 'torch', 'onnx')
# Of ours it inherits only these: where our data and libraries lie, how to render, which GPUs.
_INHERITED = ('AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'MUJOCO_GL', 'CUDA_VISIBLE_DEVICES', 'NVIDIA_VISIBLE_DEVICES',
              'NVIDIA_DRIVER_CAPABILITIES')
MAX_LINE = 64 * 1024
_READ_BYTES, _READS = 1 << 16, 16


class Home:
    """An empty folder for a script, removed by `close`; by the guard where this process is killed."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix=f'{policy_guard.HOME_PREFIX}training_')

    def close(self):
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)


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
    """``python -m MODULE WORDS...`` in ``home``; killed when the *thread* that made this object ends.

    ``given``: the content of VARIABLE without its pipe; ``log_path``: where what it prints goes.
    """

    def __init__(self, module, words, home, given, log_path, environ):
        self._mark = secrets.token_hex(8)
        pipe, output = os.pipe(), os.pipe()
        self._pipe = pipe[0]
        os.set_blocking(self._pipe, False)
        variables = environment(home, self._mark, dict(given, pipe=pipe[1]), environ)
        try:
            self._process = subprocess.Popen(
                [sys.executable, '-I', '-S', policy_guard.__file__, str(os.getpid()), str(pipe[1]), sys.executable,
                 '-m', module, *words], stdin=subprocess.DEVNULL, stdout=output[1], stderr=output[1], cwd=home,
                env=variables, pass_fds=(pipe[1],), start_new_session=True)
        except BaseException:
            os.close(pipe[0])
            os.close(output[0])
            raise
        finally:
            os.close(pipe[1])
            os.close(output[1])
        self._log = _Log(output[0], log_path)
        self._buffer, self._closed, self._dead = bytearray(), False, False
        self.pid = self._process.pid
        self.bad_lines = 0

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
                self._process.wait(seconds)
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
        return self._process.poll()

    def used(self, budget_bytes):
        """Return (CPU seconds, bytes of memory) of it and all that it started.

        What several share is counted once only where the plain sum is over ``budget_bytes``: it costs time.
        """
        pids = proc.family(self.pid, self._mark)
        resident = sum(map(_resident_bytes, pids))
        if resident > budget_bytes:
            resident = sum(map(_share_bytes, pids))
        return sum(found.cpu_s for found in pids.values()), resident

    def kill(self):
        """End it and all that it started; return the pids that could not be killed. Twice is fine."""
        if self._dead:
            return []
        self._dead = True
        self._process.poll()  # its status, before somebody else reaps it
        left = proc.kill_family(self.pid, self._mark)
        self._process.wait()
        os.close(self._pipe)
        self._log.close()
        return left


def _clean(pairs):
    return {_encodable(name): _encodable(value) if isinstance(value, str) else value for name, value in pairs}


def _encodable(text):
    return text.encode('utf-8', 'backslashreplace').decode()


def environment(home, mark, given, environ):
    """Return the whole environment of a training: what ``environ`` has of _INHERITED, and nothing else of it."""
    values = {name: environ[name] for name in _INHERITED if environ.get(name)}
    values.update({
        'PATH': '/usr/bin:/bin', 'HOME': home, 'TMPDIR': home, 'LANG': 'C.UTF-8', 'PYTHONHASHSEED': '0',
        'PYTHONPATH': os.pathsep.join(python_path()), 'PYTHONUNBUFFERED': '1', 'PYTHONNOUSERSITE': '1',
        'MPLBACKEND': 'Agg', proc.MARK: mark, VARIABLE: json.dumps(given),
        # The ROS wheels start Python twice unless told that the library path is set: not needed here.
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF',
        # What torch needs to choose the same kernels of cuBLAS each time.
        'CUBLAS_WORKSPACE_CONFIG': ':4096:8'})
    values.update({name: str(given['threads']) for name in numerics.THREADS})
    return values


def python_path():
    """Return the folders that hold what a script may import; packages that are not installed are left out."""
    folders = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            folder = os.path.dirname(os.path.dirname(os.path.abspath(spec.origin)))
            if folder not in folders:
                folders.append(folder)
    return folders


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

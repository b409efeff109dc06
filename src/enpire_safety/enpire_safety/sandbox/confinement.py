"""What is to run confined, as plain data, and what is seen of it once it runs."""

import contextlib
import json
import os
import resource
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass

from enpire_core import processes
from enpire_safety.sandbox import family

GUARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'guard.py')
_POLL_S = 0.005


class SandboxError(RuntimeError):
    """Something can't be confined here; the text says what was expected, what was found, and what to do."""


@dataclass(frozen=True)
class Limits:
    """Of each process, but for ``processes``: of all together, threads too. Seconds and bytes; None: as it is."""

    memory_bytes: int | None = 4 << 30
    data_bytes: int | None = None
    processes: int = 64
    cpu_s: int | None = 150
    file_bytes: int = 64 << 20
    files: int = 256

    def pairs(self):
        """Return them as [resource, most]."""
        named = {resource.RLIMIT_AS: self.memory_bytes, resource.RLIMIT_DATA: self.data_bytes,
                 resource.RLIMIT_NPROC: self.processes, resource.RLIMIT_CPU: self.cpu_s,
                 resource.RLIMIT_FSIZE: self.file_bytes, resource.RLIMIT_NOFILE: self.files,
                 resource.RLIMIT_CORE: 0, resource.RLIMIT_MEMLOCK: 0, resource.RLIMIT_MSGQUEUE: 0}
        return [[kind, most] for kind, most in named.items() if most is not None]


@dataclass(frozen=True)
class Confinement:
    """``command``: the program's path and its words; ``environment``: all of it; ``home``: of the same launcher.

    ``visible``: files and folders that it may read (and run), beside the system's programs; ``listed``: folders of
    which it may see the names (where that must be said); ``devices``: it may use them; ``fds``: it inherits them;
    ``output``: descriptor for what it prints. ``unix_sockets``, ``memory_files``: see `seccomp`; the sockets only
    where they reach nobody outside. ``held``: it begins when it is released.
    """

    command: tuple
    environment: dict
    home: object
    output: int
    visible: tuple = ()
    listed: tuple = ()
    devices: tuple = ()
    fds: tuple = ()
    limits: Limits = Limits()
    unix_sockets: bool = False
    memory_files: bool = False
    held: bool = False


class Confined:
    """A program that runs confined. Its launcher makes it, in a thread that lives on: it dies with that thread.

    ``process``: the Popen of what we started, which is its guard, or (``within``) the parent of that; ``status``,
    ``go``: descriptors that the guard writes to and reads from; ``mark``: of its environment; ``sweep()``: kills what
    the family doesn't show.
    """

    def __init__(self, process, status, go, within, mark, sweep=None):
        self._process, self._status, self._go, self._within = process, status, go, within
        self._mark, self._sweep = mark, sweep
        os.set_blocking(status, False)
        self._said, self._dead = b'', False
        self.pid = process.pid

    @property
    def ready(self):
        """Whether its guard has begun, and so the home is there."""
        return b'ready\n' in self._heard()

    def poll(self):
        """Return how the program ended, as `subprocess` has it, or None where it (or its guard) still runs."""
        ended = self._process.poll()
        if ended is None:
            return None
        told = self._heard().removeprefix(b'ready\n').strip()
        return os.waitstatus_to_exitcode(int(told)) if told else ended

    def wait(self, timeout):
        """Wait until it ends and return how; subprocess.TimeoutExpired after ``timeout`` seconds."""
        self._process.wait(timeout)
        return self.poll()

    def wait_ready(self, timeout, clock=time.monotonic):
        """Wait until `ready`; SandboxError where it ends before, or after ``timeout`` seconds."""
        end = clock() + timeout
        while not self.ready:
            if self.poll() is not None or not clock() < end:
                raise SandboxError('expected the sandbox to begin, and it '
                                   + ('did not in time' if self.poll() is None else processes.ended(self.poll())))
            time.sleep(_POLL_S)

    def release(self):
        """Let it begin, where it was held."""
        os.write(self._go, b'!')

    def guard(self):
        """Return the pid of its guard, here; None where there is none."""
        if not self._within:
            return self.pid
        return next((pid for pid, found in self.members().items() if found.parent == self.pid), None)

    def outside(self, inside):
        """Return the pid, here, of the process that calls itself ``inside`` in there; None where there is none."""
        return next((pid for pid in self.members() if pid != self.pid and family.innermost(pid) == inside), None)

    def members(self):
        """Return {pid: Stat} of all its processes, guard and the like included."""
        return family.family(self.pid, self._mark, not self._within)

    def usage(self):
        """Return the Usage of all of them."""
        return family.usage(self.pid, self._mark, not self._within)

    def kill(self, clock=None):
        """Kill all of them, and return the pids that could not be killed. Twice is fine. See `family.kill_family`."""
        if self._dead:
            return []
        self.poll()  # its status, before somebody else reaps it
        left = family.kill_family(self.pid, self._mark, clock, not self._within)
        self._process.wait()
        if self._sweep is not None:
            self._sweep()
        self._heard()
        self._dead = True
        os.close(self._status)
        os.close(self._go)
        return left

    def _heard(self):
        with contextlib.suppress(BlockingIOError):  # nothing yet
            self._said += b'' if self._dead else os.read(self._status, 64)
        return self._said


def begin(confinement, cwd, within, before=(), ruleset=None, filter_fd=None, inherited=(), sweep=None):
    """Start ``confinement`` behind a `guard` and return it as Confined. OSError.

    ``before``: the words that go before the guard's; ``within``: see `guard`; ``ruleset``, ``filter_fd``: descriptors
    that the guard applies; ``inherited``: more that what is started needs.
    """
    mark, status, go = secrets.token_hex(8), os.pipe(), os.pipe()
    fds = [fd for fd in (ruleset, filter_fd) if fd is not None]
    words = [*before, sys.executable, '-I', '-S', GUARD, json.dumps({
        'command': confinement.command, 'status': status[1], 'go': go[0], 'held': confinement.held,
        'keep': confinement.fds, 'limits': confinement.limits.pairs(), 'uid': confinement.home.uid, 'within': within,
        'parent': os.getpid(), 'landlock': ruleset, 'seccomp': filter_fd, 'home': confinement.home.path})]
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=confinement.output, stderr=confinement.output, cwd=cwd,
            env={**confinement.environment, family.MARK: mark}, start_new_session=True,
            pass_fds=(*confinement.fds, status[1], go[0], *fds, *inherited))
    except BaseException:
        os.close(status[0])
        os.close(go[1])
        raise
    finally:
        os.close(status[1])
        os.close(go[0])
    return Confined(process, status[0], go[1], within, mark, sweep)

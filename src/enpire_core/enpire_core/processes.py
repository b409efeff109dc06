"""What the kernel says of a process, and what a process asks of it about its children. Linux, by /proc and prctl."""

import ctypes
import os
import signal
from typing import NamedTuple

_TICK_S = 1.0 / os.sysconf('SC_CLK_TCK')
_PF_EXITING = 0x4  # of the kernel's include/linux/sched.h
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38


class Stat(NamedTuple):
    """A process: CPU seconds of its own and of the children that it reaped; ``state``: b'R', b'S', ...

    ``ending``: it runs no more code of its own: the kernel takes it down, or has, and nobody asked for its status.
    """

    parent: int
    session: int
    own_s: float
    reaped_s: float
    state: bytes
    ending: bool

    @property
    def cpu_s(self):
        """CPU seconds, reaped children included."""
        return self.own_s + self.reaped_s


def die_with_parent(parent_pid):
    """Have this process killed when the thread that started it ends; exit where it has already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def mark_for_good():
    """Set `no_new_privs` for this process and all that it will start: nothing takes it off again."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def adopt_orphans():
    """Make this process the parent of what its descendants leave behind, so that it can find it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option, value):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, int(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f'prctl({option}): {os.strerror(code)}')


def signal_name(number):
    """Return the name of a signal, such as 'SIGKILL'; 'signal 40' where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f'signal {number}'


def ended(status):
    """Return how a process ended, in words; ``status``: as `subprocess` has it, negative for a signal."""
    if status >= 0:
        return f'exited with status {status}'
    return f'was killed by signal {-status} ({signal_name(-status)})'


def stat(pid):
    """Return the Stat of ``pid``, or None where it is gone."""
    try:
        with open(f'/proc/{pid}/stat', 'rb') as handle:
            text = handle.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may hold anything.
    fields = text[text.rindex(b')') + 2:].split()
    return Stat(int(fields[1]), int(fields[3]), (int(fields[11]) + int(fields[12])) * _TICK_S,
                (int(fields[13]) + int(fields[14])) * _TICK_S, fields[0],
                fields[0] in (b'Z', b'X') or bool(int(fields[6]) & _PF_EXITING))


def every_stat():
    """Return {pid: Stat} of all processes that this one may see."""
    found = {int(entry): stat(int(entry)) for entry in os.listdir('/proc') if entry.isdigit()}
    return {pid: of_pid for pid, of_pid in found.items() if of_pid is not None}  # less those that ended meanwhile

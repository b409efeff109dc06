"""A process and all that it started: what they use, and their end. Linux, by /proc.

A child belongs to its ancestor by descent, by session, by a mark in the environment that it was started
with, or as an orphan: what a policy's processes leave behind becomes a child of the trial server
(`adopt_orphans`) and can't get rid of `no_new_privs`, which our own children don't have. Not covered: an
orphan that emptied its environment, where we ourselves were started with `no_new_privs`.
"""

import contextlib
import ctypes
import math
import os
import signal
import time

_TICK_S = 1.0 / os.sysconf('SC_CLK_TCK')
MARK = 'ENPIRE_POLICY_MARK'
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
# In lockstep the world waits meanwhile, and after 5 s it takes us for dead.
KILL_S = 2.0
_ROUNDS, _ROUND_S = 400, 0.005


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


def _stat(pid):
    """Return (parent, session, CPU seconds with reaped children, state) of ``pid``, or None if gone."""
    try:
        with open(f'/proc/{pid}/stat', 'rb') as handle:
            text = handle.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may hold anything.
    fields = text[text.rindex(b')') + 2:].split()
    cpu = sum(map(int, fields[11:15])) * _TICK_S
    return int(fields[1]), int(fields[3]), cpu, fields[0]


def cpu_of(pid):
    """Return the CPU seconds that ``pid`` and its reaped children used; 0 where it is gone."""
    found = _stat(pid)
    return 0.0 if found is None else found[2]


def family(pid, mark='', others=()):
    """Return {pid: stat} of ``pid``, its living descendants and session, marked processes and orphans.

    ``others``: our own children that have `no_new_privs` and are no orphans (further policy processes).
    """
    stats = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            found = _stat(int(entry))
            if found is not None:
                stats[int(entry)] = found
    members = {p for p, found in stats.items() if p == pid or found[1] == pid}
    if mark:
        ours, marked_ourselves = os.getpid(), _no_new_privs(os.getpid())
        members |= {p for p, found in stats.items() if found[0] == ours and p not in others
                    and (_marked(p, mark) or (not marked_ourselves and _no_new_privs(p)))}
    grown = True
    while grown:
        more = {p for p, found in stats.items() if found[0] in members} - members
        members |= more
        grown = bool(more)
    return {p: stats[p] for p in members}


def _marked(pid, mark):
    try:
        with open(f'/proc/{pid}/environ', 'rb') as handle:
            return f'{MARK}={mark}'.encode() in handle.read().split(b'\0')
    except OSError:
        return False  # gone, or another user's: not one of ours


def _no_new_privs(pid):
    try:
        with open(f'/proc/{pid}/status', 'rb') as handle:
            return b'\nNoNewPrivs:\t1\n' in handle.read()
    except OSError:
        return False  # gone


def usage(pid, mark='', others=()):
    """Return (CPU seconds, whether one runs or waits for CPU or disk) of ``pid`` and its `family`."""
    members = family(pid, mark, others)
    cpu = sum(found[2] for found in members.values())
    return cpu, any(_busy(p) for p in members)


def _busy(pid):
    try:
        threads = os.listdir(f'/proc/{pid}/task')
    except OSError:
        return False
    for thread in threads:
        found = _stat(f'{pid}/task/{thread}')
        if found is not None and found[3] in (b'R', b'D'):
            return True
    return False


def kill_family(pid, mark='', others=(), clock=None):
    """Kill ``pid`` and its `family` until none is left, and reap those that are our children; KILL_S at most.

    ``clock``: steady seconds; without one the number of rounds alone is bounded.
    Return the pids that still lived after the last round (a fork bomb, or a process in the kernel).
    """
    seen, end = set(), math.inf if clock is None else clock() + KILL_S
    for _ in range(_ROUNDS):
        # Looked for first: descent is lost with the first one that dies.
        members = family(pid, mark, others)
        seen |= set(members)
        _signal_group(pid)
        for member in members:
            _kill(member)
        # A dead one has no environment to know it by: those seen before are looked at by number.
        seen = {member for member in seen if not _gone(member, seen)}
        # Whoever was born while we killed is found by another look.
        if not (members or seen) or (clock is not None and clock() >= end):
            break
        time.sleep(_ROUND_S)
    return sorted(member for member in seen if member != pid)


def _gone(pid, family_pids):
    """Reap ``pid`` where it is a dead child of ours; return whether nothing is left of it."""
    with contextlib.suppress(ChildProcessError):  # another's child: its parent reaps it
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
    found = _stat(pid)
    # Dead, and its parent is one who goes on and will reap it: neither we nor one of its own family.
    return found is None or (found[3] == b'Z' and found[0] != os.getpid() and found[0] not in family_pids)


def stop_group(pid, stopped):
    """Stop (SIGSTOP) or continue (SIGCONT) the process group ``pid``."""
    try:
        os.killpg(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
    except ProcessLookupError:
        return


def _signal_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

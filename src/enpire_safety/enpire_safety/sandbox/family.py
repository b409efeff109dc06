"""A process and all that it started: what they use, and their end. Linux, by /proc.

A process belongs to its ancestor by descent, by session, by a mark in the environment that it was started
with, or as an orphan: what is left of a program whose guard was killed becomes a child of the server
(`processes.adopt_orphans`) and can't get rid of `no_new_privs`, which our own children (guards) don't have. Not
covered: such an orphan that emptied its environment, where we ourselves were started with `no_new_privs`.
"""

import contextlib
import math
import os
import signal
import time
from typing import NamedTuple

from enpire_core.processes import every_stat, stat

MARK = 'ENPIRE_POLICY_MARK'
# In lockstep the world waits meanwhile, and after 5 s it takes us for dead.
KILL_S = 2.0
_ROUNDS, _ROUND_S = 400, 0.005
# So many rounds the first of a family is left alive, so that its orphans are found by it.
_PATIENT_ROUNDS = 100


class Usage(NamedTuple):
    """A family: CPU seconds; whether one runs or waits for a CPU; whether one can't be interrupted (state D)."""

    cpu_s: float
    running: bool
    blocked: bool


def delay_of(pid):
    """Return the seconds in which the main thread of ``pid`` wanted to run and got no CPU; 0 where it is gone.

    ``pid`` may be 'thread-self'. 0 also where the kernel doesn't count it (no CONFIG_SCHED_INFO).
    """
    try:
        with open(f'/proc/{pid}/schedstat', 'rb') as handle:
            return int(handle.read().split()[1]) * 1e-9
    except (OSError, IndexError):
        return 0.0


def family(pid, mark='', emptied=True):
    """Return {pid: Stat} of ``pid``, its living descendants and session, marked processes and orphans.

    ``emptied``: with a mark, whether orphans without it count, too (see above). Not where children of ours have
    `no_new_privs` anyhow, as bubblewrap has.
    """
    stats = every_stat()
    members = {p for p, found in stats.items() if p == pid or found.session == pid}
    if mark:
        ours, marked_ourselves = os.getpid(), _no_new_privs(os.getpid())
        members |= {p for p, found in stats.items() if found.parent == ours
                    and (_marked(p, mark) or (emptied and not marked_ourselves and _no_new_privs(p)))}
    grown = True
    while grown:
        more = {p for p, found in stats.items() if found.parent in members} - members
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


def innermost(pid):
    """Return what ``pid`` is called in the pid namespace that it lives in; None where it is gone."""
    try:
        with open(f'/proc/{pid}/status', 'rb') as handle:
            return next(int(line.split()[-1]) for line in handle if line.startswith(b'NSpid:'))
    except (OSError, StopIteration):
        return None


def usage(pid, mark='', emptied=True):
    """Return the Usage of ``pid`` and its `family`."""
    members = family(pid, mark, emptied)
    states = set().union(*(_states(p) for p in members))
    return Usage(sum(found.cpu_s for found in members.values()), b'R' in states, b'D' in states)


def _states(pid):
    """Return the states of the threads of ``pid``; none where it is gone."""
    try:
        threads = os.listdir(f'/proc/{pid}/task')
    except OSError:
        return set()
    return {found.state for found in (stat(f'{pid}/task/{thread}') for thread in threads) if found is not None}


def kill_family(pid, mark='', clock=None, emptied=True):
    """Kill ``pid`` and its `family` until none is left, and reap those that are our children; KILL_S at most.

    ``pid`` itself dies last: as a child subreaper it keeps its orphans in sight.
    ``clock``: steady seconds; without one the number of rounds alone is bounded.
    Return the pids that still lived after the last round (a fork bomb, or a process in the kernel).
    """
    seen, end = set(), math.inf if clock is None else clock() + KILL_S
    for number in range(_ROUNDS):
        # Looked for first: descent is lost with the first one that dies.
        members = family(pid, mark, emptied)
        seen |= set(members)
        below = [member for member in members if member != pid]
        for member in below:
            _kill(member)
        if not below or number >= _PATIENT_ROUNDS or (clock is not None and clock() >= end - KILL_S / 2):
            _kill(pid)
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
    found = stat(pid)
    # Dead, and its parent is one who goes on and will reap it: neither we nor one of its own family.
    return found is None or (found.state == b'Z' and found.parent != os.getpid() and found.parent not in family_pids)


def stop_group(pid, stopped):
    """Stop (SIGSTOP) or continue (SIGCONT) the process group ``pid``."""
    try:
        os.killpg(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
    except ProcessLookupError:
        return


def _kill(pid):
    """Kill ``pid``, and where it leads a process group, the group at once: no fork is faster than that."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue

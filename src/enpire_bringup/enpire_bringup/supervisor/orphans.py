"""Processes that children leave behind, in sessions of their own: they come to us, and are ended.

`adopt` makes this process the one that orphans below it go to (prctl PR_SET_CHILD_SUBREAPER) instead of
init. So whatever a child started is found when it has ended, however it was started; nothing of the list
may therefore put a process into the background that should live on. Linux only.
Not covered: what a killed supervisor leaves (guard.py and the programs themselves see to that).
"""

import contextlib
import ctypes
import os
import signal

import anyio

PR_SET_CHILD_SUBREAPER = 36
# A killed process may leave children of its own, which come in the next round.
ROUND_S = 0.01
PATIENCE_S = 2.0


def adopt():
    """Become the parent of orphans below this process; OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f'the kernel refused PR_SET_CHILD_SUBREAPER: {os.strerror(number)}')


def children():
    """Return the process ids of this process's children, those that have ended and wait included."""
    own, found = os.getpid(), set()
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat', 'rb') as handle:
                stat = handle.read()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        # 'pid (name) state parent ...'; the name may hold spaces and brackets.
        if int(stat.rpartition(b')')[2].split()[1]) == own:
            found.add(int(name))
    return found


async def end(known):
    """Kill every child of this process that is not in ``known`` (process ids), until none is left.

    Return the process ids of those that would not die within PATIENCE_S. The caller sees to it that no
    child is started meanwhile.
    """
    strangers = set()
    with anyio.move_on_after(PATIENCE_S):
        while True:
            strangers = children() - known
            if not strangers:
                break
            for pid in strangers:
                # Its process id cannot have gone to another: it is ours until it is waited for, here.
                with contextlib.suppress(PermissionError):  # of another user: it is named in the end
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            await anyio.sleep(ROUND_S)
    return strangers

"""Processes that children leave behind, in sessions of their own: they come to us, and are ended.

`enpire_core.processes.adopt_orphans` makes this process the one that orphans below it go to, instead of
init. So whatever a child started is found when it has ended, however it was started; nothing of the list
may therefore put a process into the background that should live on. Linux only.
Not covered: what a killed supervisor leaves (guard.py and the programs themselves see to that).
"""

import contextlib
import os
import signal

import anyio
from enpire_core.processes import every_stat

# A killed process may leave children of its own, which come in the next round.
ROUND_S = 0.01
PATIENCE_S = 2.0


def children():
    """Return the process ids of this process's children, those that have ended and wait included."""
    own = os.getpid()
    return {pid for pid, found in every_stat().items() if found.parent == own}


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

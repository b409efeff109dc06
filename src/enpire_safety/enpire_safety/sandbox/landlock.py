"""Confines by another user, Landlock and a filter of system calls: for root where nobody may make namespaces.

Weaker than bubblewrap. Files are closed by Landlock's rules and the other user's rights, the network and shared memory
by the filter, other processes by the other user (and Landlock's scopes, where it has them). It sees the names, not the
contents, of the files beside what it may read, and whether a file is there. Its home is a folder on disk: each file is
bounded, their sum is not.
"""

import os
import signal

from enpire_safety.sandbox import outside, ruleset, seccomp, system, uids
from enpire_safety.sandbox.confinement import SandboxError

NAME = 'landlock'
# Of /proc, what numeric libraries look at; its own folder there is added when its number is known.
_PROC = ('/proc/cpuinfo', '/proc/meminfo', '/proc/stat', '/proc/sys/vm/overcommit_memory')


class Home(outside.Folder):
    """A home on disk, of a user of its own."""

    def __init__(self):
        self._lease = uids.Lease()
        try:
            super().__init__(self._lease.uid)
        except BaseException:
            self._lease.close()
            raise

    def close(self):
        """See Folder."""
        super().close()
        self._lease.close()


class Landlock:
    """The launcher."""

    name = NAME

    def home(self, size):
        """Return a Home. Its ``size`` is not bounded; each file is."""
        return Home()

    def start(self, confinement):
        """Start what ``confinement`` describes and return it as Confined. OSError, SandboxError."""
        abi = ruleset.version()
        if os.geteuid() != 0 or not abi:
            raise SandboxError(f'expected root and a kernel with Landlock, got user {os.geteuid()} and version '
                               f'{abi} of Landlock')
        filter_fd = os.memfd_create('filter')
        try:
            # A socket of the kind AF_UNIX would reach others here: never.
            os.write(filter_fd, seccomp.program(memory_files=confinement.memory_files))
            rules_fd = ruleset.create(rules(confinement), abi)
            try:
                return outside.launch(confinement, rules_fd, filter_fd, lambda: _sweep(confinement.home.uid))
            finally:
                os.close(rules_fd)
        finally:
            os.close(filter_fd)


def rules(confinement):
    """Return (path, kinds of access) of all that ``confinement`` may use."""
    found = [(path, ruleset.PROGRAMS) for path in (*system.PROGRAMS, *confinement.visible)]
    found += [(path, ruleset.READ) for path in (*system.SETTINGS, *_PROC)]
    found += [(path, ruleset.NAMES) for path in confinement.listed]
    found += [(path, ruleset.DEVICE) for path in (*system.DEVICES, *confinement.devices)]
    return [*found, (confinement.home.path, ruleset.OWN)]


def _sweep(uid):
    """Kill whatever still runs as ``uid``, which is nobody else's."""
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            if os.stat(f'/proc/{entry}').st_uid == uid:
                os.kill(int(entry), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            continue

"""Confines by bubblewrap: own namespaces for processes, mounts, network and the rest, and nothing of ours in them.

As root, bubblewrap mounts as root (so it can show what lies in a folder that only root may enter), and what process 1,
our guard, starts becomes a user of its own first. As a normal user it takes a user namespace; outside, the
program is that same user then.

The root of its file system is an empty one in memory, read-only, with what `system` and the Confinement name; its home
is in memory, bounded, and gone with its last process. /tmp is its home, too, unless something is shown below it.
"""

import os
import shutil

from enpire_safety.sandbox import seccomp, system, uids
from enpire_safety.sandbox.confinement import GUARD, SandboxError, begin

NAME = 'bubblewrap'
PROGRAM = 'bwrap'
HOME = '/sandbox'
SHM_BYTES = 256 << 20
# What it takes to become another user; given up with that.
_TO_CHANGE = ('CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP')


class Home:
    """A home in memory. ``path``: as the program sees it; ``uid``: of the program, None: the one of this process.

    ``folder``: a descriptor by which this process reaches it once it is attached, also after the program's end.
    """

    on_disk = False

    def __init__(self, size):
        self.path, self.size = HOME, size
        self._lease = uids.Lease() if os.geteuid() == 0 else None
        self.uid = None if self._lease is None else self._lease.uid
        self.folder = None

    def attach(self, confined):
        """Have ``folder``, until `close`; ``confined`` was held, and is `ready`. SandboxError."""
        guard = confined.guard()
        try:
            self.folder = os.open(f'/proc/{guard}/root{HOME}', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SandboxError(f'expected to reach the home of a confined program by /proc/{guard}/root: '
                               f'{error.strerror}') from error

    def used_bytes(self):
        """Return the memory that its files take; 0 before it is attached."""
        if self.folder is None:
            return 0
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def close(self):
        """Let it go."""
        if self.folder is not None:
            os.close(self.folder)
            self.folder = None
        if self._lease is not None:
            self._lease.close()


class Bubblewrap:
    """The launcher."""

    name = NAME

    def home(self, size):
        """Return a Home of at most ``size`` bytes."""
        return Home(size)

    def start(self, confinement):
        """Start what ``confinement`` describes and return it as Confined. OSError, SandboxError."""
        program = shutil.which(PROGRAM, path=os.defpath + ':/usr/local/bin')
        if program is None:
            raise SandboxError(f'expected {PROGRAM} (bubblewrap), and it is not installed')
        filter_fd = os.memfd_create('filter')
        try:
            os.write(filter_fd, seccomp.program(unix_sockets=confinement.unix_sockets,
                                                memory_files=confinement.memory_files))
            os.lseek(filter_fd, 0, os.SEEK_SET)
            return begin(confinement, '/', True, argv(program, confinement, filter_fd), inherited=(filter_fd,))
        finally:
            os.close(filter_fd)


def argv(program, confinement, filter_fd):
    """Return the words of bubblewrap before those of the guard; ``program``: the path of bwrap."""
    home = confinement.home
    words = [program, '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try',
             '--hostname', 'sandbox', '--die-with-parent', '--as-pid-1', '--cap-drop', 'ALL']
    if home.uid is None:
        words += ['--unshare-user']
    else:
        for capability in _TO_CHANGE:
            words += ['--cap-add', capability]
    words += _system()
    words += _devices(confinement)
    words += _in_memory(HOME, home.size, '0777')
    words += _shown((GUARD, *filter(os.path.exists, system.SETTINGS), *confinement.visible))
    if '/tmp' not in words:
        words += ['--symlink', HOME, '/tmp']
    # Last: what is mounted on it keeps its own rights.
    return [*words, '--remount-ro', '/', '--chdir', HOME, '--seccomp', str(filter_fd), '--']


def _shown(paths):
    words, made, shown = [], {'/'}, []
    for path in sorted(paths):
        if system.given(path) or any(path == one or path.startswith(f'{one}/') for one in shown):
            continue
        shown.append(path)
        # Left to bubblewrap, they would be root's alone.
        for folder in system.above(path):
            if folder not in made:
                made.add(folder)
                words += ['--perms', '0755', '--dir', folder]
        words += ['--ro-bind', os.path.realpath(path), path]
    return words


def _in_memory(path, size, mode):
    return ['--perms', mode, '--size', str(size), '--tmpfs', path]


def _system():
    words = []
    for path in system.PROGRAMS:
        if os.path.islink(path):
            words += ['--symlink', os.readlink(path), path]
        elif os.path.isdir(path):
            words += ['--ro-bind', path, path]
    return [*words, '--proc', '/proc']


def _devices(confinement):
    words = ['--dir', '/dev', '--symlink', '/proc/self/fd', '/dev/fd']
    for path in (*system.DEVICES, *confinement.devices):
        words += ['--dev-bind-try', path, path]
    if confinement.memory_files:  # the semaphores of multiprocessing lie there
        words += _in_memory('/dev/shm', SHM_BYTES, '1777')
    return words

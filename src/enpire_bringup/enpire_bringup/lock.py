"""One lab at a time in a ROS domain: two would share the names of their stations."""

import contextlib
import fcntl
import glob
import os
import struct
import tempfile

LAST_DOMAIN = 232
# What stands before the run folder in the lock file.
RUN = 'run folder '
# struct flock of 64-bit Linux: type, whence, start, length, process (0 for a lock of an open file).
_FLOCK = struct.Struct('@hhqqi4x')


class Taken(RuntimeError):
    """Another lab runs in this domain; the text says which and what to do."""


class NoLock(RuntimeError):
    """The lock file cannot be used; the text says why and what to do."""


class BadDomain(ValueError):
    """ROS_DOMAIN_ID is no ROS domain."""


def path_of(domain, user=None):
    """Return the lock file of a ROS domain (text of ROS_DOMAIN_ID) for a user."""
    user = os.getuid() if user is None else user
    return os.path.join(tempfile.gettempdir(), f'enpire-lab-{user}-{domain}.lock')


@contextlib.contextmanager
def hold(domain=None):
    """Hold the lock of the domain while a lab runs; `Taken` if another does, `NoLock` without a lock file.

    Yields a function to be told of the run folder, for `running`. The kernel lets go of the lock when
    this process ends, however it ends.
    Not covered: labs of other users, or of other machines in the same network.
    """
    domain = own_domain() if domain is None else domain
    descriptor = _open(path_of(domain))
    try:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _request())
        except (BlockingIOError, PermissionError) as error:
            raise Taken(
                f'a lab runs already in ROS domain {domain}: {_read(descriptor)}. '
                'Stop it with Ctrl-C in its terminal, or set ROS_DOMAIN_ID to another number'
            ) from error
        _write(descriptor, f'process {os.getpid()}, not ready yet')
        yield lambda folder: _write(descriptor, f'process {os.getpid()}, {RUN}{folder}')
    finally:
        os.close(descriptor)


def _open(path):
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NoLock(f'expected a lock file that can be written at {path}, got: {error.strerror}. Remove it, '
                     'or set TMPDIR to a folder of yours (for every `enpire` command alike)') from error


def running(domain=None):
    """Return the run folder of the lab that runs in the domain, or None.

    Raises OSError where the lock file is there and can't be opened.
    """
    domain = own_domain() if domain is None else domain
    try:
        descriptor = os.open(path_of(domain), os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        # This asks who stands in the way and takes nothing: a lab that starts now is not disturbed.
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _request())
        if _FLOCK.unpack(answer)[0] == fcntl.F_UNLCK:
            return None  # that lab has ended
        _, found, folder = _read(descriptor).partition(RUN)
        return folder if found else None
    finally:
        os.close(descriptor)


def _request():
    """Return a request for a write lock on the whole file, owned by the open file."""
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def others():
    """Return {domain: run folder} of labs of this user in other domains than this process's."""
    start, end = path_of('\0').split('\0')
    found = {}
    for path in glob.glob(f'{glob.escape(start)}*{end}'):
        domain = path[len(start):-len(end)]
        with contextlib.suppress(OSError):
            folder = running(domain)
            if folder is not None:
                found[domain] = folder
    return found


def own_domain():
    """Return the ROS domain of this process, as text; `BadDomain` where ROS_DOMAIN_ID is none."""
    text = os.environ.get('ROS_DOMAIN_ID') or '0'
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_DOMAIN):
        raise BadDomain(f'ROS_DOMAIN_ID: expected a whole number from 0 to {LAST_DOMAIN}, got {text!r}: '
                        'set it to one, or unset it')
    return str(int(text))


def _read(descriptor):
    return os.pread(descriptor, 4096, 0).decode(errors='replace')


def _write(descriptor, text):
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)

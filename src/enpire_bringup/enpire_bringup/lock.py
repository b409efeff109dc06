"""One lab at a time in a ROS domain: two would share the names of their stations."""

import contextlib
import fcntl
import os
import tempfile


class Taken(RuntimeError):
    """Another lab runs in this domain; the text says which and what to do."""


def path_of(domain, user=None):
    """Return the lock file of a ROS domain (text of ROS_DOMAIN_ID) for a user."""
    user = os.getuid() if user is None else user
    return os.path.join(tempfile.gettempdir(), f'enpire-lab-{user}-{domain}.lock')


@contextlib.contextmanager
def hold(folder, domain=None):
    """Hold the lock of the domain while a lab with runs in ``folder`` runs; `Taken` if another does.

    The kernel lets go of it when this process ends, however it ends.
    Not covered: labs of other users, or of other machines in the same network.
    """
    domain = os.environ.get('ROS_DOMAIN_ID', '0') if domain is None else domain
    descriptor = os.open(path_of(domain), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Taken(
                f'a lab runs already in ROS domain {domain}: {os.read(descriptor, 4096).decode()}. '
                'Stop it with Ctrl-C in its terminal, or set ROS_DOMAIN_ID to another number'
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f'process {os.getpid()}, runs in {folder}'.encode())
        yield
    finally:
        os.close(descriptor)

"""Users for confined programs, one each, that are nobody else's: numbers without a name in any file."""

import contextlib
import fcntl
import os

from enpire_safety.sandbox.confinement import SandboxError

# Left unused by Debian, and by systemd (https://systemd.io/UIDS-GIDS).
FIRST, LAST = 60600, 61183
FOLDER = '/run/enpire_uids'


class Lease:
    """``uid``: a user that nobody else on this machine leases until `close`. For root.

    A lock on a file keeps it: it ends with this process, however that ends. SandboxError where none is free.
    """

    def __init__(self, folder=FOLDER, uids=range(FIRST, LAST + 1)):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise SandboxError(f'expected a folder {folder} that root can make, for the users of confined programs: '
                               f'{error.strerror}') from error
        count = len(uids)
        for number in range(count):
            # Not all processes begin at the same one.
            self.uid = uids[(os.getpid() * 7 + number) % count]
            self._fd = os.open(os.path.join(folder, str(self.uid)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            os.close(self._fd)
        raise SandboxError(f'expected a free user among {uids[0]} to {uids[-1]}, and {count} confined programs run')

    def close(self):
        """Give it back. Twice is fine."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

"""A small disk of its own for a run folder, and what fills it up. Linux, root: it is mounted."""

import contextlib
import errno
import os
import subprocess

# A campaign of faults leaves less than ten.
MEGABYTES = 64


@contextlib.contextmanager
def small_disk(folder, megabytes=MEGABYTES):
    """Mount an empty tmpfs of that size at ``folder`` (made if need be), and take it away again with all on it."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={megabytes}m,mode=755', 'enpire_faults', str(folder)],
                   check=True)
    try:
        yield folder
    finally:
        # Lazily: a process of a lab that was killed may still have a file open for a moment.
        subprocess.run(['umount', '--lazy', str(folder)], check=True)


class Filler:
    """A file in ``folder`` that takes all the room of its disk."""

    def __init__(self, folder):
        self._path = folder / 'filler'
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def fill(self):
        """Take what room there is, also what somebody gave back since the last time."""
        disk = os.fstatvfs(self._descriptor)
        if disk.f_bavail == 0:
            return
        try:
            os.posix_fallocate(self._descriptor, os.fstat(self._descriptor).st_size, disk.f_bavail * disk.f_frsize)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise  # somebody else took it first, which is as good

    def remove(self):
        """Give it all back."""
        self._path.unlink()
        os.close(self._descriptor)

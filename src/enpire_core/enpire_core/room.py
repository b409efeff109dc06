"""Room on a disk that is kept for what has to be written whatever else fills the disk. Linux.

Not covered: what rewrites elsewhere instead of in place (file systems that copy on write), quotas that count only what
is written, and the entry of a new name in its folder, for which a disk needs a block of its own once in a while.
"""

import ctypes
import errno
import os
import shutil

# What must be free beside, before anything is begun that writes more than its result.
SPARE_BYTES = 16 << 20
_KEEP_SIZE = 1
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class NoRoom(OSError):
    """The disk has no room for what is about to begin; the text says where and what to do."""


def keep(path, descriptor, start, size):
    """Keep ``size`` bytes for the open file from byte ``start`` on, and look that there are SPARE_BYTES beside.

    The file's length and content stay; `os.ftruncate` gives back what lies behind its end. Where the room is kept
    already this costs a call. NoRoom, with ``path``, where the disk is full or nearly so.
    """
    code = errno.EINTR
    while code == errno.EINTR:
        code = 0 if _libc.fallocate(descriptor, _KEEP_SIZE, start, size) == 0 else ctypes.get_errno()
    if code in (errno.ENOSPC, errno.EDQUOT):
        raise _full(path)
    if code not in (0, errno.EOPNOTSUPP):  # not supported: then the bytes beside must do
        raise OSError(code, os.strerror(code), path)
    if not SPARE_BYTES <= shutil.disk_usage(descriptor).free:
        raise _full(path)


def sync_folder(folder):
    """Have the names of the files in ``folder`` on the disk before this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full(path):
    return NoRoom(errno.ENOSPC, f'the disk is full: expected {SPARE_BYTES >> 20} MiB of room, found less: make '
                  'room, it goes on by itself', path)

"""Pictures for a policy's process: in memory that it shares with the trial server, and can only read.

The trial server makes the memory, maps it, and seals it: from then on nobody can map it anew for writing, write to it,
or change its size, whatever else he may do with its descriptor. A camera has one place in it, which is overwritten when
the policy asks for a newer picture; through the pipe go only place, size and stamp.
"""

import fcntl
import mmap
import os

import numpy as np

from enpire_core.types import Frame

# Of the kernel's linux/fcntl.h; Python names it from 3.13 on.
_F_SEAL_FUTURE_WRITE = 0x0010
# Taken up only as far as there are pictures.
MEMORY_BYTES = 128 << 20


class Writer:
    """The trial server's end. ``fd``: for the policy's process to inherit, until `handed_over`."""

    def __init__(self, size=MEMORY_BYTES):
        self._size, self._places, self._end = size, {}, 0
        self.fd = os.memfd_create('frames', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, size)
            self._map = mmap.mmap(self.fd, size)
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
                        | fcntl.F_SEAL_SEAL)
        except BaseException:
            os.close(self.fd)
            raise
        self._bytes = np.frombuffer(self._map, np.uint8)

    def put(self, frame):
        """Put a Frame's colour into its camera's place and return what to say of it; depth stays behind.

        ValueError where there is no room left.
        """
        at, room = self._places.get(frame.camera, (0, -1))
        if frame.color.nbytes > room:
            at = self._end
            if not at + frame.color.nbytes <= self._size:
                raise ValueError(f'{frame.camera}: expected pictures of at most {self._size} bytes in all, one a '
                                 f'camera, got {at} bytes and one of {frame.color.nbytes} more')
            self._places[frame.camera] = at, frame.color.nbytes
            self._end = at + frame.color.nbytes
        self._bytes[at:at + frame.color.nbytes].reshape(frame.color.shape)[:] = frame.color
        height, width, _ = frame.color.shape
        return {'camera': frame.camera, 'stamp': frame.stamp_ns, 'height': height, 'width': width, 'at': at}

    def handed_over(self):
        """The process has inherited the descriptor: it is closed here."""
        os.close(self.fd)
        self.fd = -1

    def close(self):
        """Let the memory go; it is gone when the policy's process is, too."""
        self._bytes = None
        self._map.close()


class Reader:
    """The policy's end; ``fd``: as inherited, and closed here."""

    def __init__(self, fd):
        self._map = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
        os.close(fd)

    def frame(self, said):
        """Return the Frame that `Writer.put` said this of; a copy: what one draws into it nobody else sees."""
        height, width = said['height'], said['width']
        color = np.frombuffer(self._map, np.uint8, 3 * height * width, said['at']).reshape(height, width, 3)
        return Frame(said['camera'], said['stamp'], color.copy())

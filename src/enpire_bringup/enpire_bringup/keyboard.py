"""The keys of the terminal that a lab was started in: one of them stops the arms.

Keys are read one by one, without Enter, and only while the lab is in the terminal's foreground: what is typed for
others stays theirs. Ctrl-C, Ctrl-Z and the rest mean what they always mean.
"""

import os
import sys
import termios
import tty

import anyio

STOP = b's'
# Who is in the background looks so often whether it is in front again.
_LOOK_S = 0.5


class Keyboard:
    """The terminal behind ``descriptor``, standard input by default; none where that is no terminal."""

    def __init__(self, descriptor=None):
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._before = None

    def __enter__(self):
        if self._is_ours():
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSANOW)
        return self

    def __exit__(self, *exc):
        if self._before is not None:
            try:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
            except termios.error:
                return  # the terminal is gone, and nobody types in it

    @property
    def is_there(self):
        """Whether there are keys to read."""
        return self._before is not None

    async def keys(self):
        """Yield each key, a byte, until the terminal is gone."""
        if self._before is None:
            return
        while True:
            with anyio.move_on_after(_LOOK_S):
                await anyio.wait_readable(self._descriptor)
            if not self._is_ours():
                await anyio.sleep(_LOOK_S)
                continue
            # Without blocking: what was typed may have been taken back.
            os.set_blocking(self._descriptor, False)
            try:
                key = os.read(self._descriptor, 1)
            except BlockingIOError:
                continue
            except OSError:
                return
            finally:
                os.set_blocking(self._descriptor, True)
            if not key:
                return
            yield key

    def _is_ours(self):
        try:
            return os.isatty(self._descriptor) and os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False  # a terminal of another session, or none any more

"""What a command says to its terminal, which may close while a lab runs (`enpire lab | head`, a hang-up).

Nobody to tell it to is no reason to break off: arms have to be stopped in order, and results kept.
"""

import os
import sys
import time

import typer


def say(text, err=False):
    """Print ``text`` and a line end. Where that fails, this stream is given up, silently, for good."""
    stream = sys.stderr if err else sys.stdout
    try:
        typer.echo(text, file=stream)
    except OSError:
        # What lies in its buffer would be written again when Python ends, and fail again.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def is_live():
    """Return whether a picture can be drawn again in its place: a terminal, and not a dumb one."""
    return sys.stdout.isatty() and os.environ.get('TERM', '').lower() not in ('', 'dumb', 'unknown')


class Diary:
    """A log file of lines with the time before them. What can't be written is lost; that is said once."""

    def __init__(self, path):
        self._path = path
        self._said = False
        self._file = None

    def __enter__(self):
        # Unbuffered: nothing is left over that could fail when it is closed.
        # At the end: a run that is gone on with has one already.
        self._file = open(self._path, 'ab', buffering=0)
        return self

    def __exit__(self, *exc):
        self._file.close()

    def write(self, text):
        """Write one line."""
        try:
            self._file.write(f'{time.strftime("%H:%M:%S")} {text}\n'.encode())
        except OSError as error:
            if not self._said:
                self._said = True
                say(f'{self._path} cannot be written: {error.strerror}; what happens is not kept there', err=True)

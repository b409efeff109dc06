"""What outlives a gate: who finds it at the start follows a gate that died. And the lock: one gate a folder.

A gate writes the marker when it comes up and removes it when it goes down in order and unlatched. So a
gate that was killed, or stopped while latched, starts latched, and an operator has to look. The causes
of a latch are kept with their rules: stopping and starting a gate is no way to forget them.
Not covered: what a gate was latched for that was killed; the one after it starts latched all the same.
"""

import fcntl
import json
import os

from enpire_core.files import write_json
from enpire_core.words import cut

NAME = 'safety_gate.running'
LOCK = 'safety_gate.lock'
RESTARTED = 'restarted'
_LENGTH = 300  # characters of a cause that are kept
_LOOK = 'look at the station, then clear'


class Occupied(OSError):
    """Another gate lives in the folder."""


class Marker:
    """The marker and the lock of one gate in ``folder``."""

    def __init__(self, folder):
        self._path, self._lock_path = os.path.join(folder, NAME), os.path.join(folder, LOCK)
        self._lock = None

    def begin(self):
        """Take the folder; return [] or the causes to start latched with: [(name of a rule, text)].

        Raises Occupied where another gate has it, OSError where it is missing or cannot be written.
        """
        self._take()
        try:
            causes = self._left_behind() if os.path.exists(self._path) else []
            # Until `end` says otherwise, whoever finds this follows a gate that died.
            write_json(self._path, {'causes': []})
        except BaseException:
            self.close()
            raise
        return causes

    def end(self, causes):
        """Say that the gate goes down in order; ``causes`` of its latch as of `begin`. Gives the folder back."""
        try:
            if causes:
                write_json(self._path, {'causes': [[rule, cut(text, _LENGTH)] for rule, text in causes]})
            elif os.path.exists(self._path):
                os.unlink(self._path)
        finally:
            self.close()

    def close(self):
        """Give the folder back and leave the marker, as a gate does that dies. May be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self):
        # Python's descriptors are not inherited by programs that are started: the lock dies with the gate. The
        # file stays: who unlinks a lock file lets two in.
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode('ascii', 'replace').strip() or 'unknown'
            os.close(lock)
            raise Occupied(f'expected to be the only gate in this run_dir, but process {holder} holds '
                           f'{self._lock_path}: stop that one first, or give this one a folder of its own') from None
        self._lock = lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)

    def _left_behind(self):
        try:
            with open(self._path, encoding='utf-8') as handle:
                causes = [(str(rule), cut(text, _LENGTH)) for rule, text in json.load(handle)['causes']]
        except (ValueError, KeyError, TypeError) as error:
            text = f'the gate before this one left a marker that cannot be read ({self._path}: {cut(error)}); {_LOOK}'
            return [(RESTARTED, text)]
        if not causes:
            return [(RESTARTED, f'the gate before this one died without a word; {_LOOK}')]
        if any(rule == RESTARTED for rule, _ in causes):
            return causes  # stopped and started once more: the first reason still stands
        said = '; '.join(f'{rule}: {text}' for rule, text in causes)
        return [(RESTARTED, f'the gate before this one was stopped while latched: {cut(said, _LENGTH)}; {_LOOK}'),
                *causes]

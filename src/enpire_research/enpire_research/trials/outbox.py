"""The unit's outbox: one JSON file a phase of a trial, whole or not there, written before anybody hears.

Writing the same report again changes nothing, so a server that died between writing and answering may
write again. Another report under the same name is an error: a trial has one result.

A full disk must not cost a verdict: whoever begins a phase reserves the room of its report first, and begins none
where there is no room. See `enpire_core.room` for what that doesn't cover.
"""

import json
import os
import re

from enpire_core import room
from enpire_research.trials.report import Report, ReportError, read

_NAME = re.compile(r'([A-Za-z0-9._-]{1,64})\.(reset|rollout)\.json')
# Where the next report is written, to be renamed when it is whole.
_NEXT = '.next'
# The longest text of a policy has 8000 characters, as JSON 12 bytes each at most, and it may stand there twice.
ROOM_BYTES = 256 << 10


def encode(values):
    """Return the bytes of the file of a report that is ``values`` as a dictionary."""
    return (json.dumps(values, sort_keys=True, indent=1) + '\n').encode()


class OutboxConflict(ValueError):
    """The outbox holds another result for the same phase of the same trial."""


class Outbox:
    """``folder`` is made if need be (0700)."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    def path(self, trial_id, phase):
        """Return where the report of ``phase`` of ``trial_id`` lies."""
        name = f'{trial_id}.{phase}.json'
        if not _NAME.fullmatch(name):
            raise ValueError(f'expected a trial id of 1 to 64 characters [A-Za-z0-9._-] and a phase, got {name!r}')
        return os.path.join(self.folder, name)

    def holds(self, trial_id, phase):
        """Return whether there is a report of that phase."""
        return os.path.exists(self.path(trial_id, phase))

    def reserve(self):
        """Keep the room of the next report; costs a call where it is kept. `enpire_core.room.NoRoom` where the disk is
        full.
        """
        with self._next() as handle:
            room.keep(self.folder, handle.fileno(), 0, ROOM_BYTES)

    def put(self, report):
        """Write ``report`` and return its path. OutboxConflict where another one is there already.

        One writer at a time.
        """
        path = self.path(report.trial_id, report.phase)
        values = report.to_dict()
        if os.path.exists(path):
            if read(path).to_dict() == json.loads(json.dumps(values)):
                return path
            raise OutboxConflict(f'{path}: expected no result of this trial yet, but another one is there: '
                                 'give each trial an id of its own')
        data = encode(values)
        with self._next() as handle:
            # In place, as the room is reserved there; what an interrupted write has left is written over.
            handle.write(data)
            handle.truncate(len(data))
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(os.path.join(self.folder, _NEXT), path)
        room.sync_folder(self.folder)
        return path

    def _next(self):
        return os.fdopen(os.open(os.path.join(self.folder, _NEXT), os.O_WRONLY | os.O_CREAT, 0o600), 'wb')

    def reports(self):
        """Return (reports, problems): all Reports here sorted by name, and texts about unreadable files."""
        found, problems = [], []
        for name in sorted(os.listdir(self.folder)):
            if not _NAME.fullmatch(name):
                continue  # parts of a write that was interrupted begin with a dot
            try:
                found.append(read(os.path.join(self.folder, name)))
            except ReportError as error:
                problems.append(str(error))
        return found, problems


__all__ = ['Outbox', 'OutboxConflict', 'Report']

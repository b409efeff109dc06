"""The unit's outbox: one JSON file a phase of a trial, whole or not there, written before anybody hears.

Writing the same report again changes nothing, so a server that died between writing and answering may
write again. Another report under the same name is an error: a trial has one result.
"""

import json
import os
import re

from enpire_core.files import write_json
from enpire_research.trials.report import Report, ReportError, read

_NAME = re.compile(r'([A-Za-z0-9._-]{1,64})\.(reset|rollout)\.json')


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

    def put(self, report):
        """Write ``report`` and return its path. OutboxConflict where another one is there already."""
        path = self.path(report.trial_id, report.phase)
        values = report.to_dict()
        if os.path.exists(path):
            if read(path).to_dict() == json.loads(json.dumps(values)):
                return path
            raise OutboxConflict(f'{path}: expected no result of this trial yet, but another one is there: '
                                 'give each trial an id of its own')
        write_json(path, values)
        return path

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

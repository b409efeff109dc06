"""The ledger of a campaign on disk: one record a line, appended by one writer, read by anybody at any time.

Each line is written and fsynced before `append` returns. A line without its end is not yet a record: a reader
passes over it, and a writer that finds one (a crash in the middle of a write) moves it to ledger.torn-<k> and goes
on. Any other damage is a LedgerError: nothing is repaired that could hide what was there.

Not covered: somebody who rewrites the whole file, with all the hashes: `audit` holds it against what others wrote.
"""

import json
import os

from enpire_core import room
from enpire_core.files import write_bytes
from enpire_research.campaign import chain
from enpire_research.campaign.records import check
from filelock import FileLock, Timeout

NAME, LOCK, TORN = 'ledger.jsonl', 'ledger.lock', 'ledger.torn-'
# Kept for what comes of the trials under way and what follows from them: two long reports a trial are 0.2 MB.
ROOM_BYTES = 4 << 20


class LedgerError(ValueError):
    """The ledger is damaged, can't be written, or is another campaign's; the text says what to do."""


class LedgerTaken(LedgerError):
    """Another process writes this ledger."""


class Ledger:
    """The one writer; `open` makes it. ``torn``: paths of unfinished lines that `open` moved aside."""

    def __init__(self, folder, wall_ns, lock, descriptor, records, size):
        self.folder, self.records, self.torn = folder, records, []
        self.path = os.path.join(folder, NAME)
        self._wall_ns, self._lock, self._descriptor, self._size = wall_ns, lock, descriptor, size

    @classmethod
    def open(cls, folder, wall_ns):
        """Open the ledger in ``folder`` (made if need be) for writing.

        ``wall_ns``: function that returns the wall clock in ns. LedgerTaken where somebody else writes it,
        LedgerError where it is damaged or the folder can't be written.
        """
        folder = os.path.abspath(folder)
        path = os.path.join(folder, NAME)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            lock = _lock(folder)
        except OSError as error:
            raise LedgerError(f'{folder}: expected a folder that can be written: {error}') from error
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            lock.release()
            raise LedgerError(f'{path}: expected a file that can be written: {error}') from error
        try:
            data = _read_all(path)
            records, size = _parse(data, path)
            ledger = cls(folder, wall_ns, lock, descriptor, records, size)
            if size != len(data):
                ledger._move_aside(data[size:])
            room.sync_folder(folder)
        except BaseException:
            os.close(descriptor)
            lock.release()
            raise
        return ledger

    def keep_room(self):
        """Keep room for records to come, so that they can be written whatever fills the disk. NoRoom where it is full.

        Ask before anything is begun that must be on record.
        """
        self._expect_open()
        room.keep(self.path, self._descriptor, self._size, ROOM_BYTES)

    def append(self, kind, body):
        """Write one record and return it, when it is on the disk.

        RecordError where ``body`` is not what that kind has; LedgerError where it can't be written: nothing of it is
        in the ledger then, and the ledger must be opened anew.
        """
        check(kind, body)
        self._expect_open()
        previous = self.records[-1].hash if self.records else chain.FIRST
        record = chain.make(len(self.records), kind, self._wall_ns(), body, previous)
        line = record.line()
        found = os.fstat(self._descriptor).st_size
        if found != self._size:
            raise LedgerError(f'{self.path}: expected {self._size} bytes as this process wrote them, got {found}: '
                              'somebody else changed the file; start the research node again, it checks every line')
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(f'{written} of {len(line)} bytes could be written')
            os.fsync(self._descriptor)
        except OSError as error:
            self._take_back()
            raise LedgerError(f'{self.path}: record {record.n} could not be written: {error}. Make room on the disk '
                              'and start the research node again: it goes on from there') from error
        self._size += len(line)
        self.records.append(record)
        return record

    def close(self):
        """Let others write it; may be called twice."""
        if self._descriptor is not None:
            if os.fstat(self._descriptor).st_size == self._size:
                os.ftruncate(self._descriptor, self._size)  # gives the room back
            os.close(self._descriptor)
            self._descriptor = None
            self._lock.release()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _expect_open(self):
        if self._descriptor is None:
            raise LedgerError(f'{self.path}: expected an open ledger, got a closed one: open it again')

    def _take_back(self):
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass  # what is left of the line has no end, or the next opening says what is wrong with it
        self.close()

    def _move_aside(self, tail):
        taken = [int(name[len(TORN):]) for name in os.listdir(self.folder)
                 if name.startswith(TORN) and name[len(TORN):].isdigit()]
        path = os.path.join(self.folder, f'{TORN}{max(taken, default=-1) + 1}')
        write_bytes(path, tail)
        os.ftruncate(self._descriptor, self._size)
        os.fsync(self._descriptor)
        self.torn.append(path)


def read(folder):
    """Return the records of the ledger in ``folder`` so far; LedgerError where there is none or it is damaged."""
    path = os.path.join(os.path.abspath(folder), NAME)
    try:
        data = _read_all(path)
    except OSError as error:
        raise LedgerError(f'{path}: expected the ledger of a campaign, found none that can be read: '
                          f'{error.strerror}') from error
    return _parse(data, path)[0]


def _parse(data, path):
    """Return (records, bytes that they fill); what follows them is an unfinished line."""
    records, size, previous = [], 0, chain.FIRST
    lines = data.split(b'\n')
    for number, line in enumerate(lines[:-1], 1):
        try:
            record = chain.parse(line, len(records), previous)
        except chain.ChainError as error:
            if number == len(lines) - 1 and not lines[-1] and not _is_json(line):
                return records, size  # the end of the line came to the disk, but not all before it
            raise LedgerError(f'{path}, line {number}: {error}. The ledger was changed or damaged after it was '
                              'written: put a copy back, or start a new run; nothing was changed now') from error
        records.append(record)
        size += len(line) + 1
        previous = record.hash
    return records, size


def _is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _lock(folder):
    lock = FileLock(os.path.join(folder, LOCK), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LedgerTaken(f'{folder}: expected a ledger that nobody else writes, but another process does: one '
                          'research node a campaign. Stop it first, or give this one another run folder; '
                          '`enpire status` shows a running campaign') from error
    return lock


def _read_all(path):
    with open(path, 'rb') as handle:
        return handle.read()

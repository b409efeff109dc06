"""Which station runs which trial, and what the results add up to. Pure: no clock, no ROS.

Trial i belongs to station i % U and its seed to trial i, so that a lab with the same seed is the same
lab again, whoever is quicker. A void trial is our own fault: the same station repeats it, at most three
times, under the name with '-r1', '-r2', '-r3'. Where somebody else's goal came between its reset and its
rollout, a trial begins anew under the next of these names, and that is no void. A station that voids three
times in a row is out, and so is one whose gate is latched or whose server is gone; its trials stay its own
and wait for it.
"""

import collections
import math
from dataclasses import dataclass, field, replace

from enpire_core.seeds import derive
from enpire_research.trials import report as reports

MAX_REPEATS = 3
MAX_VOIDS_IN_A_ROW = 3
BUSY_CODES = (102, 202)
LATCHED_CODES = (108, 216)


def trial_seed(lab_seed, index):
    """Return the seed of trial ``index`` of a lab: the same on whichever station, and by the direct runner."""
    return derive(lab_seed, 'trial', index)


@dataclass(frozen=True)
class Job:
    """One trial: its number in the lab, how often it was begun before, and how often it was void of these."""

    index: int
    repeat: int = 0
    voids: int = 0

    @property
    def trial_id(self):
        """Name of the trial."""
        return f'trial-{self.index:05d}' + (f'-r{self.repeat}' if self.repeat else '')


@dataclass
class Row:
    """What one station did: counts as StationStatus.msg has them."""

    unit: str
    jobs: collections.deque
    trials: int = 0
    successes: int = 0
    voids: int = 0
    given_up: int = 0
    voids_in_a_row: int = 0
    real_time_factor: float = math.nan
    reason: str = ''
    out: str = ''
    latched: bool = False
    job: Job = None
    results: dict = field(default_factory=dict)


class Schedule:
    """``units``: names in the order of the lab; ``trials``: how many; ``lab_seed``."""

    def __init__(self, units, trials, lab_seed):
        self.lab_seed = lab_seed
        self.rows = {unit: Row(unit, collections.deque(Job(i) for i in range(trials) if i % len(units) == k))
                     for k, unit in enumerate(units)}

    def seed(self, job):
        """Return the seed of ``job``; a repeat has that of the trial it repeats."""
        return trial_seed(self.lab_seed, job.index)

    def take(self, unit):
        """Return the next Job of ``unit``, or None where it is out or has none left."""
        row = self.rows[unit]
        if row.out or not row.jobs:
            return None
        row.job = row.jobs.popleft()
        return row.job

    def put_back(self, unit):
        """The job was not begun (the station was busy with somebody else's goal): it comes next again."""
        row = self.rows[unit]
        row.jobs.appendleft(row.job)
        row.job = None

    def begin_anew(self, unit):
        """The reset is done, but the station was busy with somebody else's goal then: reset and rollout come anew.

        Under another name, as the first one has the result of a reset already. Nobody's fault: no void.
        """
        row = self.rows[unit]
        row.jobs.appendleft(replace(row.job, repeat=row.job.repeat + 1))
        row.job = None

    def reset_done(self, unit, report):
        """Take the Report of a reset; return True where the rollout may follow."""
        row = self.rows[unit]
        self._note_speed(row, report)
        if report.status == reports.SUCCEEDED:
            return True
        self._void(row, report)
        return False

    def rollout_done(self, unit, report):
        """Take the Report of a rollout."""
        row = self.rows[unit]
        self._note_speed(row, report)
        if report.status not in (reports.SUCCEEDED, reports.FAILED):
            self._void(row, report)
            return
        row.trials += 1
        row.successes += report.status == reports.SUCCEEDED
        row.voids_in_a_row = 0
        row.reason = '' if report.status == reports.SUCCEEDED else _reason(report)
        row.results[row.job.index] = (row.job.trial_id, report.status, report.score)
        row.job = None
        if report.error_code in LATCHED_CODES:
            self.put_out(unit, row.reason, latched=True)

    def lost(self, unit, text):
        """The goal under way will never be answered; ``text`` says why. Its trial is void."""
        row = self.rows[unit]
        self._count_void(row, text)

    def put_out(self, unit, reason, latched=False):
        """Take ``unit`` out of service for ``reason``; ``latched``: until its gate is cleared."""
        row = self.rows[unit]
        row.out, row.latched, row.reason = reason, latched, reason

    def back(self, unit):
        """``unit`` is in service again."""
        row = self.rows[unit]
        row.out, row.latched, row.voids_in_a_row = '', False, 0

    @property
    def finished(self):
        """True when no trial is left or under way."""
        return all(not row.jobs and row.job is None for row in self.rows.values())

    @property
    def stuck(self):
        """True when trials are left, but every station that has some is out for good.

        A latched one waits for its operator: `enpire stop` and `enpire clear` must not end a lab.
        """
        left = [row for row in self.rows.values() if row.jobs or row.job is not None]
        return bool(left) and all(row.out and not row.latched and row.job is None for row in left)

    def _void(self, row, report):
        latched = report.error_code in LATCHED_CODES
        self._count_void(row, _reason(report))
        if latched:
            self.put_out(row.unit, row.reason, latched=True)

    def _count_void(self, row, text):
        job, row.job = row.job, None
        row.voids += 1
        row.voids_in_a_row += 1
        row.reason = text
        if job.voids < MAX_REPEATS:
            row.jobs.appendleft(Job(job.index, job.repeat + 1, job.voids + 1))
        else:
            row.given_up += 1
            row.results[job.index] = (job.trial_id, reports.VOID, math.nan)
        if row.voids_in_a_row >= MAX_VOIDS_IN_A_ROW:
            self.put_out(row.unit, f'{row.voids_in_a_row} void trials in a row, the last: {text}')

    @staticmethod
    def _note_speed(row, report):
        if report.wall_duration_s > 0 and report.end_ns > report.start_ns:
            row.real_time_factor = (report.end_ns - report.start_ns) * 1e-9 / report.wall_duration_s

    def summary(self):
        """Return counts by station and results by trial as plain values for JSON."""
        return {
            'stations': {row.unit: {'trials': row.trials, 'successes': row.successes, 'voids': row.voids,
                                    'given_up': row.given_up, 'left': len(row.jobs) + (row.job is not None),
                                    'out': row.out} for row in self.rows.values()},
            'results': [{'trial_id': name, 'status': status, 'score': None if math.isnan(score) else score}
                        for _, (name, status, score) in sorted(
                            item for row in self.rows.values() for item in row.results.items())]}


def _reason(report):
    text = report.error_msg.split('\n')[0]
    if not text and report.attempts:
        text = report.attempts[-1].reason
    return text or report.status

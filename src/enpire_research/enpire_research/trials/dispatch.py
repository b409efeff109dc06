"""What a lab and a campaign have in common in handing out trials to stations. Pure: no clock, no ROS.

A station runs one job at a time, a reset and a rollout. Where either is void, that is our own fault and the job comes
again under the name with '-r1', '-r2', '-r3': where, the subclass says. Where somebody else's goal came between reset
and rollout, the job begins anew under the next of these names, and that is no void. Nor is a goal that a station does
not begin, as it is busy or its disk is full: it is sent again. A station that voids three times
in a row is out, and so is one whose gate is latched or whose server is gone. Out for its voids it rests and comes back
on trial: the next void puts it out again, and after so many rests without a result it is out for good.

Where a station refuses a goal because what is frozen differs, nothing is handed out any more: neither a repeat nor
another station would be comparable.
"""

import collections
import math
from dataclasses import dataclass, field, replace

from enpire_research.trials import report as reports

MAX_REPEATS = 3
MAX_VOIDS_IN_A_ROW = 3
MAX_RESTS = 3
BUSY_CODES = (102, 202)
LATCHED_CODES = (108, 216)
MANIFEST_CODES = (107, 215)


@dataclass
class Row:
    """What one station does and did: counts as StationStatus.msg has them.

    ``job``: under way; ``reset``: Report of its reset, once that is done; ``out``: why the station is out, '' for in;
    ``resting``: for its voids, and not for good; ``rests``: how often since its last result.
    """

    unit: str
    jobs: collections.deque = field(default_factory=collections.deque)
    trials: int = 0
    successes: int = 0
    voids: int = 0
    given_up: int = 0
    voids_in_a_row: int = 0
    real_time_factor: float = math.nan
    reason: str = ''
    out: str = ''
    latched: bool = False
    resting: bool = False
    rests: int = 0
    job: object = None
    reset: reports.Report = None

    @property
    def gone(self):
        """True where the station is out and nobody is expected to bring it back.

        A latched one waits for its operator: `enpire stop` and `enpire clear` must not end a lab. One that rests
        comes back. One whose server is missing may, but is not waited for where no other is left.
        """
        return bool(self.out) and not self.latched and not self.resting and self.job is None


class Dispatch:
    """``units``: names in the order of the lab. A job is a frozen dataclass with trial_id, repeat, voids.

    Subclasses say what becomes of a result (`_done`), of a void job (`_void`) and of one that was void too often
    (`_give_up`); Rows' ``jobs`` are what each station has before it, the next one left.
    """

    def __init__(self, units):
        self.rows = {unit: Row(unit) for unit in units}
        # Why nothing is handed out any more; '' while it is.
        self.broken = ''

    def take(self, unit):
        """Return the next job of ``unit``, or None where it is out or has none left."""
        row = self.rows[unit]
        if row.out or self.broken or not row.jobs:
            return None
        row.job, row.reset = row.jobs.popleft(), None
        return row.job

    def put_back(self, unit):
        """The job was not begun (the station was busy with somebody else's goal): it comes next again."""
        row = self.rows[unit]
        row.jobs.appendleft(row.job)
        row.job = row.reset = None

    def begin_anew(self, unit):
        """The reset is done, but the station was busy with somebody else's goal then: reset and rollout come anew.

        Under another name, as the first one has the result of a reset already. Nobody's fault: no void.
        """
        row = self.rows[unit]
        row.jobs.appendleft(replace(row.job, repeat=row.job.repeat + 1))
        row.job = row.reset = None

    def reset_done(self, unit, report):
        """Take the Report of a reset; return True where the rollout may follow."""
        row = self.rows[unit]
        self._note_speed(row, report)
        row.reset = report
        if report.status == reports.SUCCEEDED:
            return True
        self._void_by(row, report, None)
        return False

    def rollout_done(self, unit, report):
        """Take the Report of a rollout."""
        row = self.rows[unit]
        self._note_speed(row, report)
        if report.status not in (reports.SUCCEEDED, reports.FAILED):
            self._void_by(row, report, report)
            return
        row.trials += 1
        row.successes += report.status == reports.SUCCEEDED
        row.voids_in_a_row = row.rests = 0
        row.reason = '' if report.status == reports.SUCCEEDED else reason_of(report)
        job, reset, row.job, row.reset = row.job, row.reset, None, None
        self._done(row, job, reset, report)
        if report.error_code in LATCHED_CODES and _is_of(report, row):
            self.put_out(unit, row.reason, latched=True)

    def lost(self, unit, text):
        """The goal under way will never be answered; ``text`` says why. Its trial is void."""
        self._count_void(self.rows[unit], text, None)

    def put_out(self, unit, reason, latched=False):
        """Take ``unit`` out of service for ``reason``; ``latched``: until its gate is cleared."""
        row = self.rows[unit]
        row.out, row.latched, row.resting, row.reason = reason, latched, False, reason

    def back(self, unit):
        """``unit`` is in service again."""
        row = self.rows[unit]
        row.voids_in_a_row = MAX_VOIDS_IN_A_ROW - 1 if row.rests else 0
        row.out, row.latched, row.resting = '', False, False

    @property
    def left(self):
        """How many jobs wait or are under way."""
        return sum(len(row.jobs) + (row.job is not None) for row in self.rows.values())

    @property
    def finished(self):
        """True when no trial is left or under way."""
        return self.left == 0

    # ---- what subclasses say -----------------------------------------------------------------
    def _done(self, row, job, reset, rollout):
        raise NotImplementedError

    def _void(self, row, job, reset, rollout, text):
        """Called for each void job, before it comes again or is given up."""

    def _again(self, row, job):
        """Put ``job``, the next repeat of what was void on ``row``, where it shall run."""
        row.jobs.appendleft(job)

    def _give_up(self, row, job, text):
        raise NotImplementedError

    # ---- voids -------------------------------------------------------------------------------
    def _void_by(self, row, report, rollout):
        if report.error_code in MANIFEST_CODES:
            self._stop(row, rollout, report.error_msg)
            return
        self._count_void(row, reason_of(report), rollout, own=_is_of(report, row),
                         latched=report.error_code in LATCHED_CODES)

    def _count_void(self, row, text, rollout, own=True, latched=False):
        job, reset, row.job, row.reset = row.job, row.reset, None, None
        row.voids += 1
        row.reason = text
        if own:
            self._blame(row, text, latched)
        self._void(row, job, reset, rollout, text)
        if job.voids < MAX_REPEATS:
            self._again(row, replace(job, repeat=job.repeat + 1, voids=job.voids + 1))
        else:
            row.given_up += 1
            self._give_up(row, job, text)

    def _stop(self, row, rollout, text):
        """What is frozen differs: the job is void, and stays left with all others."""
        job, reset, row.job, row.reset = row.job, row.reset, None, None
        row.voids += 1
        row.reason = text
        self._void(row, job, reset, rollout, text)
        row.jobs.appendleft(replace(job, repeat=job.repeat + 1))
        self.broken = f'{row.unit} refused {job.trial_id}: {text}'

    def _blame(self, row, text, latched):
        """The station of ``row`` itself voided a trial: put it out where it must be."""
        row.voids_in_a_row += 1
        if latched:
            self.put_out(row.unit, text, latched=True)
        elif row.voids_in_a_row >= MAX_VOIDS_IN_A_ROW:
            self.put_out(row.unit, f'{row.voids_in_a_row} void trials in a row, the last: {text}')
            row.resting = row.rests < MAX_RESTS
            row.rests += row.resting

    @staticmethod
    def _note_speed(row, report):
        if report.wall_duration_s > 0 and report.end_ns > report.start_ns:
            row.real_time_factor = (report.end_ns - report.start_ns) * 1e-9 / report.wall_duration_s


def _is_of(report, row):
    """Return whether the station of ``row`` made ``report``, and not another one whose result was found."""
    return report.unit in ('', row.unit)


def reason_of(report):
    """Return in one line why the trial of ``report`` did not succeed."""
    text = report.error_msg.split('\n')[0]
    if not text and report.attempts:
        text = report.attempts[-1].reason
    return text or report.status

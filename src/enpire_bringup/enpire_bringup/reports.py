"""Reads trial reports from the outboxes of a run, for tables and summaries. No ROS.

A report is the JSON form of `enpire_interfaces/TrialReport`, one file a phase.
Not covered: writing them (the trial servers do) and judging them.
"""

import dataclasses
import json
import math
import os
import typing

# Values of TrialReport.STATUS_* and PHASE_*.
STATUS = ('UNKNOWN', 'SUCCEEDED', 'FAILED', 'VOID', 'CANCELED')
PHASE = ('unknown', 'reset', 'rollout')


@dataclasses.dataclass(frozen=True)
class Report:
    """What people want to know of one phase. ``started_s``: wall clock [s]; ``simulated_s``: unit's clock."""

    unit: str
    trial_id: str
    phase: str
    status: str
    error_code: int
    text: str
    score: float
    tries: int
    started_s: float
    wall_s: float
    simulated_s: float

    @property
    def real_time_factor(self):
        """Simulated seconds a wall second; NaN where it took none."""
        return self.simulated_s / self.wall_s if self.wall_s > 0 else math.nan


def _seconds(stamp):
    return stamp['sec'] + stamp['nanosec'] * 1e-9


def from_json(values):
    """Return the `Report` of a decoded JSON report; ValueError, naming the field, where it is none."""
    try:
        score = values['score']
        return Report(
            unit=values['unit'],
            trial_id=values['trial_id'],
            phase=PHASE[values['phase']],
            status=STATUS[values['status']],
            error_code=values['error_code'],
            text=values['error_msg'],
            score=math.nan if score is None else float(score),
            tries=values['tries'],
            started_s=_seconds(values['started_at']),
            wall_s=values['wall_duration_s'],
            simulated_s=_seconds(values['end_stamp']) - _seconds(values['start_stamp']),
        )
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f'expected a trial report, got one where {error!r} is wrong') from error


class Outboxes:
    """The reports in a run's outboxes, read once each. ``folders``: unit -> folder."""

    def __init__(self, folders: typing.Dict[str, str]):
        self._folders = folders
        self._seen = set()

    def new(self):
        """Return the reports that were not there before, in the order in which they began."""
        found = []
        for folder in self._folders.values():
            if not os.path.isdir(folder):
                continue
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                # Files appear whole; what begins with a dot is still being written.
                if name.startswith('.') or not name.endswith('.json') or path in self._seen:
                    continue
                self._seen.add(path)
                with open(path, encoding='utf-8') as handle:
                    found.append(from_json(json.load(handle)))
        return sorted(found, key=lambda report: (report.started_s, report.unit))


@dataclasses.dataclass
class Tally:
    """Counts of one station or of a lab. ``trials``: rollouts that SUCCEEDED or FAILED."""

    trials: int = 0
    successes: int = 0
    voids: int = 0
    canceled: int = 0
    resets: int = 0
    reset_tries: typing.Dict[int, int] = dataclasses.field(default_factory=dict)
    resets_failed: int = 0
    real_time_factor: float = math.nan
    reason: str = ''

    def add(self, report):
        """Count one report."""
        if report.status == 'CANCELED':
            self.canceled += 1
        elif report.status == 'VOID':
            self.voids += 1
        elif report.phase == 'rollout':
            self.trials += 1
            self.successes += report.status == 'SUCCEEDED'
        if report.phase == 'reset' and report.status != 'CANCELED':
            self.resets += 1
            if report.status == 'SUCCEEDED':
                self.reset_tries[report.tries] = self.reset_tries.get(report.tries, 0) + 1
            else:
                self.resets_failed += 1
        if math.isfinite(report.real_time_factor):
            self.real_time_factor = report.real_time_factor
        if report.status not in ('SUCCEEDED', 'UNKNOWN'):
            self.reason = report.text or report.status


def wilson(successes, trials):
    """Return the 95% Wilson interval (low, high) of a rate; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # slow to import, and not needed before the first trial

    interval = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method='wilson')
    return float(interval.low), float(interval.high)


def rate(successes, trials):
    """Return '3 of 10 (30%, 95% interval 11 to 60%)'."""
    if trials == 0:
        return 'none yet'
    low, high = wilson(successes, trials)
    return (
        f'{successes} of {trials} ({successes / trials:.0%}, '
        f'95% interval {100 * low:.0f} to {100 * high:.0f}%)'
    )

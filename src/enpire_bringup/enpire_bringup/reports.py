"""Trial reports of a run, read from its outboxes and counted, for tables and summaries. No ROS.

The reports are those of `enpire_research.trials.report`: the trial servers write them, one file a phase.
Not covered: writing them, and judging them.
"""

import dataclasses
import math
import os
import typing

from enpire_research.trials import report as trial_report
from enpire_research.trials.report import CANCELED, RESET, ROLLOUT, SUCCEEDED, VOID

# Values of TrialReport.STATUS_* in words.
STATUS = tuple(status.upper() for status in trial_report.STATUSES)


def real_time_factor(report):
    """Return simulated seconds a wall second of a phase; NaN where it took no time of either kind."""
    if not (report.wall_duration_s > 0 and report.end_ns > report.start_ns):
        return math.nan
    return (report.end_ns - report.start_ns) * 1e-9 / report.wall_duration_s


class Outboxes:
    """The reports in a run's outboxes, read once each. ``folders``: unit -> folder.

    ``problems``: a line about each file that is no report; its phase is in no count.
    """

    def __init__(self, folders: typing.Dict[str, str]):
        self.problems = []
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
                try:
                    found.append(trial_report.read(path))
                except trial_report.ReportError as error:
                    self.problems.append(str(error))
        return sorted(found, key=lambda report: (report.started_at_ns, report.unit))


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
    put_back: int = 0
    real_time_factor: float = math.nan
    reason: str = ''

    def add(self, report):
        """Count one report."""
        if report.status == CANCELED:
            self.canceled += 1
        elif report.status == VOID:
            self.voids += 1
        elif report.phase == ROLLOUT:
            self.trials += 1
            self.successes += report.status == SUCCEEDED
        if report.phase == RESET and report.status != CANCELED:
            self.resets += 1
            self.put_back += report.put_back
            if report.status == SUCCEEDED:
                self.reset_tries[report.tries] = self.reset_tries.get(report.tries, 0) + 1
            else:
                self.resets_failed += 1
        if math.isfinite(real_time_factor(report)):
            self.real_time_factor = real_time_factor(report)
        if report.status != SUCCEEDED:
            self.reason = reason_of(report)


def reason_of(report):
    """Return why a phase ended as it did, in words: its error, else what its last verdict said."""
    verdict = report.attempts[-1].reason if report.attempts else ''
    return report.error_msg or verdict or report.status


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

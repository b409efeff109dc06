"""Which station of a lab runs which trial, and what the results add up to. Pure: no clock, no ROS.

Trial i belongs to station i % U and its seed to trial i, so that a lab with the same seed is the same lab again,
whoever is quicker. A void trial is repeated by the same station, at most three times (see dispatch); the trials of a
station that is out stay its own and wait for it.
"""

import math
from dataclasses import dataclass

from enpire_core.seeds import derive
from enpire_research.trials import report as reports
from enpire_research.trials.dispatch import Dispatch


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


class Schedule(Dispatch):
    """``units``: names in the order of the lab; ``trials``: how many; ``lab_seed``."""

    def __init__(self, units, trials, lab_seed):
        super().__init__(units)
        self.lab_seed = lab_seed
        self._results = {}
        for k, row in enumerate(self.rows.values()):
            row.jobs.extend(Job(i) for i in range(trials) if i % len(units) == k)

    def seed(self, job):
        """Return the seed of ``job``; a repeat has that of the trial it repeats."""
        return trial_seed(self.lab_seed, job.index)

    @property
    def stuck(self):
        """True when trials are left, but every station that has some is gone (see Row)."""
        left = [row for row in self.rows.values() if row.jobs or row.job is not None]
        return bool(left) and all(row.gone for row in left)

    def _done(self, row, job, reset, rollout):
        self._results[job.index] = (job.trial_id, rollout.status, rollout.score)

    def _give_up(self, row, job, text):
        self._results[job.index] = (job.trial_id, reports.VOID, math.nan)

    def summary(self):
        """Return counts by station and results by trial as plain values for JSON."""
        return {
            'stations': {row.unit: {'trials': row.trials, 'successes': row.successes, 'voids': row.voids,
                                    'given_up': row.given_up, 'left': len(row.jobs) + (row.job is not None),
                                    'out': row.out} for row in self.rows.values()},
            'results': [{'trial_id': name, 'status': status, 'score': None if math.isnan(score) else score}
                        for _, (name, status, score) in sorted(self._results.items())]}

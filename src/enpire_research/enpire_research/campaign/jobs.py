"""Which station runs which trial of a campaign. Pure: no clock, no ROS.

Reset r belongs to station r % U, whichever candidate meets it, and each station runs its jobs in the order in which
they were added: so the same campaign is the same again, whoever is quicker. A void job is repeated on the next
station in the order of the lab, after what that one has before it. While a station is out, those that have nothing
else to do take its jobs. A job that was void at its third repeat too ends the campaign: the lab is broken, and no
other reset is drawn in its place.

Not covered: which jobs of a station that is out others take, says the clock; with more than two stations also the
order of repeats that two of them send to a third.
"""

from dataclasses import dataclass

from enpire_research.trials.dispatch import MAX_REPEATS, Dispatch


@dataclass(frozen=True)
class Job:
    """One trial of ``candidate`` for ``purpose`` ('screen', 'confirm', 'exam') on reset number ``reset``.

    ``repeat``: how often it was begun before; ``voids``: how often it was void of these.
    """

    candidate: int
    purpose: str
    reset: int
    repeat: int = 0
    voids: int = 0

    @property
    def key(self):
        """Its name without repeats: it has one result."""
        return f'i{self.candidate:04d}-{self.purpose}-{self.reset:03d}'

    @property
    def trial_id(self):
        """Name of the trial."""
        return self.key + (f'-r{self.repeat}' if self.repeat else '')


class Jobs(Dispatch):
    """``units``: names in the order of the lab.

    ``ended(job, unit, reset, rollout, reason)``: called for each trial that has ended, results and voids, with the
    Reports (None for what never came) and the reason of a void one; before anything else follows from it.
    """

    def __init__(self, units, ended):
        super().__init__(units)
        self._units, self._ended = list(units), ended

    def add(self, jobs):
        """Hand over more jobs, in the order in which each station shall run its own."""
        for job in jobs:
            self.rows[self.home(job)].jobs.append(job)

    def home(self, job):
        """Return the station that ``job`` belongs to."""
        return self._units[(job.reset + job.voids) % len(self._units)]

    def take(self, unit):
        """Return the next job of ``unit``: its own, or that of a station that is out; None for none."""
        job = super().take(unit)
        row = self.rows[unit]
        if job is None and not row.out and not self.broken:
            orphans = [other.jobs for other in self.rows.values() if other.out and other.jobs]
            if orphans:
                # The one that has most before it.
                row.job, row.reset = max(orphans, key=len).popleft(), None
        return row.job

    @property
    def stuck(self):
        """True when jobs are left, but every station is gone (see Row)."""
        return not self.finished and all(row.gone for row in self.rows.values())

    def _done(self, row, job, reset, rollout):
        self._ended(job, row.unit, reset, rollout, '')

    def _void(self, row, job, reset, rollout, text):
        self._ended(job, row.unit, reset, rollout, text)

    def _again(self, row, job):
        # Last: when it became void says the clock, and two campaigns alike shall have the same order.
        self.rows[self.home(job)].jobs.append(job)

    def _give_up(self, row, job, text):
        # It stays left: what is missing must not look finished.
        row.jobs.appendleft(job)
        self.broken = (f'{job.key} was void {job.voids + 1} times, on more than one station if there is one, the last '
                       f'time on {row.unit}: {text}. Expected one result of {MAX_REPEATS + 1}: put the lab right and '
                       'start it again, the campaign goes on from its ledger')

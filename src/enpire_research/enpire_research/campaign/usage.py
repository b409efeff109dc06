"""How well a campaign used its stations: shares of wall time, and what lies between two trials. Pure.

From the wall clock in the reports of resets and rollouts. Not covered: a phase without a report (its trial server
died), and trials that were sent by hand.
"""

import statistics
from dataclasses import dataclass

# Where no station does anything for so long, the lab stood still: stopped, or broken and started again.
PAUSE_S = 60.0


@dataclass(frozen=True)
class Phase:
    """A reset or rollout of ``trial_id`` on ``unit``; times in wall seconds."""

    unit: str
    trial_id: str
    began_s: float
    ended_s: float


@dataclass(frozen=True)
class Usage:
    """``busy_s``: {unit: wall seconds in resets and rollouts}; ``span_s``: from the first phase to the end of the last
    one, without ``pauses_s``, the lengths of pauses. ``between_s``: from the end of a trial to the begin of the next
    on the same station; ``inside_s``: from the end of a reset to the begin of its rollout."""

    busy_s: dict
    span_s: float
    pauses_s: tuple = ()
    between_s: tuple = ()
    inside_s: tuple = ()

    @property
    def share(self):
        """{unit: share of the span in resets and rollouts}; empty without a span."""
        return {unit: busy / self.span_s for unit, busy in self.busy_s.items()} if self.span_s > 0 else {}

    @property
    def total(self):
        """The mean share of all stations; None without one."""
        return statistics.fmean(self.share.values()) if self.share else None


def measure(trials, units):
    """Return the Usage of ``trials`` (bodies of trial records, void ones too) by the stations ``units`` (names)."""
    phases = sorted((phase for trial in trials for phase in _phases(trial)), key=lambda one: one.began_s)
    if not phases:
        return Usage({unit: 0.0 for unit in units}, 0.0)
    pauses, end = [], phases[0].ended_s
    for phase in phases:
        if phase.began_s - end > PAUSE_S:
            pauses.append(phase.began_s - end)
        end = max(end, phase.ended_s)
    between, inside = [], []
    for unit in units:
        own = [phase for phase in phases if phase.unit == unit]
        for one, other in zip(own, own[1:]):
            gap = max(0.0, other.began_s - one.ended_s)
            if gap <= PAUSE_S:
                (inside if one.trial_id == other.trial_id else between).append(gap)
    busy = {unit: sum(one.ended_s - one.began_s for one in phases if one.unit == unit) for unit in units}
    return Usage(busy, end - phases[0].began_s - sum(pauses), tuple(pauses), tuple(between), tuple(inside))


def _phases(trial):
    for name in ('reset_report', 'rollout_report'):
        report = trial[name]
        if report and report['started_at_ns'] > 0 and report['wall_duration_s'] is not None:
            began = report['started_at_ns'] * 1e-9
            yield Phase(trial['unit'], trial['trial_id'], began, began + report['wall_duration_s'])

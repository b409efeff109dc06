"""A running lab as a table, or as plain lines. Pure: no ROS, no clock."""

import dataclasses
import math
import typing

from rich.console import Group
from rich.table import Table
from rich.text import Text

from enpire_bringup.reports import real_time_factor, reason_of, wilson
from enpire_research.trials.report import RESET, SUCCEEDED

# Values of StationStatus.PHASE_*.
PHASES = ('?', 'starting', 'idle', 'reset', 'rollout', 'OUT')
STYLES = {'OUT': 'bold red', 'starting': 'dim', 'idle': 'dim', '?': 'dim'}


@dataclasses.dataclass(frozen=True)
class Row:
    """One station. ``real_time_factor``: NaN before a phase has ended."""

    unit: str
    phase: str
    trial_id: str
    trials: int
    successes: int
    voids: int
    real_time_factor: float
    reason: str


@dataclasses.dataclass(frozen=True)
class View:
    """A lab. ``wanted``: budget of trials, 0 without one. ``notes``: last words of the
    supervisor. ``elapsed_s``: NaN where nobody knows."""

    lab: str
    task: str
    policy: str
    simulated: bool
    wanted: int
    elapsed_s: float
    rows: typing.Tuple[Row, ...]
    notes: typing.Tuple[str, ...] = ()


def headline(view):
    """Return the line above the table; it says first that a lab is simulated."""
    done = sum(row.trials for row in view.rows)
    budget = f'{done} of {view.wanted} trials' if view.wanted else f'{done} trials'
    kind = 'SIMULATED' if view.simulated else 'REAL ROBOTS'
    clock = ''
    if math.isfinite(view.elapsed_s):
        clock = f'{int(view.elapsed_s) // 60}:{int(view.elapsed_s) % 60:02d}'
    parts = [kind, view.lab, f'task {view.task}', view.policy, budget, clock]
    return '  |  '.join(part for part in parts if part)


def interval(successes, trials):
    """Return '60% (31..83)': the rate with its 95% Wilson interval; '-' without trials."""
    if not trials:
        return '-'
    low, high = wilson(successes, trials)
    return f'{successes / trials:.0%} ({100 * low:.0f}..{100 * high:.0f})'


def factor(value):
    """Return a real-time factor as '12.3x', '-' where there is none."""
    return f'{value:.1f}x' if math.isfinite(value) else '-'


def render(view):
    """Return the view as something that rich prints: headline, one row a station, a total, notes."""
    table = Table(expand=False, pad_edge=False)
    for name, justify in (
        ('station', 'left'), ('phase', 'left'), ('trials', 'right'), ('successes', 'right'),
        ('rate (95%)', 'right'), ('void', 'right'), ('real time', 'right'),
    ):
        table.add_column(name, justify=justify, no_wrap=True)
    # The only column that shrinks: each reason is one line, cut where the terminal ends.
    table.add_column('last reason')
    for row in view.rows:
        phase = ' '.join(part for part in (row.phase, row.trial_id) if part)
        table.add_row(
            row.unit, Text(phase, style=STYLES.get(row.phase, '')), str(row.trials),
            str(row.successes), interval(row.successes, row.trials), str(row.voids),
            factor(row.real_time_factor),
            Text(' '.join(row.reason.split()), no_wrap=True, overflow='ellipsis'))
    if len(view.rows) > 1:
        table.add_section()
        trials = sum(row.trials for row in view.rows)
        successes = sum(row.successes for row in view.rows)
        table.add_row('all', '', str(trials), str(successes), interval(successes, trials),
                      str(sum(row.voids for row in view.rows)), '', '')
    notes = [Text(note, style='dim', no_wrap=True, overflow='ellipsis') for note in view.notes]
    return Group(Text(headline(view), style='bold'), table, *notes)


def plain_line(report, tally):
    """Return one line about a phase that ended, or None where it is not worth one.

    ``report``: a `Report`. ``tally``: the `Tally` of the lab after it. A reset that succeeded is
    followed by its rollout and gets no line.
    """
    if report.phase == RESET and report.status == SUCCEEDED:
        return None
    score = f', score {report.score:.3f}' if math.isfinite(report.score) else ''
    reason = ''
    if report.status != SUCCEEDED and reason_of(report) != report.status:
        reason = f': {" ".join(reason_of(report).split())}'
    return (
        f'{report.unit} {report.trial_id} {report.phase} {report.status.upper()}{score}, '
        f'{factor(real_time_factor(report))} real time; {tally.successes} of {tally.trials} '
        f'succeeded{reason}'
    )

"""A running lab as a table, or as plain lines. Pure: no ROS, no clock."""

import dataclasses
import math
import typing

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from enpire_bringup.reports import real_time_factor, reason_of, wilson
from enpire_research.trials.report import RESET, SUCCEEDED

# Values of StationStatus.PHASE_*.
PHASES = ('?', 'starting', 'idle', 'reset', 'rollout', 'OUT')
# Columns of a terminal from which on reasons stand in the table.
WIDE = 120
GAP = 2
LONGEST_STATION = 16
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
class Progress:
    """Where a campaign stands: ``stage`` in words; ``done``: trials of its budget; ``candidates``: ideas tried;
    ``champion``: its number, 0 for the start policy, with its trials and successes on development resets; ``eta_s``:
    to the end, NaN where nobody knows. ``news``: the last line about it."""

    stage: str
    done: int
    candidates: int
    champion: int
    trials: int
    successes: int
    eta_s: float = math.nan
    news: str = ''


@dataclasses.dataclass(frozen=True)
class View:
    """A lab. ``wanted``: budget of trials, 0 without one. ``notes``: last words of the supervisor.
    ``problems``: reports that are in no count. ``elapsed_s``: NaN where nobody knows. ``campaign``: None for plain
    trials."""

    lab: str
    task: str
    policy: str
    simulated: bool
    wanted: int
    elapsed_s: float
    rows: typing.Tuple[Row, ...]
    notes: typing.Tuple[str, ...] = ()
    problems: typing.Tuple[str, ...] = ()
    campaign: typing.Optional[Progress] = None


def headline(view):
    """Return the line above the table; it says first that a lab is simulated, and last what may be cut off."""
    done = view.campaign.done if view.campaign else sum(row.trials for row in view.rows)
    budget = f'{done} of {view.wanted} trials' if view.wanted else f'{done} trials'
    kind = 'SIMULATED' if view.simulated else 'REAL ROBOTS'
    parts = [kind, budget, _clock(view.elapsed_s), view.lab, f'task {view.task}', view.policy]
    return '  |  '.join(part for part in parts if part)


def progress(campaign):
    """Return the lines about a campaign: what goes on, who is the champion, what was new last."""
    who = f'idea {campaign.champion}' if campaign.champion else 'the start policy'
    count = f'{campaign.candidates} idea{"" if campaign.candidates == 1 else "s"} tried'
    eta = f'about {_clock(campaign.eta_s)} to go' if math.isfinite(campaign.eta_s) else ''
    rate = (f', {campaign.successes} of {campaign.trials} on development resets, '
            f'{interval(campaign.successes, campaign.trials)}' if campaign.trials else '')
    return ['  |  '.join(part for part in (campaign.stage, count, eta) if part), f'champion: {who}{rate}',
            *([campaign.news] if campaign.news else [])]


def _clock(seconds):
    if not math.isfinite(seconds):
        return ''
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02d}:{rest:02d}' if hours else f'{minutes}:{rest:02d}'


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
    """Return the view as something that rich prints: headline, one row a station, a total, reasons, notes.

    Numbers are never cut off. A narrow terminal cuts names, and has the reasons below the table.
    """
    return _Picture(view)


class _Picture:
    """A `View` in the width that the terminal has now."""

    def __init__(self, view):
        self._view = view

    def __rich_console__(self, console, options):
        view, wide = self._view, options.max_width >= WIDE
        yield _line(headline(view), 'bold')
        if view.campaign:
            yield from (_line(text) for text in progress(view.campaign))
        yield _table(view.rows, options.max_width, wide)
        if not wide:
            yield from (_line(f'{row.unit}: {row.reason}') for row in view.rows if row.reason)
        if view.problems:
            yield _line(f'not counted ({len(view.problems)}): {view.problems[-1]}', 'red')
        yield from (_line(note, 'dim') for note in view.notes)


def _line(text, style=''):
    """Return ``text`` as one line, cut where the terminal ends."""
    return Text(' '.join(text.split()), style=style, no_wrap=True, overflow='ellipsis')


def _table(rows, columns, wide):
    """Return the table for a terminal of so many ``columns``, with reasons in it where it is ``wide``."""
    numbers = [_numbers(row) for row in (*rows, _total(rows))]
    phases = [' '.join(part for part in (row.phase, row.trial_id) if part) for row in rows]
    names = ('successes', 'rate (95%)', 'void', 'real time')
    widths = [max(map(len, texts)) for texts in zip(names, *numbers)]
    # Left over for words, between which there is a gap after each column.
    room = columns - sum(widths) - GAP * (len(widths) + (2 if wide else 1))
    station = max(len('station'), min(LONGEST_STATION, max((len(row.unit) for row in rows), default=0)))
    phase = max(len('phase'), min(room - station, max(map(len, phases), default=0)))
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, GAP - 1, 0, 0), pad_edge=False)
    table.add_column('station', no_wrap=True, overflow='ellipsis', width=station)
    table.add_column('phase', no_wrap=True, overflow='ellipsis', width=phase)
    for name, width in zip(names, widths):
        table.add_column(name, justify='right', no_wrap=True, width=width)
    if wide:
        table.add_column('last reason', no_wrap=True, overflow='ellipsis', width=room - station - phase)
    for row, text, line in zip(rows, phases, numbers):
        table.add_row(Text(row.unit), Text(text, style=STYLES.get(row.phase, '')), *line,
                      *([_line(row.reason)] if wide else []))
    if len(rows) > 1:
        table.add_section()
        table.add_row('all', '', *numbers[-1])
    return table


def _numbers(row):
    return (f'{row.successes} of {row.trials}', interval(row.successes, row.trials), str(row.voids),
            factor(row.real_time_factor))


def _total(rows):
    return Row('all', '', '', sum(row.trials for row in rows), sum(row.successes for row in rows),
               sum(row.voids for row in rows), math.nan, '')


def plain_line(report, tally):
    """Return one line about a phase that ended, or None where it is not worth one.

    ``report``: a `Report`. ``tally``: the `Tally` of the lab after it, None where its trials don't belong together. A
    reset that succeeded is followed by its rollout and gets no line.
    """
    if report.phase == RESET and report.status == SUCCEEDED:
        return None
    score = f', score {report.score:.3f}' if math.isfinite(report.score) else ''
    reason = ''
    if report.status != SUCCEEDED and reason_of(report) != report.status:
        reason = f': {" ".join(reason_of(report).split())}'
    count = f'; {tally.successes} of {tally.trials} succeeded' if tally else ''
    return (f'{report.unit} {report.trial_id} {report.phase} {report.status.upper()}{score}, '
            f'{factor(real_time_factor(report))} real time{count}{reason}')

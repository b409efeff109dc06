"""Which recorded trials a training gets: a small language, and its answer from a run's folder.

    status=succeeded policy=3fa9 last=200 purpose=screen
    score>=0.8 unit=unit0,unit1
    all

Conditions with blanks between them; a trial must meet all. `key=a,b`: one of these. `all` alone: every trial. An
empty query gives none.

| key | meaning |
|---|---|
| `status` | succeeded, failed: the verdict of the rollout |
| `policy`, `artifact` | SHA-256 of the file, or its beginning (6 digits at least) |
| `trial` | the trial's id, `*` for any part of it |
| `unit` | the station |
| `seed` | the trial's seed |
| `purpose` | screen, confirm: what a campaign ran it for |
| `candidate` | number of the candidate in the campaign |
| `score` | `score>=0.5`, `score<=0.9` |
| `last`, `first` | of those that meet the rest, only so many, by the time they ended |

Only rollouts with a verdict and with data in `<run>/<unit>/data` are ever chosen. Where the run has a campaign, only
trials that its ledger holds as `screen` or `confirm`: the exam's, which nobody may learn from, and those that are not
in the ledger yet, are never given.
"""

import fnmatch
import os
import re
from dataclasses import dataclass, field

from enpire_core.words import cut, nearest
from enpire_research import layout
from enpire_research.campaign import ledger
from enpire_research.training.data import Chosen
from enpire_research.trials import report as reports
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.recording import DATA

MAX_QUERY = 2000
GIVEN_PURPOSES = ('screen', 'confirm')
_CONDITION = re.compile(r'([A-Za-z_]+)(>=|<=|=)(\S+)')
_HASH = re.compile(r'[0-9a-f]{6,64}')
_COUNTED = ('last', 'first')
KEYS = ('status', 'policy', 'artifact', 'trial', 'unit', 'seed', 'purpose', 'candidate', 'score', *_COUNTED)


class QueryError(ValueError):
    """A query that can't be understood; the text says where, what was expected and what came."""


@dataclass(frozen=True)
class Query:
    """``wanted``: {key: values, each a text}; ``low``, ``high``: of the score; ``last``, ``first``: counts or None."""

    none: bool = False
    wanted: dict = field(default_factory=dict)
    low: float = -float('inf')
    high: float = float('inf')
    last: int = None
    first: int = None


@dataclass(frozen=True)
class Known:
    """A trial that could be chosen: its rollout's Report, where its data lies, what the campaign says of it."""

    report: reports.Report
    path: str
    purpose: str = ''
    candidate: int = -1


def parse(text):
    """Return the Query that ``text`` stands for; QueryError."""
    if len(text) > MAX_QUERY:
        raise QueryError(f'trial_query: expected at most {MAX_QUERY} characters, got {len(text)}')
    words = text.split()
    if not words:
        return Query(none=True)
    if words == ['all']:
        return Query()
    values, wanted = {}, {}
    for word in words:
        match = _CONDITION.fullmatch(word)
        if match is None:
            raise QueryError(f"trial_query: expected conditions such as status=succeeded, or `all` alone, got "
                             f'{cut(word)!r}')
        _add(values, wanted, *match.groups())
    return Query(wanted=wanted, **values)


def _add(values, wanted, key, sign, text):
    if key not in KEYS:
        raise QueryError(f'trial_query: expected a known key, got {cut(key)!r}: {nearest(key, KEYS)}')
    name = {'>=': 'low', '<=': 'high'}.get(sign, key)
    if (key == 'score') != (sign != '='):
        expected = 'score>=NUMBER or score<=NUMBER' if key == 'score' else f'{key}=VALUE'
        raise QueryError(f'trial_query: {key}: expected {expected}, got {cut(key + sign + text)!r}')
    if name in values or name in wanted:
        raise QueryError(f'trial_query: {key}: expected once, got it twice: give alternatives as {key}=a,b')
    if key == 'score':
        values[name] = _number(key, text, float)
    elif key in _COUNTED:
        values[name] = _number(key, text, int)
        if not values[name] >= 1:
            raise QueryError(f'trial_query: {key}: expected 1 or more, got {cut(text)!r}')
    else:
        wanted[key] = tuple(_value(key, one) for one in text.split(','))


def _value(key, text):
    allowed = {'status': (reports.SUCCEEDED, reports.FAILED), 'purpose': GIVEN_PURPOSES}.get(key)
    if allowed is not None and text not in allowed:
        raise QueryError(f'trial_query: {key}: expected {" or ".join(allowed)}, got {cut(text)!r}'
                         + (': trials of the exam are for nobody to learn from' if text == 'exam' else ''))
    if key in ('policy', 'artifact') and not _HASH.fullmatch(text):
        raise QueryError(f'trial_query: {key}: expected 6 to 64 small hexadecimal digits, got {cut(text)!r}')
    if key in ('seed', 'candidate'):
        return str(_number(key, text, int))
    if not text:
        raise QueryError(f'trial_query: {key}: expected a value, got none')
    return text


def _number(key, text, kind):
    try:
        value = kind(text)
    except ValueError:
        value = float('nan')
    if value != value:
        raise QueryError(f'trial_query: {key}: expected a number, got {cut(text)!r}')
    return value


def choose(query, known):
    """Return the Chosens of ``known`` (Knowns) that meet ``query``, in the order of (end, unit, id). Pure."""
    if query.none:
        return ()
    found = sorted((one for one in known if _meets(query, one)), key=lambda one: (
        one.report.end_ns, one.report.unit, one.report.trial_id))
    if query.first is not None:
        found = found[:query.first]
    if query.last is not None:
        found = found[-query.last:]
    return tuple(Chosen(one.path, one.report.unit, one.report.trial_id, one.purpose, one.candidate) for one in found)


def _meets(query, one):
    report = one.report
    exact = {'status': report.status, 'unit': report.unit, 'seed': str(report.seed), 'purpose': one.purpose,
             'candidate': str(one.candidate)}
    for key, values in query.wanted.items():
        if key == 'trial':
            meets = any(fnmatch.fnmatchcase(report.trial_id, value) for value in values)
        elif key in ('policy', 'artifact'):
            found = report.policy_hash if key == 'policy' else report.artifact_hash
            meets = any(found.startswith(value) for value in values)
        else:
            meets = exact[key] in values
        if not meets:
            return False
    if query.low == -float('inf') and query.high == float('inf'):
        return True
    return query.low <= report.score <= query.high  # NaN, not judged, is outside


def read_run(folder):
    """Return (Knowns of the run in ``folder``, problems as texts). LedgerError where its ledger is damaged."""
    known, problems = [], []
    purposes = campaign_trials(folder)
    for unit in sorted(os.listdir(folder)):
        if not os.path.isdir(os.path.join(folder, unit, 'outbox')):
            continue
        kept, trouble = Outbox(os.path.join(folder, unit, 'outbox')).reports()
        problems += trouble
        for report in kept:
            path = os.path.join(os.path.abspath(folder), unit, DATA, f'{report.trial_id}.npz')
            if report.phase != reports.ROLLOUT or report.status not in (reports.SUCCEEDED, reports.FAILED):
                continue
            if not os.path.isfile(path):
                continue
            if purposes is None:
                known.append(Known(report, path))
            elif (unit, report.trial_id) in purposes:
                known.append(Known(report, path, *purposes[unit, report.trial_id]))
    return known, problems


def campaign_trials(folder):
    """Return {(unit, trial_id): (purpose, candidate)} of what may be learned from; None where there is no campaign."""
    campaign = layout.campaign(folder)
    if not os.path.isdir(campaign):
        return None
    if not os.path.exists(os.path.join(campaign, ledger.NAME)):
        return {}  # it is only just beginning
    return {(record.body['unit'], record.body['trial_id']): (record.body['purpose'], record.body['candidate'])
            for record in ledger.read(campaign)
            if record.kind == 'trial' and record.body['purpose'] in GIVEN_PURPOSES}

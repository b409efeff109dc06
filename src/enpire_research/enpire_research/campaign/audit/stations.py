"""The stations' own results: each is in the ledger, as the station wrote it, and none was left out.

A station's clock stands still between phases, and its world with it: so its results follow one another without a gap,
and one that was removed leaves one. Where a phase was broken off (void, canceled, latched) the world runs on for two
seconds; a station that was started anew begins at 0. A phase of which the station has kept nothing (its trial server
died, or could not write) leaves a gap too: it is accepted in that one place where the ledger has a void trial of this
station that was lost, recorded after the result before the gap had begun and before the one after it did.

Not covered: somebody who changes a station's files and the ledger alike; a replay (`replays`) finds a result that is
not true. A void phase can't be replayed. Wall clocks of station and research node that differ by more than a second: a
gap may seem to be without its trial then.
"""

import collections
import json
import os
import re
from dataclasses import dataclass

from enpire_research.campaign import records as kinds
from enpire_research.campaign.audit.findings import Check, line
from enpire_research.campaign.audit.trials import PHASES, of_phase
from enpire_research.trials import report as reports
from enpire_research.trials.dispatch import LATCHED_CODES
from enpire_research.trials.outbox import encode
from enpire_research.trials.report import Report, ReportError

NAME = 'stations'
# What the goals of a campaign ask for beside name, seed and policy.
GOALS = {reports.RESET: {'max_tries': 0}, reports.ROLLOUT: {'episode_s': 0.0, 'max_attempts': 1}}
_INTERNAL_CODES = (110, 218)
_FILE = re.compile(r'([A-Za-z0-9._-]+)\.(reset|rollout)\.json')
_OURS = re.compile(r'(i\d{4,}-(?:screen|confirm|exam)-\d{3,})(?:-r(\d+))?')


@dataclass(frozen=True)
class Kept:
    """A file of an outbox: its ``path``, and the Report in it."""

    path: str
    report: Report


def read_outboxes(run):
    """Return ({(unit, trial_id, phase): Kept}, texts on what can't be read) of the stations of the folder ``run``."""
    found, wrong = {}, []
    for unit in sorted(os.listdir(run)):
        outbox = os.path.join(run, unit, 'outbox')
        for name in sorted(os.listdir(outbox)) if os.path.isdir(outbox) else ():
            match, path = _FILE.fullmatch(name), os.path.join(outbox, name)
            if match is None:
                continue  # a part of a write that was interrupted
            try:
                found[(unit, *match.groups())] = Kept(path, _read(path, unit, *match.groups()))
            except (ReportError, OSError) as error:
                wrong.append(f'{path}: {error}')
    return found, wrong


def _read(path, unit, trial_id, phase):
    """Return the Report in ``path``; ReportError where it is another's, or not as a station writes it."""
    with open(path, 'rb') as handle:
        data = handle.read()
    try:
        values = json.loads(data)
        as_written = encode(values)
    except (ValueError, RecursionError) as error:
        raise ReportError(f'expected a report as JSON: {error}') from error
    report = Report.from_dict(values)
    if data != as_written:
        raise ReportError('expected the form in which stations write, got the same content in other bytes')
    if (report.unit, report.trial_id, report.phase) != (unit, trial_id, phase):
        raise ReportError(f'expected {trial_id} {phase} of {unit}, got {report.trial_id} {report.phase} of '
                          f'{report.unit}')
    return report


def check(records, run, ended, outboxes):
    """Return the Check of the ``outboxes`` (from `read_outboxes`) in the run folder ``run``; ``ended``: the campaign is
    over.
    """
    boxes, unreadable = outboxes
    wrong, notes, taken = list(unreadable), [], set()
    for record in (record for record in records if record.kind == 'trial'):
        for phase in PHASES:
            values, key = of_phase(record.body, phase), (record.body['unit'], record.body['trial_id'], phase)
            if values is not None:
                taken.add(key)
                wrong += [f'{line(record)}: {text}' for text in _unlike(values, boxes.get(key), run, key)]
    wrong += _alone([boxes[key] for key in sorted(taken & boxes.keys())])
    wrong += _left_out(records, {key: kept for key, kept in boxes.items() if key not in taken}, ended, notes)
    for unit in records[0].body['units']:
        wrong += _gaps(unit, records, [kept for key, kept in boxes.items() if key[0] == unit], notes)
    return Check(NAME, f'{len(taken)} results are as {len(records[0].body["units"])} stations wrote them, none is left '
                 'out', tuple(wrong), tuple(notes))


def _unlike(values, kept, run, key):
    """Yield in what the report ``values`` of a trial record is not what the station kept."""
    unit, trial_id, phase = key
    if kept is None:
        yield (f"expected the station's own result in {os.path.join(run, unit, 'outbox', f'{trial_id}.{phase}.json')}, "
               'found none')
        return
    own = kinds.of_report(kept.report)
    for text in kinds.different(values, json.loads(json.dumps(own))):
        yield f'{kept.path}: {phase}_report.{text}'
    if kept.report.goal != GOALS[phase]:
        yield f'{kept.path}: expected the goal {GOALS[phase]}, got {kept.report.goal}'


def _alone(kept):
    """Yield which of the results ``kept`` (Kept) is of a policy in a folder in which no other one's was.

    Where a run lies is no part of its records, and a run that was moved may go on elsewhere.
    """
    policies = [one for one in kept if one.report.policy_file]
    folders = collections.Counter(os.path.dirname(one.report.policy_file) for one in policies)
    for one in policies:
        folder = os.path.dirname(one.report.policy_file)
        if folders[folder] == 1 < len(policies):
            yield f'{one.path}: policy_file: expected the folder of other results, got {folder}, of this one alone'


def _left_out(records, left, ended, notes):
    """Yield which results of the campaign the ledger lacks; ``left``: {key: Kept} of those that it doesn't have."""
    known = {record.body['trial_id']: record for record in records if record.kind == 'trial'}
    repeats = {}
    for name in known:
        key, repeat = _OURS.fullmatch(name).groups()
        repeats[key] = max(repeats.get(key, 0), int(repeat or 0))
    by_hand, waiting = [], {}
    for (unit, trial_id, phase), kept in left.items():
        match = _OURS.fullmatch(trial_id)
        if match is None:
            by_hand.append(trial_id)
        elif trial_id in known:
            if phase == reports.ROLLOUT and kept.report.status in (reports.SUCCEEDED, reports.FAILED):
                yield (f'{line(known[trial_id])}: expected the rollout that {unit} has, {kept.report.status}, got none '
                       f'of it: left out, or it ended after it was given up as lost: {kept.path}')
        elif phase == reports.RESET and (unit, trial_id, reports.ROLLOUT) not in left and \
                int(match.group(2) or 0) < repeats.get(match.group(1), -1):
            continue  # begun anew under the next name, before any policy ran
        else:
            waiting.setdefault(unit, {}).setdefault(trial_id, kept)
    if by_hand:
        notes.append(f'{len(set(by_hand))} trials were sent by hand beside the campaign')
    for unit, trials in waiting.items():
        # One that was under way when the research node ended is taken when it starts again.
        if ended or len(trials) > 1:
            yield from (f'{kept.path}: expected this result in the ledger, it was left out' for kept in trials.values())
        else:
            notes.append(f'{unit}: {next(iter(trials))} is not in the ledger yet: `enpire lab --resume` takes it')


def _gaps(unit, records, kept, notes):
    """Return where the clock or the world of ``unit`` went on between two results, and no lost trial says why."""
    moved = sorted((one.report for one in kept if one.report.state_record),
                   key=lambda report: (report.started_at_ns, report.start_ns))
    lost = [record for record in records if record.kind == 'trial' and record.body['unit'] == unit
            and _was_lost(record.body)]
    found, known, anew = [], [], 0
    for before, after in zip([None, *moved], moved):
        if after.start_ns == 0:
            anew += 1
            continue
        if before is None:
            began_ns, gap = 0, (f'expected a first result that begins at 0, got {_name(after)} at '
                                f'{after.start_ns * 1e-9:.1f} s')
        elif _broken_off(before) or (before.end_ns, before.state_digest_after) == (
                after.start_ns, after.state_digest_before):
            continue
        else:
            began_ns, gap = before.started_at_ns, (
                f'between {_name(before)} and {_name(after)} the station went on by '
                f'{(after.start_ns - before.end_ns) * 1e-9:.1f} s, and no result says how')
        why = [record.body['trial_id'] for record in lost if began_ns <= record.at_ns <= after.started_at_ns]
        known += why
        found += [] if why else [f'{unit}: {gap}']
    if anew > 1:
        notes.append(f'{unit} was started anew {anew - 1} times')
    if known:
        notes.append(f'{unit}: it went on where trials were lost on record: {", ".join(known)}')
    return found


def _was_lost(body):
    """Return whether a trial record is a void one of whose last phase its station has kept nothing."""
    reset, rollout = body['reset_report'], body['rollout_report']
    if body['status'] != reports.VOID:
        return False
    if rollout is None and reset is not None and reset['status'] == reports.SUCCEEDED:
        return True  # the rollout was never heard of
    last = rollout or reset
    # A goal that was refused moved nothing; one that broke in the server may have.
    return last is None or (last['status'] == reports.UNKNOWN and last['error_code'] in _INTERNAL_CODES)


def _broken_off(report):
    return report.status in (reports.VOID, reports.CANCELED) or report.error_code in LATCHED_CODES


def _name(report):
    return f'{report.trial_id} {report.phase}'

"""What each kind of record of a campaign holds. Plain data; `check` is asked before anything is written.

| kind | when | holds |
|---|---|---|
| campaign | first | task, seed, stations, configuration, manifest; hashes of manifest, secret, start policy |
| candidate | an idea is a commit | number, parent, hypothesis, changes, hashes |
| trial | a trial has ended, also a void one | who, why, where, and the reports of reset and rollout |
| decision | an idea is kept or not | figures and reason |
| secret | after the last trial of the exam | the secret |
| exam | then | successes of champion and start policy on the same held-out resets |
| end | last | why development ended |
| station | at any time | a station went out or came back; not part of the digest |
"""

import os
import re

from enpire_research.campaign.researcher import Outcome
from enpire_research.trials import report as reports
from enpire_research.trials.dispatch import MANIFEST_CODES, reason_of

SCREEN, CONFIRM, EXAM = 'screen', 'confirm', 'exam'
PURPOSES = (SCREEN, CONFIRM, EXAM)
STATUSES = (reports.SUCCEEDED, reports.FAILED, reports.VOID)
_TEXT, _COUNT, _MAYBE = (str,), (int,), (int, type(None))
_REPORT = (dict, type(None))

FIELDS = {
    'campaign': {'version': _COUNT, 'task': _TEXT, 'simulated': (bool,), 'seed': _COUNT, 'units': (list,),
                 'manifest': (dict,), 'manifest_hash': _TEXT, 'secret_sha256': _TEXT, 'config': (dict,),
                 'researcher': (dict,), 'start_policy_hash': _TEXT},
    'candidate': {'candidate': _COUNT, 'parent': _MAYBE, 'hypothesis': _TEXT, 'changes': (dict,),
                  'policy_hash': _TEXT, 'artifact_hash': _TEXT, 'tree': _TEXT, 'commit': _TEXT},
    'trial': {'trial_id': _TEXT, 'candidate': _COUNT, 'purpose': _TEXT, 'reset': _COUNT, 'seed': _COUNT,
              'unit': _TEXT, 'repeat': _COUNT, 'status': _TEXT, 'reason': _TEXT, 'reset_report': _REPORT,
              'rollout_report': _REPORT},
    'decision': {'round': _COUNT, 'candidate': _COUNT, 'against': _COUNT, 'stage': _TEXT, 'kept': (bool,),
                 'figures': (dict,), 'reason': _TEXT},
    'secret': {'secret': _TEXT},
    'exam': {'n': _COUNT, 'champion': (dict,), 'start': (dict,)},
    'end': {'reason': _TEXT},
    'station': {'unit': _TEXT, 'state': _TEXT, 'reason': _TEXT},
}
WORDS = {('trial', 'purpose'): PURPOSES, ('trial', 'status'): STATUSES, ('decision', 'stage'): (SCREEN, CONFIRM),
         ('station', 'state'): ('out', 'back')}
# Absolute paths of two folders or more: '/unit0/reset' is a name on the graph, and stays.
_QUOTED_PATH = re.compile(r'''(["'])/(?:[^/"'\n]+/){2,}([^/"'\n]+)\1''')
_PATH = re.compile(r'''(?<![\w./:])/(?:[^\s/"'`:;,()<>\[\]]+/){2,}''')


class RecordError(ValueError):
    """Not what a record of that kind holds; the text has expected and got."""


def check(kind, body):
    """Raise RecordError unless ``body`` has exactly the fields of ``kind``, each of its type."""
    if kind not in FIELDS:
        raise RecordError(f'expected a kind of record out of {", ".join(FIELDS)}, got {kind!r}')
    if not isinstance(body, dict) or set(body) != set(FIELDS[kind]):
        got = ', '.join(map(str, body)) if isinstance(body, dict) else repr(body)
        raise RecordError(f'{kind}: expected the fields {", ".join(FIELDS[kind])}, got {got}')
    for name, types in FIELDS[kind].items():
        value = body[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise RecordError(f'{kind}: expected {name} to be {" or ".join(t.__name__ for t in types)}, got {value!r}')
        if types in (_COUNT, _MAYBE) and value is not None and not 0 <= value:
            raise RecordError(f'{kind}: expected {name} to be 0 or more, got {value}')
        if (kind, name) in WORDS and value not in WORDS[kind, name]:
            raise RecordError(f'{kind}: expected {name} to be one of {", ".join(WORDS[kind, name])}, got {value!r}')


def trial(job, unit, seed, reset, rollout=None, reason=''):
    """Return the body of a trial record.

    ``job``: a Job; ``reset`` and ``rollout``: Reports, None for one that never came (then ``reason`` says why).
    Only SUCCEEDED and FAILED rollouts are results; all else is void.
    """
    last = reset if rollout is None else rollout
    status = reports.VOID
    if rollout is not None and rollout.status in (reports.SUCCEEDED, reports.FAILED):
        status = rollout.status
    if not reason and last is not None and status != reports.SUCCEEDED:
        reason = reason_of(last)
    return {'trial_id': job.trial_id, 'candidate': job.candidate, 'purpose': job.purpose, 'reset': job.reset,
            'seed': seed, 'unit': unit, 'repeat': job.repeat, 'status': status, 'reason': without_folders(reason),
            'reset_report': of_report(reset), 'rollout_report': of_report(rollout)}


def outcome(body):
    """Return the Outcome in the body of a trial record that is no void one."""
    report = body['rollout_report']
    measured = {name: value for name, value in report['measurements'].items() if value is not None}
    return Outcome(body['status'] == reports.SUCCEEDED, 0.0 if report['score'] is None else report['score'],
                   body['reason'], report['error_code'], measured)


def refused_for_manifest(body):
    """Return whether the trial of ``body`` is void because what is frozen differed: no fault of its station."""
    return any(report is not None and report['error_code'] in MANIFEST_CODES
               for report in (body['reset_report'], body['rollout_report']))


def without_folders(text):
    """Return ``text`` with absolute paths cut to their last part, so that it is the same in another folder."""
    return _PATH.sub('', _QUOTED_PATH.sub(r'\1\2\1', text))


def of_report(report):
    """Return what a trial record holds of a Report; None for none."""
    if report is None:
        return None
    values = report.to_dict()
    # Only reports that come out of an outbox have it: a campaign that was broken off would have another digest.
    values['goal'] = {}
    for name in ('policy_file', 'state_record'):
        values[name] = os.path.basename(values[name])
    values['error_msg'] = without_folders(values['error_msg'])
    for attempt in values['attempts']:
        attempt['reason'] = without_folders(attempt['reason'])
    return values


def different(recorded, wanted):
    """Return texts about the fields in which the body ``recorded`` differs from ``wanted``; [] for none."""
    found = []
    for name in sorted(set(recorded) | set(wanted)):
        old, new = recorded.get(name), wanted.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [f'{name}.{text}' for text in different(old, new)]
        elif old != new:
            found.append(f'{name}: expected {old!r} as recorded, got {new!r}')
    return found

"""The champion as it leaves the lab: a folder with policy, artifact, evidence and limits.

    policy.py  artifact.onnx (where it has one)  evidence.json  limits/{robot,task}.yaml  README.md

The folder says how good the policy is and on what; `read_folder` checks that policy and artifact are those of the
evidence. Not covered: whether the evidence is true; that is what the ledger is for, whose last hash it has.
"""

import hashlib
import json
import os
from dataclasses import dataclass

from enpire_research.campaign import chain
from enpire_research.campaign.report import rate
from enpire_research.campaign.statistics import wilson
from enpire_research.campaign.story import successes, tell

POLICY, ARTIFACT, EVIDENCE, README, LIMITS = 'policy.py', 'artifact.onnx', 'evidence.json', 'README.md', 'limits'
FORMAT = 1
HELD_OUT, DEVELOPMENT = 'held-out', 'development'
_NEEDED = {'format': int, 'task': str, 'simulated': bool, 'policy_hash': str, 'artifact_hash': str,
           'manifest_hash': str, 'resets': str, 'n': int, 'successes': int, 'interval_95': list}


class ExportError(ValueError):
    """A folder is no exported champion, or not as it was exported; the text says what was expected and what came."""


@dataclass(frozen=True)
class Export:
    """A champion's folder: absolute paths of policy and artifact ('' for none), and its ``evidence``."""

    policy: str
    artifact: str
    evidence: dict


def evidence(records, versions, limits):
    """Return what is known of the champion in ``records``, as plain values for JSON.

    ``versions``: {name: version} of what would run it today; ``limits``: {'robot', 'task': SHA-256 of the file}.
    StoryError where the ledger has no campaign yet.
    """
    story = tell(records)
    best, start, body = story.best, story.start, story.campaign
    held_out = story.exam is not None
    trials = {one.number: one.exam if held_out else one.development for one in (start, best)}
    return {
        'format': FORMAT, 'simulated': body['simulated'], 'task': body['task'], 'candidate': best.number,
        'hypothesis': best.body['hypothesis'],
        'changes': {name: value for name, value, _ in story.changes(best.number)},
        'policy_hash': best.body['policy_hash'], 'artifact_hash': best.body['artifact_hash'],
        'commit': best.body['commit'], 'tree': best.body['tree'], 'manifest_hash': body['manifest_hash'],
        'resets': HELD_OUT if held_out else DEVELOPMENT, **_figures(trials[best.number]),
        'seeds': [trial['seed'] for trial in trials[best.number]],
        'start_policy': {'policy_hash': start.body['policy_hash'], **_figures(trials[0])},
        'campaign': {'version': body['version'], 'seed': body['seed'], 'units': body['units'],
                     'researcher': body['researcher'], 'config': body['config'],
                     'trials': len(story.trials), 'voids': len(story.voids),
                     'ended': story.end['reason'] if story.end else None,
                     'secret_sha256': body['secret_sha256'],
                     'secret': story.secret['secret'] if story.secret else None},
        'ledger': {'records': len(records), 'last_hash': story.last_hash, 'digest': chain.digest(records)},
        'limits': limits, 'versions': versions}


def _figures(trials):
    good, n = successes(trials), len(trials)
    return {'n': n, 'successes': good, 'interval_95': [round(value, 6) for value in wilson(good, n)]}


def success(found):
    """Return the success of ``found`` (evidence, or its 'start_policy') in words."""
    good, n, (low, high) = found['successes'], found['n'], found['interval_95']
    return f'{good} of {n} ({good / n:.0%}, 95% interval {100 * low:.0f} to {100 * high:.0f}%)' if n else 'none yet'


def readme(found):
    """Return the README of an exported champion with the evidence ``found``."""
    kind = 'SIMULATED' if found['simulated'] else 'real'
    artifact = f' --artifact {ARTIFACT}' if found['artifact_hash'] else ''
    what = f'idea {found["candidate"]}: {found["hypothesis"]}' if found['candidate'] else (
        'the start policy itself: no idea was better')
    held_out = found['resets'] == HELD_OUT
    chosen = '' if held_out else ('\nThe campaign had no exam yet: these are the resets that the champion was **chosen '
                                  'by**, on which it looks\nbetter than it is.\n')
    changes = ''.join(f'    {name} = {value!r}\n' for name, value in found['changes'].items())
    sets = f'\nIt differs from the start policy in:\n\n{changes}' if changes else ''
    return f"""# Champion of a {kind} campaign of {found['task']}

`policy.py` is {what}

| on {found['n']} {found['resets']} resets | success |
|---|---|
| champion | {success(found)} |
| start policy | {success(found['start_policy'])} |
{chosen}{sets}
## Run it

In a set-up checkout of ENPIRE-ROS (`. setup/env.sh`), beside a lab that waits for trials (`enpire lab --trials 0`):

    enpire trial THIS_FOLDER --seed 7
    enpire trial policy.py{artifact} --seed 7

The first one checks `policy.py`{' and the artifact' if artifact else ''} against `evidence.json`, and warns where the
lab is another than that of the evidence: its manifest (task, verifier, limits, code of a trial) is not
`{found['manifest_hash'][:16]}…`.

## What stands behind it

`evidence.json` has all figures, the seeds of the resets, commit and hashes, and the last hash of the ledger: whoever
changes one of its records changes that hash. The same campaign again (same seed, secret and code) has the same digest:

    ledger digest: {found['ledger']['digest']}

Who has the run folder checks it, and the ledger against that hash:

    enpire verify RUN_FOLDER --head {found['ledger']['last_hash']}

`limits/` has the limits that the safety gate enforced; a lab takes its limits from its own files, not from here.

## What is not covered

- {'No real arm has run it: every number here comes from a simulation.' if found['simulated'] else 'Other stations.'}
- Starts that the task does not draw, other objects, light or cameras; other tasks.
- Another manifest, and other versions than those in `evidence.json`: the success rate is not theirs.
- What a policy does where it is not confined: a lab runs it in its sandbox, other programs may not.
"""


def read_folder(folder):
    """Return the Export in ``folder``; ExportError unless policy and artifact are those of its evidence."""
    folder = os.path.abspath(folder)
    path = os.path.join(folder, EVIDENCE)
    try:
        with open(path, encoding='utf-8') as handle:
            found = json.load(handle)
    except FileNotFoundError:
        raise ExportError(f'{folder}: expected a policy file, or a folder as `enpire champion export` writes it, found '
                          f'a folder without {EVIDENCE}') from None
    except (OSError, ValueError) as error:
        raise ExportError(f'{path}: expected the evidence of a champion as JSON: {error}') from error
    for name, kind in _NEEDED.items():
        if not isinstance(found, dict) or not isinstance(found.get(name), kind):
            got = found.get(name) if isinstance(found, dict) else found
            raise ExportError(f'{path}: expected {name} to be {kind.__name__}, got {got!r}: export the champion again')
    if found['format'] != FORMAT:
        raise ExportError(f'{path}: expected format {FORMAT}, got {found["format"]}: export the champion again')
    policy = _checked(os.path.join(folder, POLICY), found['policy_hash'])
    artifact = _checked(os.path.join(folder, ARTIFACT), found['artifact_hash']) if found['artifact_hash'] else ''
    return Export(policy, artifact, found)


def _checked(path, wanted):
    try:
        with open(path, 'rb') as handle:
            got = hashlib.sha256(handle.read()).hexdigest()
    except OSError as error:
        raise ExportError(f'{path}: expected a file that can be read: {error.strerror}') from error
    if got != wanted:
        raise ExportError(f'{path}: expected the file of the evidence, SHA-256 {wanted[:16]}…, got {got[:16]}…: it was '
                          'changed since. Export the champion again, or run the file itself without the evidence')
    return path


def summary(records):
    """Return lines on the champion of ``records`` for people."""
    story = tell(records)
    best = story.best
    lines = [f'{"SIMULATED" if story.campaign["simulated"] else "REAL ROBOTS"} champion: {best.name}',
             f'hypothesis       {best.body["hypothesis"]}']
    if story.exam:
        lines.append(f'held-out resets  {rate(best.exam)}; start policy {rate(story.start.exam)}')
    lines.append(f'development      {rate(best.development)}' + (' (it was chosen by them)' if best.number else ''))
    lines += [f'    {name} = {value!r}' for name, value, _ in story.changes(best.number)]
    return [*lines, f'commit           {best.body["commit"]}', f'policy hash      {best.body["policy_hash"]}']

"""Trials run again from the states that the stations recorded: the same bits, the same verdict.

The direct runner does it, in this process, with the code that is here now: what of it has changed since, the check of
the manifest says. Not covered: void trials, which are no pure functions.
"""

import random
import tempfile

from enpire_research.campaign.audit.findings import Check
from enpire_research.trials import replay
from enpire_research.trials import report as reports

NAME = 'replay'


def choose(records, count, seed):
    """Return the names of ``count`` trials with a result, drawn by ``seed``; all where there are no more."""
    names = sorted(record.body['trial_id'] for record in records
                   if record.kind == 'trial' and record.body['status'] != reports.VOID)
    return sorted(random.Random(seed).sample(names, min(count, len(names))))


def check(records, run, count, seed):
    """Return the Check of ``count`` trials of ``records``, drawn by ``seed``, run again; ``run``: RunFolder."""
    names = choose(records, count, seed)
    found, problems = run.phases()
    chosen = [phase for phase in found if phase.report.trial_id in names]
    replayed = {(phase.report.trial_id, phase.report.phase) for phase in chosen}
    wrong = [f'{name} {phase}: could not be replayed' + ''.join(
        f': {text}' for text in problems if f' {name} {phase}:' in text)
        for name in names for phase in (reports.RESET, reports.ROLLOUT) if (name, phase) not in replayed]
    same = 0
    if chosen:
        with tempfile.TemporaryDirectory(prefix='enpire_verify_') as scratch:
            try:
                runner = replay.DirectReplay(run, scratch, chosen)
            except replay.ReplayError as error:
                return Check(NAME, 'nothing could be run again', (*wrong, str(error)))
            try:
                for comparison in map(runner.replay, chosen):
                    told = _told(comparison)
                    same += not told
                    wrong += told
            finally:
                runner.close()
    return Check(NAME, f'{len(names)} trials drawn by seed {seed}: {same} of {2 * len(names)} phases have the same '
                 'bits', tuple(wrong))


def _told(one):
    """Return what a replay came to that was not the same, as texts; the manifest has a check of its own."""
    name = f'{one.report.trial_id} {one.report.phase}'
    return ([f'{name}: {one.error}'] if one.error else
            [f'{name}: {what}: {was!r} on record, {now!r} when run again' for what, was, now in one.differences
             if what != 'manifest_hash'])

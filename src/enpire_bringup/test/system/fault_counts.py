"""Whether every finished trial of a campaign is in its ledger, once. Pure.

A trial is finished when its station has kept a rollout with a verdict, succeeded or failed, in its outbox. Where a
trial server broke while it wrote one, nobody can tell what it was: that is a lost one too.
"""

import collections
import dataclasses

VERDICTS = ('succeeded', 'failed')
INTERNAL = 218  # Rollout.Result.ERROR_INTERNAL


@dataclasses.dataclass(frozen=True)
class Counts:
    """``finished``: how many. Names of trials: ``lost``, in no record that counts though the campaign is over (or
    void on record, though there is a verdict or may have been one); ``twice``, counted more than once, by name or as
    another trial of the same reset; ``invented``, in the ledger without a verdict of a station; ``waiting``: not yet
    taken, in a campaign that has not come to its end.
    """

    finished: int
    lost: tuple
    twice: tuple
    invented: tuple
    waiting: tuple


def count(trials, finished, ended):
    """Return the Counts of a campaign.

    ``trials``: bodies of its trial records; ``finished``: names of the trials with a verdict in an outbox;
    ``ended``: the campaign has come to its end.
    """
    finished = set(finished)
    named = {body['trial_id'] for body in trials}
    counted = [body for body in trials if body['status'] in VERDICTS]
    names = collections.Counter(body['trial_id'] for body in counted)
    places = collections.Counter(_place(body) for body in counted)
    twice = {body['trial_id'] for body in counted if names[body['trial_id']] > 1 or places[_place(body)] > 1}
    missing = finished - set(names)
    waiting = set() if ended else missing - named
    broke = {body['trial_id'] for body in trials if body['status'] == 'void' and _broke(body['rollout_report'])}
    return Counts(len(finished), *(tuple(sorted(found)) for found in (
        missing - waiting | broke, twice, set(names) - finished, waiting)))


def _broke(report):
    """Return whether a rollout's report is the answer of a server that broke, which holds none."""
    return report is not None and (report['status'], report['error_code']) == ('unknown', INTERNAL)


def _place(body):
    """Return what a trial is for: it has one result."""
    return body['candidate'], body['purpose'], body['reset']

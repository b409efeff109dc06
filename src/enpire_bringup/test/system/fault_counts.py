"""Whether every finished trial of a campaign is in its ledger, once. Pure.

A trial is finished when its station has kept a rollout with a verdict, succeeded or failed, in its outbox.
"""

import collections
import dataclasses

VERDICTS = ('succeeded', 'failed')


@dataclasses.dataclass(frozen=True)
class Counts:
    """``finished``: how many. Names of trials: ``lost``, in no record that counts though the campaign is over (or
    void on record, though there is a verdict); ``twice``, counted more than once, by name or as another trial of the
    same reset; ``invented``, in the ledger without a verdict of a station; ``waiting``: not yet taken, in a campaign
    that has not come to its end.
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
    return Counts(len(finished), *(tuple(sorted(found)) for found in (
        missing - waiting, twice, set(names) - finished, waiting)))


def _place(body):
    """Return what a trial is for: it has one result."""
    return body['candidate'], body['purpose'], body['reset']

"""What a campaign came to so far, from the records of its ledger. Pure.

It counts what is there: a campaign that still runs has a story, too. Not covered: whether decisions are right; the
engine makes them, and a restart checks that they are the same again.
"""

import collections
from dataclasses import dataclass

from enpire_research.campaign import records as kinds
from enpire_research.trials import report as reports


class StoryError(ValueError):
    """The ledger has no campaign to tell of; the text says what to do."""


@dataclass(frozen=True)
class Candidate:
    """One candidate. ``body``: of its record; ``development``: bodies of its trials on development resets, void ones
    left out; ``exam``: of those on held-out ones. ``at_trial``: how many trials of the campaign had ended when it was
    screened last, or was kept; ``kept``: it is or was the champion."""

    body: dict
    development: tuple = ()
    exam: tuple = ()
    at_trial: int = 0
    kept: bool = False

    @property
    def number(self):
        """0 is the start policy."""
        return self.body['candidate']

    @property
    def name(self):
        """As people call it."""
        return f'idea {self.number}' if self.number else 'start policy'


@dataclass(frozen=True)
class Story:
    """A campaign. ``campaign``: body of its first record; ``candidates``: by number; ``champion``: number.

    ``trials``: bodies of all trials that ended SUCCEEDED or FAILED, in the order of the ledger; ``voids``: of the void
    ones; ``decisions``, ``exam``, ``end``, ``secret``: bodies, None for what is not there yet.
    """

    campaign: dict
    candidates: tuple
    champion: int
    trials: tuple = ()
    voids: tuple = ()
    decisions: tuple = ()
    stations: tuple = ()
    secret: dict | None = None
    exam: dict | None = None
    end: dict | None = None
    last_hash: str = ''

    @property
    def start(self):
        """The Candidate 0."""
        return self.candidates[0]

    @property
    def best(self):
        """The Candidate that is the champion."""
        return self.candidates[self.champion]

    def changes(self, number):
        """Return [(name, value, number of the candidate that set it)] of all in which a candidate differs."""
        path, found = [], {}
        while number is not None:
            path.append(self.candidates[number])
            number = self.candidates[number].body['parent']
        for one in reversed(path):
            for name, value in one.body['changes'].items():
                found[name] = (value, one.number)
        return [(name, value, number) for name, (value, number) in found.items()]


def tell(records):
    """Return the Story of ``records`` (Records of `ledger.read`); StoryError where they hold none yet."""
    if not records or records[0].kind != 'campaign':
        got = records[0].kind if records else 'an empty one'
        raise StoryError(f'expected a ledger that begins with a campaign, got {got}: look again when it has begun')
    bodies = collections.defaultdict(list)
    for record in records:
        bodies[record.kind].append(record.body)
    if not bodies['candidate']:
        raise StoryError('expected a candidate in the ledger, found none: look again when it has begun')
    results = [body for body in bodies['trial'] if body['status'] != reports.VOID]
    kept = [body['candidate'] for body in bodies['decision'] if body['kept']]
    return Story(
        campaign=records[0].body, champion=kept[-1] if kept else 0, trials=tuple(results),
        candidates=tuple(_candidates(records, bodies['candidate'], results, kept)),
        voids=tuple(body for body in bodies['trial'] if body['status'] == reports.VOID),
        decisions=tuple(bodies['decision']), stations=tuple(bodies['station']), last_hash=records[-1].hash,
        **{kind: (bodies[kind] or [None])[-1] for kind in ('secret', 'exam', 'end')})


def _candidates(records, bodies, results, kept):
    """Yield the Candidates by number."""
    at_trial = _at_trial(records)
    for body in sorted(bodies, key=lambda one: one['candidate']):
        number = body['candidate']
        own = [trial for trial in results if trial['candidate'] == number]
        yield Candidate(
            body, tuple(trial for trial in own if trial['purpose'] != kinds.EXAM),
            tuple(trial for trial in own if trial['purpose'] == kinds.EXAM), at_trial.get(number, 0),
            number == 0 or number in kept)


def _at_trial(records):
    """Return {candidate: how many trials of the campaign had ended} when it was screened last, or was kept."""
    count, found = 0, {}
    for record in records:
        if record.kind == 'trial' and record.body['status'] != reports.VOID:
            count += 1
            if record.body['purpose'] == kinds.SCREEN:
                found[record.body['candidate']] = count
        elif record.kind == 'decision' and record.body['kept']:
            found[record.body['candidate']] = count
    return found


def successes(trials):
    """Return how many of ``trials`` (bodies) SUCCEEDED."""
    return sum(trial['status'] == reports.SUCCEEDED for trial in trials)

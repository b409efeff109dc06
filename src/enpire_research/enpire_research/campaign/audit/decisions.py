"""Decisions: the engine runs again over the trials on record, and must come to the same candidates, decisions and exam.

Ideas are taken from the ledger: whether the researcher would have them again is not asked here (a restart of the
campaign asks it). So this holds for every kind of researcher.
"""

from dataclasses import dataclass, field

from enpire_research.campaign import chain, engine, statistics
from enpire_research.campaign import records as kinds
from enpire_research.campaign.audit.findings import Check, line
from enpire_research.campaign.config import CampaignConfig, ConfigError
from enpire_research.campaign.jobs import Job
from enpire_research.campaign.researcher import Idea
from enpire_research.trials import report as reports

NAME = 'decisions'
_KINDS = {engine.Propose: 'candidate', engine.Decide: 'decision', engine.Publish: 'secret', engine.Exam: 'exam',
          engine.End: 'end'}


class _Wrong(ValueError):
    """The records go another way than the engine; the text has the place."""


class _Recorded:
    """A Researcher that has had the ideas on record, round by round."""

    def __init__(self, rounds):
        self._rounds = list(rounds)

    def propose(self, champion, tried, count, round):
        """See Researcher."""
        found = self._rounds[round - 1] if round <= len(self._rounds) else []
        known = {(one.source, one.artifact) for one in tried}
        return [idea for idea in found if (idea.source, idea.artifact) not in known][:count]


@dataclass
class _Walk:
    """The engine against what is on record.

    ``results``: Records of trials by job key; ``ahead``: Records of steps, the next one last; ``last``: n of the step
    that was taken last.
    """

    results: dict
    ahead: list
    asked: set = field(default_factory=set)
    last: int = 0
    decisions: int = 0
    stage: str = ''

    def run(self, events):
        """Go through; return what is left to do, in words, '' for nothing. _Wrong where the records go another way."""
        answer = None
        while True:
            event = events.send(answer)
            answer = None
            if isinstance(event, engine.Run):
                self.stage = event.stage
                missing = [job for job in event.jobs if job.key not in self.results]
                if missing:
                    self._nothing_after(f'there is no result of {missing[0].key}', event.jobs)
                    return f'{len(missing)} of {len(event.jobs)} trials are missing ({self.stage})'
                answer = {job.key: self._take(job) for job in event.jobs}
            elif not self._step(event):
                return 'the next idea is missing'
            if isinstance(event, engine.End):
                self._nothing_after('the campaign has ended')
                return ''

    def _take(self, job):
        record = self.results[job.key]
        if job.key not in self.asked:
            self.asked.add(job.key)
            if record.n < self.last:
                raise _Wrong(f'{line(record)}: expected it after ledger line {self.last + 1}, which has to come first')
        return kinds.outcome(record.body)

    def _step(self, event):
        """Compare ``event`` with the next step on record; return False where there is none, and need be none yet."""
        kind = _KINDS[type(event)]
        if not self.ahead:
            if kind == 'candidate':
                return False
            raise _Wrong(f'after the last ledger line: expected the {kind} that follows from the trials '
                         f'({self.stage}), got none: the end was cut, or the research node was killed in that moment '
                         'and not started again')
        record = self.ahead.pop()
        if record.kind != kind:
            raise _Wrong(f'{line(record)}: expected the {kind} that follows from the trials, got a {record.kind}')
        texts = kinds.different({name: record.body[name] for name in _body(event)}, chain.plain(_body(event)))
        if texts:
            raise _Wrong(f'{line(record)}: what follows from the trials is another: {"; ".join(texts)}')
        late = [self.results[key] for key in self.asked if self.results[key].n > record.n]
        if late:
            raise _Wrong(f'{line(late[0])}: expected it before {line(record)}, which follows from it')
        self.last = record.n
        self.decisions += kind == 'decision'
        return True

    def _nothing_after(self, what, jobs=()):
        """Raise _Wrong where the records go on, though for ``what`` they can't; ``jobs`` may have results already."""
        if self.ahead:
            raise _Wrong(f'{line(self.ahead[-1])}: expected nothing of the kind yet: {what}')
        left = sorted(set(self.results) - self.asked - {job.key for job in jobs})
        if left:
            raise _Wrong(f'{line(self.results[left[0]])}: expected no trial that nobody asked for: {what}')


def _body(event):
    """Return what of a record follows from ``event``."""
    if isinstance(event, engine.Propose):
        idea = event.idea
        return {'candidate': event.candidate, 'parent': event.parent, 'hypothesis': idea.hypothesis,
                'changes': dict(idea.changes), 'artifact_hash': idea.artifact}
    if isinstance(event, (engine.Decide, engine.Exam)):
        return event.body
    return {'reason': event.reason} if isinstance(event, engine.End) else {}


def check(records):
    """Return (Check, what is left to do: '' where the campaign has ended)."""
    campaign = records[0].body
    results = {Job(record.body['candidate'], record.body['purpose'], record.body['reset']).key: record
               for record in records if record.kind == 'trial' and record.body['status'] != reports.VOID}
    ahead = [record for record in records[:0:-1] if record.kind not in ('trial', 'station')]
    walk, left, wrong = _Walk(results, ahead), '', ()
    try:
        config = CampaignConfig.from_dict(campaign['config'])
        if (config.task, config.seed) != (campaign['task'], campaign['seed']):
            raise _Wrong('ledger line 1 (campaign): expected one task and one seed, got others in its configuration')
        left = walk.run(engine.campaign(config, _Recorded(_rounds(records)), campaign['start_policy_hash']))
    except (_Wrong, ConfigError) as error:
        wrong = (str(error),)
    return Check(NAME, f'{walk.decisions} decisions follow from the trials; {_exam(records)}', wrong), left


def _rounds(records):
    """Return the Ideas of each round: those that no trial comes between. A policy's hash stands for its source."""
    rounds, before = [], 'trial'
    for record in records:
        if record.kind == 'candidate' and record.body['candidate'] != 0:
            body = record.body
            if before != 'candidate':
                rounds.append([])
            rounds[-1].append(Idea(body['hypothesis'], body['policy_hash'], body['changes'], body['artifact_hash']))
        if record.kind != 'station':
            before = record.kind
    return rounds


def _exam(records):
    """Return the exam in words, counted from its trials."""
    done = [record.body for record in records if record.kind == 'trial' and record.body['purpose'] == kinds.EXAM
            and record.body['status'] != reports.VOID]
    told = []
    for candidate in sorted({body['candidate'] for body in done}, reverse=True):
        own = [body['status'] == reports.SUCCEEDED for body in done if body['candidate'] == candidate]
        low, high = statistics.wilson(sum(own), len(own))
        told.append(f'{f"idea {candidate}" if candidate else "start policy"} {sum(own)} of {len(own)} '
                    f'({100 * low:.0f}..{100 * high:.0f}%)')
    return 'exam: ' + ', '.join(told) if told else 'no exam yet'

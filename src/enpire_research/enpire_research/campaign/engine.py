"""The course of a campaign as a generator: what is tried, how it is compared, what is kept. Pure and deterministic.

    baseline   the start policy on the screening resets
    round      ideas from the leader (at first the champion); each on the first screening resets, the best of them on
               all; these are the same for every candidate, so that the leader's own results there are known
               -> the best one is the new leader, where it beats the leader there
               -> where the leader is far enough before the champion: confirmation
    ...        until the budget, less what confirmation and exam need, has no room for another round
    confirm    leader and champion in pairs on fresh resets; kept where the exact one-sided sign test says so: n fixed
               before, looked at once. The champion leads again where not
    exam       champion and start policy on the same held-out resets

Screening leads the search and proves nothing: the best of many looks better than it is. Only a confirmation, on
resets that neither has met, makes a champion. Small steps are not confirmed one by one: that would take hundreds of
trials each, and the sum of them is easy to tell from where they began.

The generator yields what shall be done and is sent what came of it:

    Propose -> None      Run -> {job.key: Outcome}      Decide, Publish, Exam, End -> None

Every idea gets one Decide. A restart runs it all again from the start with the answers on record (see course).

Not covered: a leader that was not confirmed is given up with all that it came from. A campaign may make more than one
confirmation, each with its own alpha: the exam is what counts in the end.
"""

import math
from dataclasses import asdict, dataclass, replace

from enpire_research.campaign import statistics
from enpire_research.campaign.jobs import Job
from enpire_research.campaign.records import CONFIRM, EXAM, SCREEN
from enpire_research.campaign.researcher import CRASHED_CODES, Idea, Tried

# How often a researcher is asked in one round for what it has not given yet.
ASKS = 3


@dataclass(frozen=True)
class Propose:
    """``idea`` becomes candidate number ``candidate``, on top of candidate ``parent`` (None for the start policy)."""

    candidate: int
    parent: int | None
    idea: Idea


@dataclass(frozen=True)
class Run:
    """``jobs`` shall be run, each station's in this order; ``stage``: in words, for people."""

    jobs: tuple
    stage: str


@dataclass(frozen=True)
class Decide:
    """``body``: of a decision record."""

    body: dict


@dataclass(frozen=True)
class Publish:
    """The last trial of the exam is done: the secret is none any longer."""


@dataclass(frozen=True)
class Exam:
    """``body``: of an exam record."""

    body: dict


@dataclass(frozen=True)
class End:
    """The campaign is over; ``reason``: why development ended."""

    reason: str


def campaign(config, researcher, start_source):
    """Return the generator of the campaign with ``config`` (CampaignConfig); ``start_source``: candidate 0's text."""
    return _Campaign(config, researcher, start_source).steps()


def round_trials(config, ideas):
    """Return how many trials a round with so many ideas takes at most."""
    first = config.screen_first
    return (ideas * first + min(ideas, config.screen_second) * (config.screen_resets - first)
            + 2 * config.confirm_resets)


class _Campaign:
    def __init__(self, config, researcher, start_source):
        self.config, self.researcher, self.start_source = config, researcher, start_source
        self.tried, self.champion, self.leader = [], 0, 0
        self.round, self.used = 0, 0
        # Results by job key; those of screening are asked for again when the next round compares.
        self.results = {}
        self.next_reset = config.screen_resets

    def steps(self):
        yield from self.propose(Idea('The start policy, as it came.', self.start_source), None)
        yield from self.run([Job(0, SCREEN, reset) for reset in range(self.config.screen_resets)],
                            'baseline: the start policy')
        self.tried[0] = replace(self.tried[0], kept=True)
        reason = yield from self.rounds()
        yield from self.exam()
        yield End(reason)

    def rounds(self):
        """Run rounds until one can't be; return why."""
        while True:
            left = self.config.development_trials - self.used
            count = max((k for k in range(1, self.config.ideas_a_round + 1) if round_trials(self.config, k) <= left),
                        default=0)
            if not count:
                why = f'the budget is used: {left} trials are left for development, too few for another round'
                break
            ideas = self.ask(count)
            if not ideas:
                why = f'the researcher had no new idea after round {self.round}, though asked {ASKS} times'
                break
            self.round += 1
            yield from self.compare(ideas)
        if self.leader != self.champion:
            yield from self.confirm()
        return why

    # ---- ideas -------------------------------------------------------------------------------
    def ask(self, count):
        """Return up to ``count`` Ideas that are new; a researcher that repeats itself is asked again, not for ever."""
        known = {(one.source, one.artifact) for one in self.tried}
        found = []
        for _ in range(ASKS):
            for idea in self.researcher.propose(self.tried[self.leader], list(self.tried), count - len(found),
                                                self.round + 1):
                if len(found) < count and (idea.source, idea.artifact) not in known:
                    known.add((idea.source, idea.artifact))
                    found.append(idea)
            if len(found) == count:
                break
        return found

    def propose(self, idea, parent):
        """Make ``idea`` a candidate; return its number."""
        number = len(self.tried)
        params = {} if parent is None else {**self.tried[parent].params, **idea.changes}
        self.tried.append(Tried(number, parent, params, idea.source, artifact=idea.artifact))
        yield Propose(number, parent, idea)
        return number

    # ---- trials ------------------------------------------------------------------------------
    def run(self, jobs, stage):
        """Run ``jobs`` and remember what came of them."""
        if not jobs:
            return
        results = yield Run(tuple(jobs), stage)
        for job in jobs:
            outcome = self.results[job.key] = results[job.key]
            if job.purpose != EXAM:
                one = self.tried[job.candidate]
                self.tried[job.candidate] = replace(one, outcomes=(*one.outcomes, outcome))
        self.used += len(jobs)

    def outcomes(self, candidate, purpose, resets):
        """Return the Outcomes of ``candidate`` on ``resets``, in their order."""
        return [self.results[Job(candidate, purpose, reset).key] for reset in resets]

    # ---- one round ---------------------------------------------------------------------------
    def compare(self, ideas):
        """Screen ``ideas``: the best one leads where it beats the leader; confirm it where it is far enough ahead."""
        numbers = []
        for idea in ideas:
            numbers.append((yield from self.propose(idea, self.leader)))
        first, every = range(self.config.screen_first), range(self.config.screen_resets)
        yield from self.run([Job(number, SCREEN, reset) for number in numbers for reset in first],
                            f'round {self.round}: screening {len(numbers)} ideas')
        sound = [number for number in self.ranked(numbers, first) if not self.crashed(number, first)]
        going_on = sound[:self.config.screen_second]
        for number in sorted(set(numbers) - set(going_on)):
            why = ('crashed on each of its first resets' if self.crashed(number, first) else
                   f'not among the {self.config.screen_second} best on the first resets')
            yield from self.screened_out(number, first, why)
        rest = every[len(first):]
        yield from self.run([Job(number, SCREEN, reset) for number in sorted(going_on) for reset in rest],
                            f'round {self.round}: screening the best {len(going_on)}')
        ranked = self.ranked(going_on, every)
        before = self.leader
        if ranked and self.standing(ranked[0], every) > self.standing(before, every):
            self.leader = ranked[0]
        for number in sorted({*going_on, before} - {self.leader, self.champion}):
            why = ('not better than the champion on the screening resets' if self.leader == self.champion else
                   f'idea {self.leader} is better on the screening resets')
            yield from self.screened_out(number, every, why)
        if self.standing(self.leader, every)[0] >= self.standing(self.champion, every)[0] + self.config.confirm_margin:
            yield from self.confirm()

    def standing(self, candidate, resets):
        """Return what candidates are ranked by: successes, then the mean score."""
        found = self.outcomes(candidate, SCREEN, resets)
        return sum(one.success for one in found), math.fsum(one.score for one in found) / len(found)

    def ranked(self, numbers, resets):
        """Return ``numbers``, the best first; of two that are alike, the older one."""
        return sorted(numbers, key=lambda n: (*(-value for value in self.standing(n, resets)), n))

    def crashed(self, number, resets):
        return all(one.error_code in CRASHED_CODES for one in self.outcomes(number, SCREEN, resets))

    def screened_out(self, number, resets, why):
        successes, score = self.standing(number, resets)
        against, against_score = self.standing(self.champion, resets)
        yield self.decision(number, SCREEN, False, why, {
            'n': len(resets), 'successes': successes, 'mean_score': score, 'against_successes': against,
            'against_mean_score': against_score})

    def confirm(self):
        """Compare the leader with the champion in pairs on fresh resets."""
        n, number, champion = self.config.confirm_resets, self.leader, self.champion
        resets = range(self.next_reset, self.next_reset + n)
        self.next_reset += n
        yield from self.run(_pairs(number, champion, CONFIRM, resets),
                            f'round {self.round}: confirming idea {number} against {champion}')
        found = statistics.decide(list(zip(*([one.success for one in self.outcomes(c, CONFIRM, resets)]
                                             for c in (number, champion)))), self.config.alpha)
        if found.better:
            self.tried[number] = replace(self.tried[number], kept=True)
            self.champion = number
        self.leader = self.champion
        figures = asdict(found)
        yield self.decision(number, CONFIRM, figures.pop('better'), (
            f'{found.gained} resets gained, {found.lost} lost: p = {found.p:.4f}, '
            f'{"at most" if found.better else "expected at most"} {found.alpha:g}'), {
                'successes': figures.pop('challenger'), 'against_successes': figures.pop('champion'), **figures},
            champion)

    def decision(self, number, stage, kept, reason, figures, against=None):
        return Decide({'round': self.round, 'candidate': number,
                       'against': self.champion if against is None else against, 'stage': stage, 'kept': kept,
                       'figures': figures, 'reason': reason})

    # ---- the exam ----------------------------------------------------------------------------
    def exam(self):
        """Run champion and start policy on the held-out resets; where they are one, it runs once."""
        resets = range(self.config.exam_resets)
        jobs = [Job(0, EXAM, reset) for reset in resets] if self.champion == 0 else _pairs(
            self.champion, 0, EXAM, resets)
        yield from self.run(jobs, f'exam: idea {self.champion} and the start policy' if self.champion else
                            'exam: the start policy, nothing better was found')
        yield Publish()
        yield Exam({'n': len(resets), **{
            name: {'candidate': candidate,
                   'successes': sum(one.success for one in self.outcomes(candidate, EXAM, resets))}
            for name, candidate in (('champion', self.champion), ('start', 0))}})


def _pairs(one, other, purpose, resets):
    """Return the Jobs of both on ``resets``; they take turns in being first, on each of two stations too."""
    jobs = []
    for index, reset in enumerate(resets):
        pair = [Job(one, purpose, reset), Job(other, purpose, reset)]
        jobs += pair if index // 2 % 2 == 0 else pair[::-1]
    return jobs

"""The course of a campaign: what is tried, compared, kept, and when it ends."""

from collections import Counter

import pytest
from campaign_helpers import START, Counts, chance, config
from enpire_research.campaign import engine
from enpire_research.campaign.jobs import Job
from enpire_research.campaign.researcher import Idea, Outcome


class Played:
    """A campaign played to its end with ``outcome(candidate, job, source)``; events by kind."""

    def __init__(self, settings=None, researcher=None, outcome=None):
        self.settings, self.researcher = settings or config(), researcher or Counts()
        self.events, self.sources = [], []
        self._outcome = outcome or by_rate
        steps, answer = engine.campaign(self.settings, self.researcher, START), None
        for _ in range(1000):
            try:
                event = steps.send(answer)
            except StopIteration:
                return
            self.events.append(event)
            answer = None
            if isinstance(event, engine.Propose):
                self.sources.append(event.idea.source)
            elif isinstance(event, engine.Run):
                answer = {job.key: self._outcome(job, self.sources[job.candidate]) for job in event.jobs}
        raise AssertionError('it does not end')

    def of(self, kind):
        """Return the events of ``kind``."""
        return [event for event in self.events if isinstance(event, kind)]

    def jobs(self, purpose):
        """Return all Jobs for ``purpose``, in their order."""
        return [job for event in self.of(engine.Run) for job in event.jobs if job.purpose == purpose]

    @property
    def decisions(self):
        """Bodies of all decisions."""
        return [event.body for event in self.of(engine.Decide)]


def rate_of(source):
    return float(source.split('\n')[0].split('=')[1])


def by_rate(job, source):
    return Outcome(chance(source, job.purpose == 'exam', job.reset) < rate_of(source), chance(source, job.reset, 's'))


def surely(job, source):
    """Succeeds where the rate is above a half."""
    return Outcome(rate_of(source) > 0.5, rate_of(source))


def test_the_same_answers_bring_the_same_campaign():
    assert Played().events == Played().events


def test_the_start_policy_is_tried_first_and_the_exam_last():
    played = Played()
    assert played.events[0] == engine.Propose(0, None, Idea('The start policy, as it came.', START))
    assert played.events[1].jobs == tuple(Job(0, 'screen', reset) for reset in range(6))
    assert [type(event) for event in played.events[-4:]] == [engine.Run, engine.Publish, engine.Exam, engine.End]


def test_every_idea_is_screened_on_the_same_resets_and_only_the_best_on_all():
    played = Played(outcome=surely)
    first = Counter(job.candidate for job in played.jobs('screen'))
    assert [first[n] for n in range(4)] == [6, 3, 6, 6], '0.1 is the worst of 0.1, 0.5 and 0.3'
    assert all({job.reset for job in played.jobs('screen') if job.candidate == n} == set(range(count))
               for n, count in first.items())


def test_every_idea_is_decided_once_and_numbers_are_given_in_order():
    played = Played()
    numbers = [event.candidate for event in played.of(engine.Propose)]
    assert numbers == list(range(len(numbers)))
    assert sorted(body['candidate'] for body in played.decisions) == numbers[1:]


def test_small_steps_lead_unconfirmed_and_the_leader_is_what_ideas_change():
    played = Played(outcome=surely)
    parents = [event.parent for event in played.of(engine.Propose)]
    # 0.5 leads by its score alone: nothing to confirm; then 0.9, by 6 successes of 6.
    assert parents[:8] == [None, 0, 0, 0, 2, 2, 2, 6]
    assert [call[0] for call in played.researcher.calls[:3]] == [0, 2, 6]
    two = next(body for body in played.decisions if body['candidate'] == 2)
    assert not two['kept'] and two['stage'] == 'screen' and 'idea 6 is better' in two['reason']


def test_a_leader_far_ahead_is_confirmed_at_once_in_pairs_on_fresh_resets():
    played = Played(outcome=surely)
    pairs = played.jobs('confirm')[:20]
    assert [job.reset for job in pairs[::2]] == [job.reset for job in pairs[1::2]] == list(range(6, 16))
    assert {job.candidate for job in pairs} == {0, 6}
    firsts = [(job.reset % 2, job.candidate) for job in pairs[::2]]
    assert Counter(firsts)[0, 0] >= 2 and Counter(firsts)[1, 0] >= 2, 'on each of two stations either is first at times'
    body = next(body for body in played.decisions if body['stage'] == 'confirm')
    assert body['kept'] and body['against'] == 0 and body['candidate'] == 6
    assert body['figures'] == {'n': 10, 'successes': 10, 'against_successes': 0, 'gained': 10, 'lost': 0,
                               'p': 2**-10, 'alpha': 0.1}


def test_confirmations_never_meet_the_same_reset_twice():
    played = Played(config(trials=400, confirm_margin=1), outcome=lambda job, source: Outcome(
        chance(source, job.reset, job.purpose) < 0.5, chance(source, job.reset)))
    found = Counter((job.candidate, job.reset) for job in played.jobs('confirm'))
    assert len(found) > 40 and set(found.values()) == {1}


def test_a_leader_is_confirmed_when_the_budget_is_used_and_its_trials_are_set_aside_for_that():
    played = Played(config(confirm_margin=1000), outcome=surely)
    assert [body['stage'] for body in played.decisions].count('confirm') == 1
    assert played.decisions[-1]['kept'] and 'budget is used' in played.events[-1].reason
    done = len(played.jobs('screen')) + len(played.jobs('confirm')) + len(played.jobs('exam'))
    assert done <= 130 and len(played.jobs('confirm')) == 20


def test_a_leader_that_is_not_confirmed_is_given_up_and_the_champion_leads_again():
    def lucky(job, source):
        return Outcome(job.purpose == 'screen' and rate_of(source) > 0.8, 0.5)
    played = Played(outcome=lucky)
    body = next(body for body in played.decisions if body['stage'] == 'confirm')
    assert not body['kept'] and body['figures']['p'] == 1.0
    after = next(event for event in played.of(engine.Propose) if event.candidate > body['candidate'] + 3)
    assert after.parent == 0
    assert played.of(engine.Exam)[0].body == {'n': 10, 'champion': {'candidate': 0, 'successes': 0},
                                              'start': {'candidate': 0, 'successes': 0}}
    assert len(played.jobs('exam')) == 10, 'champion and start policy are one: it runs once'


def test_what_crashes_on_each_of_its_first_resets_goes_no_further():
    def crashes(job, source):
        return Outcome(False, 0.0, 'oh', 206) if rate_of(source) > 0.2 else Outcome(False, 0.1)
    played = Played(outcome=crashes)
    count = Counter(job.candidate for job in played.jobs('screen'))
    assert [count[n] for n in range(4)] == [6, 6, 3, 3]
    assert 'crashed' in next(body for body in played.decisions if body['candidate'] == 3)['reason']


def test_what_crashed_takes_no_place_of_what_goes_on():
    def first_crashes(job, source):
        return Outcome(False, 0.0, 'oh', 206 if job.candidate == 1 else 0)
    count = Counter(job.candidate for job in Played(config(screen_second=1), outcome=first_crashes).jobs('screen'))
    assert [count[n] for n in range(4)] == [6, 3, 6, 3]


def test_a_crash_now_and_then_stops_nothing():
    def sometimes(job, source):
        return Outcome(False, 0.0, 'oh', 206) if job.reset != 1 else Outcome(False, 0.1)
    count = Counter(job.candidate for job in Played(outcome=sometimes).jobs('screen'))
    assert max(count[n] for n in (1, 2, 3)) == 6


def test_every_trial_runs_once_and_the_budget_holds_for_any_configuration():
    for trials in (62, 63, 80, 99, 130, 333):
        played = Played(config(trials=trials))
        jobs = [job for event in played.of(engine.Run) for job in event.jobs]
        assert len(set(jobs)) == len(jobs) <= trials
        assert any(job.candidate for job in jobs), 'the least budget has room for one idea'


# ---- researchers that have nothing to say ----------------------------------------------------
class Says:
    """Answers with what ``ideas(calls so far)`` returns."""

    name = 'says'

    def __init__(self, ideas):
        self._ideas, self.calls = ideas, 0

    def propose(self, champion, tried, count, round):
        """See Researcher."""
        self.calls += 1
        return self._ideas(self.calls)


@pytest.mark.parametrize('ideas', [lambda _: [], lambda _: [Idea('as it is', START)]])
def test_a_researcher_without_a_new_idea_is_asked_again_but_not_for_ever(ideas):
    researcher = Says(ideas)
    played = Played(researcher=researcher)
    assert researcher.calls == engine.ASKS and 'no new idea after round 0' in played.events[-1].reason
    assert len(played.of(engine.Propose)) == 1 and played.of(engine.Exam)


def test_ideas_that_were_tried_cost_nothing_and_fewer_than_asked_are_enough():
    same = Idea('more', 'RATE = 0.4\n')
    researcher = Says(lambda call: [same, same] if call < 10 else [])
    played = Played(researcher=researcher)
    assert [event.candidate for event in played.of(engine.Propose)] == [0, 1]
    assert researcher.calls == 2 * engine.ASKS


def test_more_ideas_than_asked_for_are_not_taken():
    played = Played(researcher=Says(lambda call: [Idea('x', f'RATE = 0.{call}{k}\n') for k in range(9)]))
    assert [type(event) for event in played.events[2:6]] == [*[engine.Propose] * 3, engine.Run]


def test_the_same_source_with_another_artifact_is_another_idea():
    researcher = Says(lambda call: [Idea('x', START, artifact=f'{call:064x}')])
    assert len(Played(researcher=researcher).of(engine.Propose)) > 2


def test_the_researcher_hears_of_all_trials_but_the_exams():
    class Listens(Counts):
        def propose(self, champion, tried, count, round):
            self.heard = tried
            return super().propose(champion, tried, count, round)
    researcher = Listens()
    played = Played(researcher=researcher, outcome=surely)
    heard = researcher.heard
    assert [one.candidate for one in heard] == list(range(len(heard)))
    assert len(heard[6].outcomes) >= 16 and heard[6].successes == len(heard[6].outcomes) and heard[6].kept
    assert heard[6].params == {'RATE': 0.95} and heard[6].parent == 2
    assert len(played.jobs('exam')) == 20

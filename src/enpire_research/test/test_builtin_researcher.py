"""The built-in researcher: what it proposes, for made-up outcomes."""

import pytest
from enpire_research.agents.builtin import space as spaces
from enpire_research.agents.builtin.researcher import BuiltinResearcher
from enpire_research.campaign.researcher import Outcome, Tried
from enpire_tasks.types import Tolerance

TOLERANCES = (Tolerance('position_error_m', 0.005, 'position'), Tolerance('angle_error_rad', 0.05, 'angle'))
SOURCE = '''"""A policy."""
WAY = 'plain'
CONTENT = 0.005
SPEED = 0.2
STEPS = 3
VARY = {
    'WAY': {'options': ['plain', 'planned', 'random'], 'helps': ['far']},
    'CONTENT': {'low': 0.0005, 'high': 0.02, 'log': True, 'helps': ['near']},
    'SPEED': {'low': 0.05, 'high': 0.6, 'helps': ['turned']},
    'STEPS': {'low': 1, 'high': 12, 'helps': ['far'], 'when': {'WAY': ['planned']}},
}


def act(observation):
    return observation
'''
SUCCESS = Outcome(True, 0.95)
TURNED = Outcome(False, 0.8, 'turned', 0, {'position_error_m': 0.001, 'angle_error_rad': 0.3})
NEAR = Outcome(False, 0.8, 'near', 0, {'position_error_m': 0.006, 'angle_error_rad': 0.06})
FAR = Outcome(False, 0.2, 'far', 0, {'position_error_m': 0.1, 'angle_error_rad': 1.0})


def start(*outcomes):
    return Tried(0, None, {}, SOURCE, outcomes, True)


def rounds(seed, first, count=4, number=6, judge=lambda values: (TURNED,) * 4):
    """Propose ``number`` rounds; return [[Idea]]."""
    tried, found = [first], []
    for k in range(1, number + 1):
        ideas = BuiltinResearcher(seed, TOLERANCES).propose(tried[0], list(tried), count, k)
        found.append(ideas)
        for idea in ideas:
            tried.append(Tried(len(tried), 0, idea.changes, idea.source, judge(spaces.read(idea.source).values)))
    return found


def test_the_first_round_tries_each_block_alone():
    ideas = BuiltinResearcher(1, TOLERANCES).propose(start(FAR), [start(FAR)], 2, 1)
    assert [idea.changes for idea in ideas] == [{'WAY': 'planned'}, {'WAY': 'random'}]
    assert 'WAY planned instead of plain' in ideas[0].hypothesis and '1 of 1 failures' in ideas[0].hypothesis


def test_the_same_question_has_the_same_answer_and_another_seed_another_one():
    one, again, other = (rounds(seed, start(TURNED, FAR)) for seed in (1, 1, 2))
    assert one == again and one != other


def test_no_idea_comes_twice_and_each_stays_inside_of_what_is_declared():
    space = spaces.read(SOURCE)
    ideas = [idea for found in rounds(3, start(TURNED, FAR, SUCCESS), number=10) for idea in found]
    assert len({idea.source for idea in ideas}) == len(ideas) >= 30
    for idea in ideas:
        assert spaces.read(idea.source).values == {**space.values, **idea.changes}
        for name, value in idea.changes.items():
            knob = space.knob(name)
            assert value in knob.others if isinstance(knob, spaces.Block) else knob.allows(value)


@pytest.mark.parametrize('failure, knob, other', [(TURNED, 'SPEED', 'CONTENT'), (NEAR, 'CONTENT', 'SPEED')])
def test_it_varies_more_often_what_may_cure_the_failures_that_were_seen(failure, knob, other):
    def judge(values):
        return tuple(Outcome(False, 0.8, 'off', 0, failure.measurements) for _ in range(4))
    counts = dict.fromkeys(spaces.read(SOURCE).values, 0)
    for seed in range(20):
        for found in rounds(seed, start(*[failure] * 8), number=3, judge=judge)[1:]:
            for idea in found:
                for name in idea.changes:
                    counts[name] += 1
    assert counts[knob] > counts[other], counts


def test_what_matters_only_with_a_strategy_is_varied_only_with_it():
    ideas = [idea for seed in range(5) for found in rounds(seed, start(FAR, NEAR)) for idea in found]
    with_steps = [idea for idea in ideas if 'STEPS' in idea.changes]
    assert with_steps and all(idea.changes['WAY'] == 'planned' for idea in with_steps)


def test_what_looks_better_is_taken_over_and_said_so():
    def judge(values):
        good = (values['WAY'] == 'planned') + (values['SPEED'] > 0.3)
        return tuple([SUCCESS] * good * 4 + [TURNED] * (8 - 4 * good))
    ideas = [idea for found in rounds(5, start(*[TURNED] * 8), judge=judge) for idea in found]
    assert any(idea.changes.get('WAY') == 'planned' and idea.changes.get('SPEED', 0) > 0.3 for idea in ideas)
    later = ideas[len(ideas) // 2:]
    assert sum('WAY planned' in idea.hypothesis.split('better so far')[0] and 'better so far' in idea.hypothesis
               for idea in later) >= len(later) / 2


def test_an_idea_changes_few_things_and_says_each_of_them_in_one_line():
    for found in rounds(4, start(TURNED, FAR, NEAR, SUCCESS)):
        for idea in found:
            assert 1 <= len(idea.changes) <= 4 and '\n' not in idea.hypothesis
            assert all(f'{name} {value}' in idea.hypothesis for name, value in idea.changes.items())


def test_nothing_is_left_to_try_where_all_was_tried():
    source = "WAY = 'a'\nVARY = {'WAY': {'options': ['a', 'b']}}\n"
    first = Tried(0, None, {}, source, (FAR,), True)
    ideas = BuiltinResearcher(1, ()).propose(first, [first], 4, 1)
    assert [idea.changes for idea in ideas] == [{'WAY': 'b'}]
    second = Tried(1, 0, ideas[0].changes, ideas[0].source, (FAR,))
    assert BuiltinResearcher(1, ()).propose(first, [first, second], 4, 2) == []


def test_a_policy_that_declares_nothing_is_refused():
    first = Tried(0, None, {}, 'def act(observation):\n    return None\n', (FAR,), True)
    with pytest.raises(spaces.SpaceError, match='declares nothing to vary'):
        BuiltinResearcher(1, TOLERANCES).propose(first, [first], 4, 1)

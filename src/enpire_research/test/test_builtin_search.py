"""The built-in researcher on a made-up policy: does it find what is good, from few and noisy trials?"""

import random

from enpire_research.agents.builtin import edit
from enpire_research.agents.builtin import space as spaces
from enpire_research.agents.builtin.researcher import BuiltinResearcher
from enpire_research.campaign.researcher import Idea, Outcome, Tried
from enpire_tasks.types import Tolerance

TOLERANCES = (Tolerance('place', 1.0, 'position'), Tolerance('angle', 1.0, 'angle'))
# Of eleven things that may vary three decide; two others do harm away from where they are.
SOURCE = "A = 'x'\nB = 'x'\n" + ''.join(
    f'N{i} = {value}\n' for i, value in enumerate((0.21, 0.83, 0.4, 0.55, 0.45, 0.6, 0.35, 0.52))) + '''VARY = {
    'A': {'options': ['x', 'y', 'z'], 'helps': ['far']},
    'B': {'options': ['x', 'y'], 'helps': ['beside']},
''' + ''.join(f"    'N{i}': {{'low': 0.0, 'high': 1.0, 'helps': ['{name}']}},\n" for i, name in enumerate(
    ('beside', 'turned', 'far', 'beside', 'turned', 'far', 'beside', 'turned'))) + '}\n'
IDEAS, ROUNDS, TRIALS = 6, 4, 8


def causes(values):
    """Return the chances of failing: far, in place, in angle. Start policy: .25 succeed; at best .94."""
    harm = 0.4 * max(0.0, abs(values['N2'] - 0.4) - 0.3) + 0.4 * max(0.0, abs(values['N3'] - 0.55) - 0.3)
    return (0.02 + harm + (0.0 if values['A'] == 'z' else 0.36),
            0.02 + (0.0 if 0.45 <= values['N0'] <= 0.75 else 0.36) + 0.3 * (values['B'] == 'y'),
            0.02 + (0.0 if 0.15 <= values['N1'] <= 0.5 else 0.36))


def rate(values):
    far, place, angle = causes(values)
    return (1 - far) * (1 - place) * (1 - angle)


def trials(values, draw):
    found = []
    for _ in range(TRIALS):
        far, place, angle = (draw.random() < chance for chance in causes(values))
        found.append(Outcome(True, 0.95) if not (far or place or angle) else Outcome(
            False, 0.3 if far else 0.8, 'off', 0, {'place': 5.0 if place or far else 0.5,
                                                   'angle': 5.0 if angle or far else 0.5}))
    return tuple(found)


class ByChance:
    """One to three things of the champion, drawn anew."""

    def __init__(self, seed):
        self.draw = random.Random(seed)

    def propose(self, champion, tried, count, round):
        space, ideas = spaces.read(champion.source), []
        for _ in range(count):
            changes = {}
            for knob in self.draw.sample(space.knobs, self.draw.randint(1, 3)):
                changes[knob.name] = self.draw.choice(knob.others) if isinstance(knob, spaces.Block) else knob.rounded(
                    self.draw.uniform(0.001, 0.999))
            ideas.append(Idea('chance', edit.edit(champion.source, changes), changes))
        return ideas


def search(researcher, seed):
    """Return the true rate of what looks best after all rounds."""
    draw = random.Random(1000 + seed)
    tried = [Tried(0, None, {}, SOURCE, trials(spaces.read(SOURCE).values, draw), True)]
    for k in range(1, ROUNDS + 1):
        best = max(tried, key=lambda one: one.successes)
        for idea in researcher.propose(best, list(tried), IDEAS, k):
            tried.append(Tried(len(tried), best.candidate, idea.changes, idea.source,
                               trials(spaces.read(idea.source).values, draw)))
    return rate(spaces.read(max(tried, key=lambda one: one.successes).source).values)


def test_it_finds_what_is_good_from_few_trials_and_more_often_than_chance_does():
    assert abs(rate(spaces.read(SOURCE).values) - 0.25) < 0.02
    found = [search(BuiltinResearcher(seed, TOLERANCES), seed) for seed in range(12)]
    chance = [search(ByChance(seed), seed) for seed in range(12)]
    # Measured on 60 searches: 42% end at 0.75 or more (chance: 12%), their mean is 0.62 (0.45). These 12: 5, and 7.5.
    assert sum(value >= 0.75 for value in found) >= 4, found
    assert sum(found) > sum(chance) + 1.2, (found, chance)

"""The built-in researcher: a search over what a policy declares that may vary (`VARY`). It invents nothing.

Round by round, from the best candidate so far:

    first      each strategy block that is not in force, alone
    then       what looks better in all trials so far, together with one to three other changes. Optuna's TPE, which
               is told every candidate, proposes the numbers, and a few come evenly over the range; a model of effects
               (`model.Effects`) picks from them what may bring most: what is good, and what is not known yet. More is
               hoped of what its author says may help against the failures that were seen

Pure and deterministic: all chance comes from the seed and the number of the round. What it knows comes in as
arguments, so that a restarted campaign is told the same ideas again.
Not covered: what lies outside of what is declared; values that only help together.
"""

import random
import warnings

import numpy as np
import optuna

from enpire_core.seeds import derive
from enpire_research.agents.builtin import edit, failures, model
from enpire_research.agents.builtin import space as spaces
from enpire_research.campaign.researcher import Idea

optuna.logging.set_verbosity(optuna.logging.WARNING)

# New changes of one idea at most, and changes that are taken over because they look better.
MOST_NEW, MOST_OLD = 3, 4
# By how much a change has to look better to be taken over: of the value of a trial, 0 to 1.
LOOKS_BETTER = 0.03
# Weight of an effect without any failure that it may cure, and with nothing but such ones.
WEIGHTS = 0.55, 1.30
# So much less is hoped of a change for each idea of the round that has it already: ideas shall differ.
AGAIN = 0.05
# Values of each number to pick from: proposed by TPE, and evenly over the range.
PROPOSED, EVEN = 12, 8
DRAWS = 60


class BuiltinResearcher:
    """``seed``: of the campaign; ``tolerances``: the task's, what its verifier allows. SpaceError from `propose`
    where a policy declares nothing that can be used."""

    name = 'builtin'

    def __init__(self, seed, tolerances):
        self._seed, self._tolerances = seed, tuple(tolerances)

    def propose(self, champion, tried, count, round):
        """See `campaign.researcher.Researcher`."""
        asked = _Round(champion, tried, self._tolerances, derive(self._seed, 'builtin', round))
        ideas = asked.blocks_alone()[:count]
        return ideas + asked.composed(count - len(ideas)) if len(ideas) < count else ideas


class _Round:
    def __init__(self, champion, tried, tolerances, seed):
        self.champion, self.seed = champion, seed
        self.space = spaces.read(champion.source)
        self.random = random.Random(derive(seed, 'draws'))
        self.known = {one.source for one in tried}
        self.seen = [model.Seen(spaces.read(one.source).values, failures.value(one.outcomes, tolerances),
                                len(one.outcomes)) for one in tried]
        self.failures = failures.histogram(champion.outcomes, tolerances)

    # ---- blocks ------------------------------------------------------------------------------
    def blocks_alone(self):
        """Return an idea for each option that no candidate has had yet, those that may cure most first."""
        had = {item for one in self.seen for item in one.values.items()}
        new = [(-self.share(block), block.name, option) for block in self.space.blocks for option in block.others
               if (block.name, option) not in had and self.space.active(block.name, self.space.values)]
        new.sort(key=lambda item: item[0])
        return [idea for _, name, option in new for idea in self.idea({name: option}, ())]

    # ---- what looks better, and something new ------------------------------------------------
    def composed(self, count):
        """Return up to ``count`` ideas; fewer where nothing new is found."""
        places = self.places()
        weights = {knob.name: (WEIGHTS[0] ** 2 + (WEIGHTS[1] ** 2 - WEIGHTS[0] ** 2) * self.share(knob)) ** 0.5
                   for knob in self.space.knobs}
        effects = model.Effects(self.space, self.seen, places, weights)
        generator = np.random.default_rng(derive(self.seed, 'effects'))
        old = self.take({}, _gains(places, effects.mean()), MOST_OLD, LOOKS_BETTER)
        ideas, again = [], {}
        for _ in range(DRAWS):
            if len(ideas) >= count:
                break
            gains = _gains(places, effects.drawn(generator))
            kept = {name: value if isinstance(value, str) else gains[name][1] for name, value in old.items()}
            hoped = {name: (gain - AGAIN * again.get(name, 0), value) for name, (gain, value) in gains.items()}
            changes = self.take(kept, hoped, len(kept) + self.random.randint(1, MOST_NEW))
            found = self.idea(changes, kept)
            ideas += found
            for name in changes if found else ():
                again[name] = again.get(name, 0) + (name not in kept)
        return ideas

    def take(self, changes, gains, number, least=None):
        """Return ``changes`` with the best ones of ``gains`` {name: (gain, value)} added, up to ``number`` in all.

        Only what matters with the changes so far is taken; ``least``: the gain that each must have.
        """
        changes = dict(changes)
        while len(changes) < number:
            values = {**self.space.values, **changes}
            able = [name for name in gains if name not in changes and self.space.active(name, values)
                    and (least is None or gains[name][0] > least)]
            if not able:
                break
            name = max(able, key=lambda name: gains[name][0])
            changes[name] = gains[name][1]
        values = {**self.space.values, **changes}
        return {name: value for name, value in changes.items() if self.space.active(name, values)}

    def places(self):
        """Return {name: [value]} to pick from; the last one is the value in force."""
        proposed = self.proposed()
        found = {}
        for knob in self.space.knobs:
            if isinstance(knob, spaces.Block):
                found[knob.name] = [*knob.others, knob.value]
                continue
            even = [knob.at_share((i + self.random.random()) / EVEN) for i in range(EVEN)]
            values = {knob.rounded(value) for value in (*proposed[knob.name], *even)}
            if knob.integer and knob.high - knob.low <= 2 * (PROPOSED + EVEN):
                values = set(range(knob.low + 1, knob.high))
            found[knob.name] = [*sorted(value for value in values if knob.allows(value)), knob.value]
        return found

    def proposed(self):
        """Return {name: [value]} for the numbers, as Optuna proposes them after all that was seen."""
        distributions = {knob.name: _distribution(knob) for knob in self.space.knobs}
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=derive(self.seed, 'tpe') % 2**32, multivariate=True)
            study = optuna.create_study(direction='maximize', sampler=sampler)
            study.add_trials([optuna.trial.create_trial(params=one.values, distributions=distributions,
                                                        value=one.value) for one in self.seen])
            asked = [study.ask(distributions).params for _ in range(PROPOSED)]
        return {knob.name: [params[knob.name] for params in asked] for knob in self.space.numbers}

    # ---- parts -------------------------------------------------------------------------------
    def share(self, knob):
        """Return the share of the champion's failures that a knob may cure, 0 to 1."""
        total = sum(self.failures.values())
        return sum(self.failures.get(name, 0) for name in knob.helps) / total if total else 0.0

    def idea(self, changes, old):
        """Return [Idea] with ``changes``, or [] where it is known already or changes nothing."""
        changes = {name: value for name, value in changes.items() if value != self.space.values[name]}
        if not changes:
            return []
        source = edit.edit(self.champion.source, changes)
        if source in self.known:
            return []
        self.known.add(source)
        return [Idea(self.hypothesis(changes, old), source, changes)]

    def hypothesis(self, changes, old):
        """Return what is hoped for, in one line."""
        better = [f'{name} {value}' for name, value in changes.items() if name in old]
        new = {name: value for name, value in changes.items() if name not in old}
        text = ', '.join(f'{name} {value} instead of {self.space.values[name]}' for name, value in new.items())
        before = f'{" and ".join(better)} look{"s" * (len(better) == 1)} better so far' if better else ''
        helps = {name for change in new for name in self.space.knob(change).helps}
        cured = next(((name, number) for name, number in self.failures.items() if name in helps), None)
        if not new:
            return before
        before += '; ' * bool(before)
        if cured is None:
            return f'{before}{text}: may help, no failure points there'
        return (f'{before}{text}: its author says that this may help where trials {failures.WORDS[cured[0]]}, '
                f'{cured[1]} of {sum(self.failures.values())} failures')


def _gains(places, effects):
    """Return {name: (by how much the best other value is better than the one in force, that value)}."""
    found = {}
    for name, values in places.items():
        if len(values) > 1:
            best = int(np.argmax(effects[name][:-1]))
            found[name] = (float(effects[name][best] - effects[name][-1]), values[best])
    return found


def _distribution(knob):
    if isinstance(knob, spaces.Block):
        return optuna.distributions.CategoricalDistribution(knob.options)
    if knob.integer:
        return optuna.distributions.IntDistribution(int(knob.low) + 1, int(knob.high) - 1, log=knob.log)
    return optuna.distributions.FloatDistribution(knob.low, knob.high, log=knob.log)

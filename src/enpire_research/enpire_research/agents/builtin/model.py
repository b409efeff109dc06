"""What trials say about each value that a policy may take: a sum of effects, with what is not known yet. Pure.

    how good a trial is = level + sum over the knobs that matter of effect(knob, value) + chance

Each effect is a Gaussian process over the knob's range: near values have near effects, options have nothing to do with
one another. All candidates are looked at together, so that a value is judged by every trial that had it, beside
whatever else. With the few trials that a candidate gets, this says more than its own mean.

Not covered: values that only help together. What matters only with a certain strategy block (`when`) counts where it
matters.
"""

from dataclasses import dataclass

import numpy as np

from enpire_research.agents.builtin import space as spaces

# Chosen on made-up problems.
SCALE = 0.12
BLOCK_SCALE = 1.5
LENGTH = 0.15
# A number that its author did not write is a little worse, unless trials say otherwise.
DOUBT = 0.03
LEVEL, LEVEL_SCALE = 0.45, 0.30
NOISE = 0.36


@dataclass(frozen=True)
class Seen:
    """A candidate: its ``values`` {name: value}, the mean ``value`` of its trials, 0 to 1, and how many there were."""

    values: dict
    value: float
    trials: int


class Effects:
    """Effects of values, given what was seen.

    ``space``: Space; ``seen``: [Seen], the start policy first; ``places``: {name: [value]}, for which effects are
    asked; ``weights``: {name: how much its effect may be, 1 for an ordinary one}.
    """

    def __init__(self, space, seen, places, weights):
        self._parts, start = {}, seen[0].values
        rows = sum(len(places[knob.name]) for knob in space.knobs)
        within, across, prior = np.zeros((rows, rows)), np.zeros((rows, len(seen))), np.zeros(rows)
        covariance = LEVEL_SCALE ** 2 * np.ones((len(seen), len(seen)))
        expected, at = np.full(len(seen), LEVEL), 0
        for knob in space.knobs:
            here = places[knob.name]
            block = isinstance(knob, spaces.Block)
            power = (SCALE * weights[knob.name] * (BLOCK_SCALE if block else 1.0)) ** 2
            there = [one.values[knob.name] for one in seen]
            matters = np.array([space.active(knob.name, one.values) for one in seen], float)
            part = self._parts[knob.name] = slice(at, at + len(here))
            within[part, part] = power * _likeness(knob, here, here)
            across[part] = power * _likeness(knob, here, there) * matters
            covariance += power * _likeness(knob, there, there) * np.outer(matters, matters)
            if not block:
                prior[part] = [-DOUBT * (value != start[knob.name]) for value in here]
                expected -= DOUBT * matters * [value != start[knob.name] for value in there]
            at += len(here)
        covariance += np.diag([NOISE ** 2 / max(1, one.trials) for one in seen])
        gain = np.linalg.solve(covariance, across.T).T
        self._mean = prior + gain @ (np.array([one.value for one in seen]) - expected)
        self._root = np.linalg.cholesky(within - gain @ across.T + 1e-8 * np.eye(rows))

    def mean(self):
        """Return {name: array of effects}, the most likely ones, in the order of ``places``."""
        return {name: self._mean[part] for name, part in self._parts.items()}

    def drawn(self, generator):
        """Return the same, drawn from all that the trials leave open; ``generator``: numpy Generator."""
        found = self._mean + self._root @ generator.standard_normal(len(self._mean))
        return {name: found[part] for name, part in self._parts.items()}


def _likeness(knob, some, others):
    """Return the matrix of how alike values are, 1 for the same."""
    if isinstance(knob, spaces.Block):
        return np.array([[float(one == other) for other in others] for one in some])
    one, other = (np.array([knob.share(value) for value in values]) for values in (some, others))
    return np.exp(-0.5 * ((one[:, None] - other[None, :]) / LENGTH) ** 2)

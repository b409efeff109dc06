"""How a campaign is made: its budget and its rules of comparison, fixed before it begins."""

import dataclasses
import math
from dataclasses import dataclass

# Of ledger, engine and seeds together: another version's campaign can't be gone on with.
VERSION = 3


class ConfigError(ValueError):
    """A value that can't be; the text says which, what was expected, and the least that would do."""


@dataclass(frozen=True)
class CampaignConfig:
    """``trials``: the whole budget, exam included; void trials don't count.

    ``ideas_a_round``: at most; ``screen_first``: resets on which each of them is screened; ``screen_second``: how
    many of them, the best ones there, go on to all ``screen_resets``, which are the same for every candidate;
    ``confirm_margin``: by how many successes on these the leader must be before the champion to be confirmed at
    once, and not only at the end of development (more than ``screen_resets``: never); ``confirm_resets``: pairs of
    trials of a confirmation, on fresh resets; ``alpha``: of its exact one-sided sign test; ``exam_resets``: held-out
    resets of the final exam, each for champion and start policy.

    The defaults come from simulated campaigns: docs/decisions/0012-campaign-comparison.md.
    """

    task: str
    seed: int
    trials: int = 364
    ideas_a_round: int = 6
    screen_first: int = 4
    screen_second: int = 2
    screen_resets: int = 12
    confirm_margin: int = 13
    confirm_resets: int = 16
    alpha: float = 0.05
    exam_resets: int = 100
    researcher: str = 'builtin'

    def __post_init__(self):
        for name, low, high in (('seed', 0, 2**63 - 1), ('trials', 1, 10**6), ('ideas_a_round', 1, 1000),
                                ('screen_first', 3, 10**4), ('screen_second', 1, 1000), ('screen_resets', 3, 10**4),
                                ('confirm_margin', 1, 10**4),
                                ('confirm_resets', 1, 10**4), ('exam_resets', 1, 10**4)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigError(f'{name}: expected an integer from {low} to {high}, got {value!r}')
        for name in ('task', 'researcher'):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ConfigError(f'{name}: expected a name, got {getattr(self, name)!r}')
        if not isinstance(self.alpha, float) or not 0.0 < self.alpha < 0.5:
            raise ConfigError(f'alpha: expected a number between 0 and 0.5, got {self.alpha!r}')
        if not self.screen_first <= self.screen_resets:
            raise ConfigError(f'screen_first: expected at most screen_resets, {self.screen_resets}, got '
                              f'{self.screen_first}')
        if self.confirm_resets < least_pairs(self.alpha):
            raise ConfigError(f'confirm_resets: expected {least_pairs(self.alpha)} or more for alpha {self.alpha:g}, '
                              f'got {self.confirm_resets}: with fewer no idea can ever be kept')
        if self.trials < self.least_trials:
            raise ConfigError(f'trials: expected {self.least_trials} or more ({self.screen_resets} for the start '
                              f'policy, {self.screen_resets} for one idea, {2 * self.confirm_resets} for one '
                              f'confirmation, {2 * self.exam_resets} for the exam), got {self.trials}: give more, or '
                              'ask for less of these')

    @property
    def least_trials(self):
        """The smallest budget: baseline, one idea screened and confirmed, exam."""
        return 2 * self.screen_resets + 2 * self.confirm_resets + 2 * self.exam_resets

    @property
    def development_trials(self):
        """What is left when the exam is set aside."""
        return self.trials - 2 * self.exam_resets

    def to_dict(self):
        """Return plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Return the CampaignConfig of ``values``; ConfigError for missing, unknown or impossible ones."""
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f'expected the fields of a campaign configuration, got others: {error}') from error


def least_pairs(alpha):
    """Return how many pairs, all gained, the sign test needs at least to be at ``alpha``: 2**-n <= alpha."""
    return math.ceil(math.log2(1.0 / alpha))

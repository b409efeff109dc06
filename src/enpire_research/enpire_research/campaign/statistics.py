"""How sure a campaign is: intervals of rates, and the comparison of two policies on the same resets. Pure."""

from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True)
class Comparison:
    """Pairs of trials of a challenger and a champion on the same resets.

    ``gained``: resets where only the challenger succeeded; ``lost``: where only the champion did; ``p``: of the exact
    one-sided sign test; ``better``: p <= alpha.
    """

    n: int
    challenger: int
    champion: int
    gained: int
    lost: int
    p: float
    alpha: float
    better: bool


def wilson(successes, n, confidence=0.95):
    """Return (low, high): Wilson's interval of a rate of ``successes`` in ``n`` trials; (0, 1) for n = 0.

    ValueError where the numbers can't be.
    """
    if not 0 <= successes <= n:
        raise ValueError(f'expected successes between 0 and n, got {successes} of {n}')
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(confidence, method='wilson')
    return float(interval.low), float(interval.high)


def sign_test(gained, lost):
    """Return the exact one-sided p: how often ``gained`` or more of gained + lost would come by fair coins."""
    if not (gained >= 0 and lost >= 0):
        raise ValueError(f'expected counts of 0 or more, got {gained} and {lost}')
    if gained + lost == 0:
        return 1.0
    return float(binomtest(gained, gained + lost, alternative='greater').pvalue)


def decide(pairs, alpha):
    """Return the Comparison of ``pairs``: (challenger succeeded, champion succeeded), one a reset.

    n is fixed before and nobody looks in between: where both are equally good, `better` comes with a chance of at
    most ``alpha``.
    """
    if not 0.0 < alpha < 0.5:
        raise ValueError(f'expected an alpha between 0 and 0.5, got {alpha}')
    pairs = [(bool(one), bool(other)) for one, other in pairs]
    gained = sum(one and not other for one, other in pairs)
    lost = sum(other and not one for one, other in pairs)
    p = sign_test(gained, lost)
    return Comparison(len(pairs), sum(one for one, _ in pairs), sum(other for _, other in pairs), gained, lost, p,
                      alpha, p <= alpha)

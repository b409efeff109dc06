"""Why a trial failed: one of a few classes, from its error code, score and measurements. Pure.

What is measured and how much of it is allowed comes from the task (`Task.tolerances`), not from here.
Not covered: several causes in one trial; the one that is found first counts.
"""

import math

from enpire_research.campaign.researcher import CRASHED_CODES

CRASHED, REFUSED, UNSEEN, FAR = 'crashed', 'refused', 'unseen', 'far'
BESIDE, TURNED, BOTH, NEAR = 'beside', 'turned', 'both', 'near'
CLASSES = (CRASHED, REFUSED, UNSEEN, FAR, BESIDE, TURNED, BOTH, NEAR)
WORDS = {
    CRASHED: 'end in a crash, an exit, silence or too much CPU time', REFUSED: 'are refused by the safety gate',
    UNSEEN: 'end in a scene that cannot be judged', FAR: 'end far off', BESIDE: 'lie beside (position off, angle fine)',
    TURNED: 'lie turned (angle off, position fine)', BOTH: 'are off in position and angle',
    NEAR: 'miss by less than as much again as is allowed'}
# Codes of Rollout.action; a test compares them with the file.
REFUSED_CODE, UNSEEN_CODE = 212, 213
FAR_SCORE = 0.5
NEAR_RATIO = 2.0


def ratios(outcome, tolerances):
    """Return [(kind, measured / allowed)] of an Outcome, for those of ``tolerances`` that were measured."""
    return [(allowed.kind, abs(outcome.measurements[allowed.measurement]) / allowed.most) for allowed in tolerances
            if allowed.measurement in outcome.measurements]


def classify(outcome, tolerances):
    """Return the class of a failed Outcome, or None for a success.

    ``tolerances``: the task's, a sequence of `enpire_tasks.types.Tolerance`.
    """
    if outcome.success:
        return None
    if outcome.error_code in CRASHED_CODES:
        return CRASHED
    if outcome.error_code == REFUSED_CODE:
        return REFUSED
    measured = ratios(outcome, tolerances)
    if outcome.error_code == UNSEEN_CODE or (tolerances and not measured):
        return UNSEEN
    if not outcome.score >= FAR_SCORE:
        return FAR
    if all(ratio <= NEAR_RATIO for _, ratio in measured):
        return NEAR
    off = {kind for kind, ratio in measured if not ratio <= 1.0}
    return {frozenset(['position']): BESIDE, frozenset(['angle']): TURNED}.get(frozenset(off), BOTH)


def histogram(outcomes, tolerances):
    """Return {class: count} of the failed ones of ``outcomes``, most frequent first (then by the order of classes)."""
    found = [classify(outcome, tolerances) for outcome in outcomes]
    counts = {name: found.count(name) for name in CLASSES if name in found}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def closeness(outcome, tolerances):
    """Return how good a trial was, 0 to 1: 1 a success; else up to 0.5 by its score and by how far off it was."""
    if outcome.success:
        return 1.0
    worst = max([ratio for _, ratio in ratios(outcome, tolerances)], default=None)
    if worst is None or classify(outcome, tolerances) in (CRASHED, REFUSED):
        return 0.25 * outcome.score
    return 0.25 * outcome.score + 0.25 / max(1.0, worst)


def value(outcomes, tolerances):
    """Return how good a candidate was, the mean closeness of its trials; smoother than successes alone. 0 for none."""
    return math.fsum(closeness(outcome, tolerances) for outcome in outcomes) / max(1, len(outcomes))

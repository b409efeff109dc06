"""What the studies of Push-T came to: tables made of their rows. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from enpire_research.studies.results import share
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t import verifier
from enpire_tasks.types import FAILURE, SUCCESS, UNKNOWN

TRIALS = 'trials of '
TRIES = (1, 2, 3)
ANSWERS = (SUCCESS, FAILURE, UNKNOWN)


@dataclass(frozen=True)
class Table:
    """A titled table. ``rows``: tuples of texts, as long as ``head``."""

    title: str
    text: str
    head: tuple
    rows: list


def tables(studies):
    """Return the Tables of ``studies`` ({name: rows by name}), in the order of the page."""
    of_trials = {name[len(TRIALS):]: [row['trials'] for row in rows.values()]
                 for name, rows in sorted(studies.items()) if name.startswith(TRIALS)}
    found = []
    if of_trials:
        found += [resets(of_trials), confusion(of_trials), mistakes(of_trials)]
    for name, make in (('verdicts', placed), ('vision', vision), ('rim', rim)):
        if name in studies:
            found.append(make(studies[name]))
    return found + [trials(name, chains) for name, chains in of_trials.items()]


# ---- real trials -----------------------------------------------------------------------------
def from_end_states(chain):
    """Return the resets of ``chain`` that began in the end state of a real trial: never its first.

    The first begins where the scene is built, and one after a reset that failed where that left things.
    """
    return [trial for before, trial in zip(chain, chain[1:]) if 'rollout' in before]


def resets(of_trials):
    """Return the table of resets; ``of_trials``: {policy: chains of trials}."""
    rows = []
    every = {name: [trial for chain in chains for trial in from_end_states(chain)]
             for name, chains in of_trials.items()}
    if len(every) > 1:
        every['all'] = [trial for one in every.values() for trial in one]
    for name, found in every.items():
        counted = [trial for trial in found if trial['reset'] in ('succeeded', 'failed')]
        done = [sum(t['reset'] == 'succeeded' and t['tries'] <= tries for t in counted) for tries in TRIES]
        rows.append((name, str(len(counted)), *(share(n, len(counted)) for n in done), str(len(found) - len(counted))))
    return Table('Resets from end states of real trials',
                 'Only resets that began in the end state of a trial of a policy: the first of each station, which '
                 'begins where the scene is built, is left out. Confirmed by camera.',
                 ('policy of the trial before', 'resets', *(f'done by try {n}' for n in TRIES), 'void'), rows)


def judged(of_trials):
    """Return all trials that have a verdict, of all policies."""
    return [trial for chains in of_trials.values() for chain in chains for trial in chain
            if trial.get('rollout') in ('succeeded', 'failed')]


def answer(trial):
    """Return the verifier's answer in a row; rows from before answers were kept tell by status and code."""
    return trial.get('answer') or (SUCCESS if trial['rollout'] == 'succeeded' else FAILURE)


def _counts(found):
    return {truth: {one: sum(t['truly_done'] is truth and answer(t) == one for t in found) for one in ANSWERS}
            for truth in (True, False)}


def confusion(of_trials):
    """Return the table of truth and verdict over the end states of all trials."""
    found = judged(of_trials)
    counts = _counts(found)
    return Table('Verdict against truth on end states of real trials',
                 f"All {len(found)} end states of trials of all policies, after the retreat. Truth is the T's pose in "
                 "the simulation, read after the verdict. A success must be inside the tolerance by the verifier's own "
                 'error: a T between the two is truly done, and turned down.',
                 ('truth', 'verdict success', 'verdict failure', "can't tell", 'sum'),
                 [('done' if truth else 'not done', *(str(counts[truth][one]) for one in ANSWERS),
                   str(sum(counts[truth].values()))) for truth in (True, False)])


def mistakes(of_trials):
    """Return the table of rates of mistakes, and of the error of the pose, over the end states of all trials."""
    found = judged(of_trials)
    counts = _counts(found)
    done, other = counts[True], counts[False]
    rows = [('false accepts: not done, verdict success', share(other[SUCCESS], sum(other.values()))),
            ('false rejects: done, verdict failure', share(done[FAILURE], sum(done.values()))),
            ("of these within twice the verifier's margin of the tolerance", str(sum(
                t['truly_done'] and answer(t) == FAILURE and _near(t) for t in found))),
            ("done, can't tell", share(done[UNKNOWN], sum(done.values())))]
    pairs = [trial['seen_mm_deg'] for trial in found if 'seen_mm_deg' in trial]
    return Table('Mistakes and pose error on end states of real trials',
                 'Over the same end states. Pose error: where the verifier sees the T against where it lies.',
                 ('', ''), rows + (_errors(pairs) if pairs else []))


def _near(trial):
    """Return whether the T lay inside the tolerance by less than twice the verifier's margin."""
    return (trial['error_mm'] > 1e3 * (g.POSITION_TOLERANCE - 2 * verifier.POSITION_MARGIN)
            or trial['error_deg'] > math.degrees(g.ANGLE_TOLERANCE - 2 * verifier.ANGLE_MARGIN))


def trials(name, chains):
    """Return the table of the trials of one policy."""
    every = [trial for chain in chains for trial in chain]
    found = judged({name: chains})
    rows = [('rollouts succeeded', share(sum(t['rollout'] == 'succeeded' for t in found), len(found))),
            ('void', str(sum('void' in (t['reset'], t.get('rollout')) for t in every))),
            ('resets that failed', str(sum(t['reset'] == 'failed' for t in every))),
            ('refused by the gate', str(sum(t['code'] == 212 for t in found))),
            ('mean seconds of a reset', _mean([t['reset_s'] for t in every])),
            ('mean seconds of a rollout', _mean([t['rollout_s'] for t in found]))]
    return Table(f'Trials of {name}', '', ('', ''), rows)


def _mean(values):
    return f'{np.mean(values):.1f}' if values else 'none'


# ---- placed objects --------------------------------------------------------------------------
def _errors(pairs):
    """Return rows about pairs [mm, degrees], [None, None] where the verifier could not tell."""
    found = np.array([pair for pair in pairs if pair[0] is not None])
    rows = [('poses', str(len(pairs))), ('not told', str(len(pairs) - len(found)))]
    for column, unit in ((0, 'mm'), (1, 'degrees')):
        if len(found):
            median, high, most = np.percentile(found[:, column], [50, 99.5, 100])
            rows.append((f'pose error, {unit}',
                         f'median {median:.2f}, 99.5th percentile {high:.2f}, largest {most:.2f}'))
    return rows


def vision(rows):
    """Return the table of the study `vision`."""
    return Table('Pose error of the verifier', 'Random poses against the truth of the simulation.', ('', ''),
                 _errors([pair for row in rows.values() for pair in row['errors_mm_deg']]))


def placed(rows):
    """Return the table of the study `verdicts`."""
    counts = {truth: {one: sum(row.get(f'{truth}: {one}', 0) for row in rows.values()) for one in ANSWERS}
              for truth in ('done', 'not done')}
    return Table('Verdicts near the tolerance',
                 'T put by hand, half of the poses within twice the tolerance: the hardest ones, hence more false '
                 'rejects.',
                 ('truth', 'verdict success', 'verdict failure', "can't tell", 'sum'),
                 [(truth, *(str(count) for count in found.values()), str(sum(found.values())))
                  for truth, found in counts.items()])


def rim(rows):
    """Return the table of the study `rim`."""
    every = [reset for row in rows.values() for reset in row['resets']]
    found = []
    for kind in sorted({reset['kind'] for reset in every}):
        of_kind = [reset for reset in every if reset['kind'] == kind]
        done = [sum(r['reset'] == 'succeeded' and r['tries'] <= tries for r in of_kind) for tries in (1, 3)]
        found.append((kind, *(share(n, len(of_kind)) for n in done)))
    return Table('Resets from hard places', 'T laid on the rim, along it, in corners.',
                 ('how it lay', 'done by try 1', 'done by try 3'), found)

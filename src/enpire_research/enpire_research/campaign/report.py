"""What `enpire report` prints of a campaign: success, what changed, failures, how the stations were used. Pure.

All numbers come from the ledger. Rates have their n and their 95% Wilson interval; those on development resets are
called that: the champion was chosen by them, and looks better there than it is.
"""

import statistics

from enpire_research.agents.builtin import failures
from enpire_research.campaign import chain, usage
from enpire_research.campaign.records import EXAM, outcome
from enpire_research.campaign.statistics import wilson
from enpire_research.campaign.story import successes, tell

MARGIN = 17
# Longer texts of others are cut: a report is to be read.
LONGEST = 100


def text(records, tolerances=(), start_values=None):
    """Return the report of ``records`` as text; its last line is 'ledger digest: <hex>'.

    ``tolerances``: the task's, for the classes of failures; ``start_values``: {name: value} of the start policy, as far
    as they are known. StoryError where the ledger has no campaign yet.
    """
    story = tell(records)
    parts = [[headline(story)], _success(story), _changes(story, start_values or {}), _failures(story, tolerances),
             _effort(story), _stations(story), [f'ledger digest: {chain.digest(records)}']]
    return '\n'.join(line for part in parts for line in part)


def headline(story):
    """Return the first line: whether it is simulated, what it is, whether it has ended."""
    body = story.campaign
    kind = 'SIMULATED' if body['simulated'] else 'REAL ROBOTS'
    count = len(body['units'])
    state = 'ended' if story.end else 'under way'
    return f'{kind} campaign: {body["task"]}, seed {body["seed"]}, {count} station{"s" if count != 1 else ""}; {state}'


def rate(trials):
    """Return '3 of 10 (30%, 95% interval 11 to 60%)' of ``trials`` (bodies)."""
    n, good = len(trials), successes(trials)
    if not n:
        return 'none yet'
    low, high = wilson(good, n)
    return f'{good} of {n} ({good / n:.0%}, 95% interval {100 * low:.0f} to {100 * high:.0f}%)'


def _line(name, words):
    return f'{name:<{MARGIN}}{words}'


def _cut(words):
    words = ' '.join(str(words).split())
    return words if len(words) <= LONGEST else words[:LONGEST - 1] + '…'


def _success(story):
    start, best = story.start, story.best
    lines = []
    if story.exam:
        lines += ['', f'success on {story.exam["n"]} held-out resets, fixed before and the same for both',
                  _line('  start policy', rate(start.exam))]
        if best.number:
            lines += [_line('  champion', f'{rate(best.exam)}: {best.name}'), _line('  reset by reset', _pairs(story))]
        else:
            lines.append(_line('  champion', 'the start policy itself: no idea was better'))
    lines += ['', 'success on development resets' + (
        ' (the champion was chosen by them: not what it can do elsewhere)' if best.number else '')]
    lines.append(_line('  start policy', rate(start.development)))
    if best.number:
        lines.append(_line('  champion', f'{rate(best.development)}: {best.name}'))
    if not story.exam:
        total = story.campaign['config'].get('exam_resets', '?')
        done = sum(trial['purpose'] == EXAM for trial in story.trials)
        lines.append(_line('  final exam', f'under way, {done} trials done; not looked at before its end' if done else
                           f'not begun; {total} held-out resets for each'))
    return lines


def _pairs(story):
    """Return in words where only one of champion and start policy succeeded."""
    won = [{trial['reset'] for trial in one.exam if successes([trial])} for one in (story.best, story.start)]
    return (f'{len(won[0] - won[1])} where only the champion succeeds, {len(won[1] - won[0])} where only the start '
            'policy')


def _changes(story, start_values):
    best = story.best
    if not best.number:
        return []
    lines = ['', f'from start policy to champion ({best.name})']
    for name, value, number in story.changes(best.number):
        if name in start_values and start_values[name] == value:
            continue  # set, and set back
        before = f'{start_values[name]} -> ' if name in start_values else ''
        lines.append(f'  {name} = {before}{value}  (idea {number})')
    number, path = best.number, []
    while number:
        path.append(story.candidates[number])
        number = path[-1].body['parent']
    lines += [f'  {one.name}: {_cut(one.body["hypothesis"])}' for one in reversed(path)]
    return lines


def _failures(story, tolerances):
    """Return failures by class, of both, on the resets that the success is told of."""
    of = (lambda one: one.exam) if story.exam else (lambda one: one.development)
    chosen = [story.start] + ([story.best] if story.champion else [])
    counts = [failures.histogram([outcome(trial) for trial in of(one)], tolerances) for one in chosen]
    names = [name for name in failures.CLASSES if any(name in count for count in counts)]
    if not names:
        return ['', 'failures: none'] if any(map(of, chosen)) else []
    names.sort(key=lambda name: -counts[0].get(name, 0))
    head = f'failures on {"held-out" if story.exam else "development"} resets'
    lines = ['', f'{head:<32}' + ''.join(f'{one:>14}' for one in ('start policy', 'champion')[:len(chosen)])]
    for name in names:
        figures = ''.join(f'{count.get(name, 0):14d}' for count in counts)
        lines.append(f'  {name:<30}{figures}   {failures.WORDS[name]}')
    return lines


def _effort(story):
    config = story.campaign['config']
    kept = [one for one in story.candidates[1:] if one.kept]
    voids = f', {len(story.voids)} void (faults of the lab; in no rate)'
    lines = ['', _line('ideas', f'{len(story.candidates) - 1} tried, {len(kept)} kept'
                       + (f' ({", ".join(str(one.number) for one in kept)})' if kept else '')),
             _line('trials', f'{len(story.trials)} of {config.get("trials", "?")}{voids}')]
    lines += [_line('  void', f'{body["trial_id"]} on {body["unit"]}: {_cut(body["reason"])}')
              for body in story.voids[:5]]
    if len(story.voids) > 5:
        lines.append(_line('  void', f'and {len(story.voids) - 5} more'))
    if story.end:
        lines.append(_line('ended', story.end['reason']))
    return lines


def _stations(story):
    found = usage.measure([*story.trials, *story.voids], story.campaign['units'])
    if not found.span_s > 0:
        return []
    lines = [_line('wall time', f'{hours(found.span_s)} from the first reset to the last verdict' + (
        f', and {len(found.pauses_s)} pause{"s" if len(found.pauses_s) > 1 else ""} of {hours(sum(found.pauses_s))} '
        'in all' if found.pauses_s else ''))]
    shares = ', '.join(f'{unit} {share:.0%}' for unit, share in found.share.items())
    lines.append(_line('stations', f'{found.total:.0%} of it in resets and rollouts ({shares})'))
    if found.between_s and found.inside_s:
        lines.append(_line('overhead', f'{statistics.median(found.between_s):.2f} s before a reset and '
                           f'{statistics.median(found.inside_s):.2f} s before its rollout (medians); '
                           f'{statistics.fmean(found.between_s):.2f} s before a reset in the mean, with waiting for '
                           'other stations'))
    by_hand = sum(bool(one['reset_report'] and one['reset_report'].get('put_back')) for one in
                  (*story.trials, *story.voids))
    if by_hand:
        lines.append(_line('by hand', f'{by_hand} times a lost object was put back' + (
            ' by the simulation: in a real lab somebody has to come' if story.campaign['simulated'] else '')))
    outs = [body for body in story.stations if body['state'] == 'out']
    lines += [_line('out', f'{body["unit"]}: {_cut(body["reason"])}') for body in outs[-5:]]
    return lines


def hours(seconds):
    """Return a time as '1 h 24 min', below an hour in minutes, below two minutes in seconds."""
    if seconds < 120:
        return f'{seconds:.1f} s'
    minutes = int(round(seconds / 60))
    return f'{minutes // 60} h {minutes % 60} min' if minutes >= 60 else f'{minutes} min'

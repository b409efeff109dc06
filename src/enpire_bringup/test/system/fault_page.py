"""What campaigns of faults came to, as text: a summary for the terminal, a page for the docs. Pure."""

import collections
import re
import statistics

import fault_plan
import fault_results
from enpire_core.joints import JOINT_NAMES

HEAD = """# Faults, injected

Made by `fault_campaign.py --page`; don't edit. Each fault hits a process of a simulated campaign on two stations, at a
random moment drawn from the seed: it is killed (SIGKILL), stopped for 10 s (SIGSTOP), or the disk with the run folder,
a small tmpfs, is full for 10 s, for all processes at once. Everything is simulated; how it is measured, and what held
means, stands in [fault_measure.py](../src/enpire_bringup/test/system/fault_measure.py), the raw figures are in
[results/faults.jsonl](results/faults.jsonl). Times are simulated seconds.

Measured on the state of the code `{state}`, seed {seed}.
"""
COLUMNS = ('fault', 'n', 'arms moved', 'left lockstep', 'held after, median', 'largest', 'still after, largest',
           'farthest way in 2 s, rad',
           'world began anew', 'cleared by an operator', 'the lab')


def beside(out):
    """Return the path of the page that belongs to the results in ``out`` (a Path): docs/results/x.jsonl, docs/x.md."""
    folder = out.parent.parent if out.parent.name == 'results' else out.parent
    return folder / f'{out.stem}.md'


def of_campaign(campaign):
    """Return in one line what became of the trials of a campaign."""
    return (f'{campaign["finished"]} trials finished, {campaign["void"]} void, {len(campaign["lost"])} lost, '
            f'{len(campaign["twice"])} counted twice, {len(campaign["waiting"])} waiting; '
            + ('verified' if campaign['verified'] else f'NOT VERIFIED:\n{campaign["verify"]}'))


def summary(faults, campaigns):
    """Return what all came to, in lines."""
    kinds = collections.Counter(fault['kind'] for fault in faults)
    left = [leaving for leaving, _ in fault_results.leavings(faults)]
    ended = [end for fault in faults for end in fault['ends']]
    # Numbers of records and the like don't count.
    said = collections.Counter(re.sub(r'\d+', 'n', end['said']) or 'killed' for end in ended)
    total = collections.Counter()
    for campaign in campaigns:
        total.update({name: len(campaign[name]) for name in ('lost', 'twice', 'invented', 'waiting')})
        total.update(finished=campaign['finished'], void=campaign['void'])
    return '\n'.join([
        f'{len(faults)} faults in {len(campaigns)} campaigns: '
        + ', '.join(f'{kinds[kind]} {kind}' for kind in fault_plan.KINDS),
        f'worlds that left lockstep: {len(left)}; {_holds(left)}',
        f'labs that ended: {len(ended)}', *(f'  {n} x {text}' for text, n in said.most_common()),
        f'trials finished: {total["finished"]}, void: {total["void"]}, lost: {total["lost"]}, counted twice: '
        f'{total["twice"]}, made up: {total["invented"]}',
        *(f'WRONG: {text}' for text in fault_results.wrong(faults, campaigns))])


def _holds(left):
    times = [leaving.held_s for leaving in left if leaving.held_s is not None]
    still = [leaving.still_s for leaving in left]
    ways = [way for leaving in left for name, way in zip(JOINT_NAMES, leaving.way) if 'gripper' not in name]
    if not times:
        return 'no time to hold'
    return (f'held after {statistics.median(times):.3f} s at the median, {max(times):.3f} s at most '
            f'(n = {len(times)}), still: {_largest(still)} at most; '
            f"way of an arm's joint in the 2 s after it {statistics.median(ways):.4f} rad at the "
            f'median, {max(ways):.4f} rad at most')


def page(lines):
    """Return the page of the state and seed that were measured last."""
    key, seed = fault_results.newest(lines)
    faults, campaigns = fault_results.of(lines, key, seed)
    rows = collections.defaultdict(list)
    for fault in faults:
        # Two stations are alike.
        rows[f'{fault["kind"]} {fault["target"].removeprefix("unit0.").removeprefix("unit1.")}'].append(fault)
    table = [COLUMNS, ('---',) * len(COLUMNS), *(_row(name, rows[name]) for name in sorted(rows)), _row('all', faults)]
    return '\n'.join([HEAD.format(state=key, seed=seed), '```', summary(faults, campaigns), '```', '',
                      *('| ' + ' | '.join(row) + ' |' for row in table), '', _joints(faults), ''])


def _row(name, faults):
    left = [leaving for leaving, _ in fault_results.leavings(faults)]
    times = [leaving.held_s for leaving in left if leaving.held_s is not None]
    still = [leaving.still_s for leaving in left]
    ways = [way for leaving in left for joint, way in zip(JOINT_NAMES, leaving.way) if 'gripper' not in joint]
    ended = sum(bool(fault['ends']) for fault in faults)
    return (name, str(len(faults)), str(sum(bool(fault['moving']) for fault in faults)), str(len(left)),
            f'{statistics.median(times):.3f} s' if times else '', _largest([leaving.held_s for leaving in left]),
            _largest(still),
            f'{max(ways):.4f}' if ways else '', str(sum(bool(fault['anew']) for fault in faults)),
            str(sum(sum(fault['cleared'].values()) for fault in faults)),
            f'ended {ended} times' if ended else 'went on')


def _largest(times):
    """Return the largest time as text, '' without any; one that is None was never reached, or nobody saw it."""
    return '' if not times else 'not seen' if None in times else f'{max(times):.3f} s'


def _joints(faults):
    """Return a table of the way of each joint."""
    ways = [leaving.way for leaving, _ in fault_results.leavings(faults) if leaving.way]
    if not ways:
        return 'No world left lockstep.'
    lines = ['| joint | way in 2 s, median | largest |', '| --- | --- | --- |']
    for name, of_joint in zip(JOINT_NAMES, zip(*ways)):
        unit = 'm' if 'gripper' in name else 'rad'
        lines.append(f'| {name} | {statistics.median(of_joint):.5f} {unit} | {max(of_joint):.5f} {unit} |')
    return '\n'.join(lines)

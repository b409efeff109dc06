"""What campaigns of faults came to, as text: a summary for the terminal, a section of docs/safety.md. Pure."""

import collections
import re
import statistics

import fault_plan
import fault_results
from enpire_core.joints import JOINT_NAMES
from enpire_core.params import replace_table

SECTION = 'faults'
NOTHING = 'Not measured yet.\n'
HEAD = """Measured on the state of the code `{state}`, {studies}; the raw figures are in
[results/faults.json](results/faults.json).
Made by `fault_campaign.py --page`; don't edit.
"""
COLUMNS = ('fault', 'n', 'arms moved', 'left lockstep', 'held after, median', 'largest', 'still after, largest',
           'farthest way in 2 s, rad', 'world began anew', 'cleared by an operator', 'the lab')


def with_section(text, state, studies):
    """Return the page ``text`` with its section about ``studies`` ({study: {row: campaign}}) of the ``state``."""
    return replace_table(text, SECTION, _section(state, studies) if studies else NOTHING)


def _section(state, studies):
    campaigns = [campaign for rows in studies.values() for campaign in fault_results.campaigns_of(rows)]
    faults = fault_results.faults_of(campaigns)
    rows = collections.defaultdict(list)
    for fault in faults:
        # Two stations are alike.
        rows[f'{fault["kind"]} {re.sub("^unit[0-9]+[.]", "", fault["target"])}'].append(fault)
    table = [COLUMNS, ('---',) * len(COLUMNS), *(_row(name, rows[name]) for name in sorted(rows)), _row('all', faults)]
    return '\n'.join([HEAD.format(state=state, studies=', '.join(studies)), '```', summary(campaigns), '```', '',
                      *_lines(table), '', *_lines(_joints(faults)), ''])


def of_campaign(campaign):
    """Return in one line what became of the trials of a campaign."""
    return (f'{campaign["finished"]} trials finished, {campaign["void"]} void, {len(campaign["lost"])} lost, '
            f'{len(campaign["twice"])} counted twice, {len(campaign["waiting"])} waiting; '
            + ('verified' if campaign['verified'] else f'NOT VERIFIED:\n{campaign["verify"]}'))


def summary(campaigns):
    """Return what all came to, in lines."""
    faults = fault_results.faults_of(campaigns)
    kinds = collections.Counter(fault['kind'] for fault in faults)
    left = [leaving for leaving, _ in fault_results.leavings(faults)]
    ended = [end for one in (*faults, *campaigns) for end in one['ends']]
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
        *(f'WRONG: {text}' for text in fault_results.wrong(campaigns))])


def _holds(left):
    if not left:
        return 'no time to hold'
    ways = _ways(left)
    way = (f"; way of an arm's joint in the 2 s after it {statistics.median(ways):.4f} rad at the median, "
           f'{max(ways):.4f} rad at most' if ways else '')
    return (f'held after {_median(_held(left)) or "not seen"} at the median, {_largest(_held(left))} at most, still: '
            f'{_largest([leaving.still_s for leaving in left])} at most{way}')


def _row(name, faults):
    left = [leaving for leaving, _ in fault_results.leavings(faults)]
    ways, ended = _ways(left), sum(bool(fault['ends']) for fault in faults)
    return (name, str(len(faults)), str(sum(bool(fault['moving']) for fault in faults)), str(len(left)),
            _median(_held(left)), _largest(_held(left)), _largest([leaving.still_s for leaving in left]),
            f'{max(ways):.4f}' if ways else '', str(sum(bool(fault['anew']) for fault in faults)),
            str(sum(sum(fault['cleared'].values()) for fault in faults)),
            f'ended {ended} times' if ended else 'went on')


def _held(left):
    return [leaving.held_s for leaving in left]


def _ways(left):
    return [way for leaving in left for name, way in zip(JOINT_NAMES, leaving.way) if 'gripper' not in name]


def _median(times):
    """Return the median of those times that were seen as text, '' without any."""
    seen = [time for time in times if time is not None]
    return f'{statistics.median(seen):.3f} s' if seen else ''


def _largest(times):
    """Return the largest time as text, '' without any; one that is None was never reached, or nobody saw it."""
    return '' if not times else 'not seen' if None in times else f'{max(times):.3f} s'


def _joints(faults):
    """Return the rows of a table of the way of each joint, [] where no world left lockstep."""
    ways = [leaving.way for leaving, _ in fault_results.leavings(faults) if leaving.way]
    if not ways:
        return []
    rows = [('joint', 'way in 2 s, median', 'largest'), ('---',) * 3]
    for name, of_joint in zip(JOINT_NAMES, zip(*ways)):
        unit = 'm' if 'gripper' in name else 'rad'
        rows.append((name, f'{statistics.median(of_joint):.5f} {unit}', f'{max(of_joint):.5f} {unit}'))
    return rows


def _lines(rows):
    return ['| ' + ' | '.join(row) + ' |' for row in rows]

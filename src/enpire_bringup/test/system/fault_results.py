"""What campaigns of faults have found: kept, and summed up.

A row of `studies.results` is a campaign: its faults, and what became of its trials. It is written once the campaign
is checked, so that no fault counts without. State: of the code (`state`); study: the seed.
"""

import os

import fault_measure
from enpire_research.studies.results import Results
from enpire_research.studies.state import bench_state, digest

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = ('fault_counts.py', 'fault_disk.py', 'fault_lab.py', 'fault_measure.py', 'fault_plan.py', 'fault_runs.py',
       'system_watcher.py', 'policies/swings_and_varies.py')


def state(task):
    """Return the SHA-256 (hex) over what the figures depend on: a lab with its supervisor, and what is measured how."""
    import enpire_bringup

    folder = os.path.dirname(os.path.abspath(enpire_bringup.__file__))
    own = {f'faults/{name}': (os.path.join(HERE, name), ()) for name in OWN}
    return digest({'bringup': (folder, ()), **own})[:32] + bench_state(task)[:32]


def study(seed):
    """Return the name of the study of ``seed``."""
    return f'seed {seed}'


def kept(path, key, seed):
    """Return the Results of the state ``key`` and of ``seed`` in the JSON file ``path``."""
    return Results(path, key, study(seed))


def add(results, campaign):
    """Keep ``campaign`` (plain values) as the next row of the Results ``results``."""
    results.add(f'campaign {len(results.rows):04d}', campaign)


def campaigns_of(rows):
    """Return the campaigns in ``rows`` ({name: campaign}), in the order in which they were run."""
    return [campaign for _, campaign in sorted(rows.items())]


# ---- sums ------------------------------------------------------------------------------------------
def faults_of(campaigns):
    """Return all faults of ``campaigns``."""
    return [fault for campaign in campaigns for fault in campaign['faults']]


def leavings(faults):
    """Return [(Leaving, unit)] of all ``faults``."""
    return [(fault_measure.Leaving(**{name: value for name, value in one.items() if name != 'unit'}), one['unit'])
            for fault in faults for one in fault['leavings']]


def wrong(campaigns):
    """Return texts about all that must not be, [] for nothing."""
    found = []
    for number, campaign in enumerate(campaigns):
        found += [text for fault in campaign['faults'] for text in _wrong_after(fault)]
        found += [f'campaign {number}: {what}: {", ".join(campaign[what])}' for what in ('lost', 'twice', 'invented')
                  if campaign[what]]
        found += _wrong_ends(f'campaign {number}, without a fault', campaign['ends'])
        if not campaign['over']:
            found.append(f'campaign {number} did not come to its end: {_first_line(campaign["why"])}')
        found += [f'campaign {number}: not verified: {campaign["verify"]}'] if not campaign['verified'] else []
    return found


def _wrong_after(fault):
    """Yield what must not be after a fault."""
    name = f'fault {fault["number"]} ({fault["kind"]} {fault["target"]})'
    for leaving, unit in leavings([fault]):
        if not leaving.in_time:
            yield f'{name}: {unit} held after {leaving.held_s} s'
    yield from _wrong_ends(name, fault['ends'])
    if fault['stuck']:
        yield f'{name}: the lab did not go on'


def _wrong_ends(name, ends):
    """Yield what must not be where a lab ended."""
    for end in ends:
        if not end['killed'] and not end['said']:
            yield f'{name}: the lab ended and did not say why'
        if end['left']:
            yield f'{name}: processes outlived their lab: {end["left"]}'


def _first_line(text):
    return text.split('\n')[0]

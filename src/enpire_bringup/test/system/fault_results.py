"""The lines that a campaign of faults has written: read, added to, summed up. Pure but for the file.

A line is one JSON object: a ``fault``, or a ``campaign`` that faults were in, with what became of its trials. All of
them have ``state`` (of the code, `state`) and ``seed``. Faults are written when their campaign is checked, so that
none counts without.
"""

import json
import os

import fault_measure
from enpire_research.studies.state import bench_state, digest

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = ('fault_disk.py', 'fault_lab.py', 'fault_measure.py', 'fault_plan.py', 'fault_runs.py', 'system_watcher.py',
       'policies/swings_and_varies.py')


def state(task):
    """Return the SHA-256 (hex) over what the figures depend on: a lab with its supervisor, and what is measured how."""
    import enpire_bringup

    folder = os.path.dirname(os.path.abspath(enpire_bringup.__file__))
    own = {f'faults/{name}': (os.path.join(HERE, name), ()) for name in OWN}
    return digest({'bringup': (folder, ()), **own})[:32] + bench_state(task)[:32]


def read(path):
    """Return the lines in ``path``, [] where there is no file; ValueError names a line that is none."""
    if not os.path.exists(path):
        return []
    found = []
    with open(path, encoding='utf-8') as handle:
        for number, line in enumerate(handle, 1):
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f'{path}, line {number}: expected a JSON object: {error}') from error
    return found


def add(path, lines):
    """Put ``lines`` to the end of the file, on disk before this returns."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, 'a', encoding='utf-8') as handle:
        handle.write(''.join(json.dumps(line, sort_keys=True) + '\n' for line in lines))
        handle.flush()
        os.fsync(handle.fileno())


def of(lines, key, seed):
    """Return (faults, campaigns) of the state ``key`` and of ``seed``."""
    ours = [line for line in lines if (line['state'], line['seed']) == (key, seed)]
    return tuple([line for line in ours if line['line'] == kind] for kind in ('fault', 'campaign'))


def newest(lines):
    """Return (state, seed) of the last line."""
    return lines[-1]['state'], lines[-1]['seed']


# ---- sums ------------------------------------------------------------------------------------------
def leavings(faults):
    """Return [(Leaving, unit)] of all ``faults``."""
    return [(fault_measure.Leaving(**{name: value for name, value in one.items() if name != 'unit'}), one['unit'])
            for fault in faults for one in fault['leavings']]


def wrong(faults, campaigns):
    """Return texts about all that must not be, [] for nothing."""
    found = []
    for fault in faults:
        name = f'fault {fault["number"]} ({fault["kind"]} {fault["target"]})'
        found += [f'{name}: {unit} held after {leaving.held_s} s' for leaving, unit in leavings([fault])
                  if not leaving.in_time]
        found += [f'{name}: the lab ended and did not say why' for end in fault['ends']
                  if not end['killed'] and not end['said']]
        found += [f'{name}: processes outlived their lab: {end["left"]}' for end in fault['ends'] if end['left']]
        found += [f'{name}: the lab did not go on'] if fault['stuck'] else []
    for number, campaign in enumerate(campaigns):
        found += [f'campaign {number}: {what}: {", ".join(campaign[what])}' for what in ('lost', 'twice', 'invented')
                  if campaign[what]]
        if not campaign['over']:
            found.append(f'campaign {number} did not come to its end: {_first_line(campaign["why"])}')
        found += [f'campaign {number}: not verified: {campaign["verify"]}'] if not campaign['verified'] else []
    return found


def _first_line(text):
    return text.split('\n')[0]

"""What a lab takes of memory: PSS (shared pages divided among those who share them) and RSS, by process."""

import os

import psutil
from enpire_interfaces.action import Rollout

from enpire_research.bench import policy
from enpire_research.bench.lab import fault_of

TICKS = 60
MIB = 2**20


def measure(lab, folder):
    """Run a short rollout on each station at once; return the figures in MiB, idle and at most while at work.

    'faults' counts the rollouts that ended without a verdict (void): a lab that is too much for its machine.
    """
    path = os.path.join(folder, 'short.py')
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(policy.source(TICKS))
    working = []
    results = lab.rollouts({unit: Rollout.Goal(trial_id='memory', seed=1, policy_file=path) for unit in lab.units},
                 while_waiting=lambda: working.append(total(sizes(lab.processes()))))
    idle = sizes(lab.processes())
    return {'units': len(lab.units), 'total': total(idle), 'largest_total_seen': max([total(idle), *working]),
            'faults': sum(fault_of(result) != '' for result in results.values()), 'processes': by_kind(idle)}


def sizes(processes):
    """Return {name: (PSS, RSS)} in MiB; a process that ends meanwhile is left out."""
    found = {}
    for name, process in processes.items():
        try:
            info = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        found[name] = (info.pss / MIB, info.rss / MIB)
    return found


def total(found):
    """Return the sum of PSS in MiB: what would be free without the lab."""
    return sum(pss for pss, _ in found.values())


def by_kind(found):
    """Return {kind: {count, pss, rss}}, means over the processes of a kind; `unit3.safety_gate` is a safety_gate."""
    kinds = {}
    for name, size in found.items():
        kinds.setdefault(kind_of(name), []).append(size)
    return {kind: {'count': len(each), 'pss': sum(pss for pss, _ in each) / len(each),
                   'rss': sum(rss for _, rss in each) / len(each)} for kind, each in sorted(kinds.items())}


def kind_of(name):
    """Return a process's kind: its name without station and number."""
    last = name.split('.')[-1]
    if last.startswith('guard'):
        return 'guard of a policy'
    return 'policy (waiting for the next rollout)' if last.startswith('policy') else last

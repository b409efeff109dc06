"""How long a tick takes: on the graph, in the direct runner, in physics alone; in turns, in one run."""

import os

from enpire_core.ticks import TICK_S
from enpire_interfaces.action import Rollout
from enpire_research.bench import policy
from enpire_research.bench.direct import Direct
from enpire_research.bench.gate import BenchError
from enpire_research.bench.lab import fault_of
from enpire_research.bench.page import TASK
from enpire_research.bench.statistics import middle, summarise

SEED = 1
_SHOWN = {'unit0.sim_station': 'sim_station', 'unit0.safety_gate': 'safety_gate', 'unit0.trial_server': 'trial_server'}


class CpuWatch:
    """CPU time of processes between the first and the last feedback while the policy drives."""

    def __init__(self, processes):
        self._processes = processes
        self._first = self._last = None

    def look(self, _, feedback):
        """Take a feedback of Rollout."""
        if feedback.step != Rollout.Feedback.STEP_POLICY or feedback.elapsed_s <= 0.0:
            return
        now = feedback.elapsed_s, {name: sum(p.cpu_times()[:2]) for name, p in self._processes.items()}
        self._first = self._first or now
        self._last = now

    def each_tick(self):
        """Return {name: CPU ms a tick}; {} where too few feedbacks came to tell."""
        if self._first is None or self._last[0] - self._first[0] < 100 * TICK_S:
            return {}
        ticks = (self._last[0] - self._first[0]) / TICK_S
        return {name: 1000.0 * (self._last[1][name] - spent) / ticks for name, spent in self._first[1].items()}


def measure(lab, folder, ticks, rounds, cameras=()):
    """Return the figures of ``rounds`` of ``ticks`` each way. ``lab``: a running `lab.Lab` of one station."""
    name = '-'.join(('ticks', *cameras))
    path = os.path.join(folder, f'{name}.py')
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(policy.source(ticks, cameras))
    with Direct(TASK, os.path.join(folder, f'direct-{name}'), SEED) as direct:
        found = [_round(lab, direct, path, f'{name}-{number}', ticks) for number in range(rounds)]
    return figures(found, ticks)


def _round(lab, direct, path, name, ticks):
    watch = CpuWatch({shown: lab.processes()[known] for known, shown in _SHOWN.items()})
    results = lab.rollouts({'unit0': Rollout.Goal(trial_id=name, seed=SEED, policy_file=path)}, watch.look)
    fault = fault_of(results['unit0'])
    if fault:
        raise BenchError(f'expected a rollout without an error, got {fault}')
    on_graph, cpu = policy.figures(lab.log_of('unit0', name))
    in_process, _, parts = direct.run(name, path, SEED)
    return {'graph': on_graph, 'direct': in_process, 'bare': direct.bare(ticks), 'parts': parts,
            'cpu': {**watch.each_tick(), 'policy': cpu}}


def figures(rounds, ticks):
    """Return the figures of several rounds: for each way the round in the middle, in ms a tick.

    ``rounds``: what `_round` returns.
    """
    found = {'ticks': ticks, 'rounds': len(rounds)}
    for way in ('graph', 'direct', 'bare'):
        summaries = [summarise(one[way]) for one in rounds]
        mean = middle(one.mean for one in summaries)
        found[way] = {'mean': mean, 'median': middle(one.median for one in summaries),
                      'p99': middle(one.p99 for one in summaries), 'real_time_factor': 1000.0 * TICK_S / mean}
    found['overhead'] = middle_of_differences(rounds)
    for what in ('parts', 'cpu'):
        names = set.intersection(*(set(one[what]) for one in rounds))
        found[what] = {name: middle(max(0.0, one[what][name]) for one in rounds) for name in sorted(names)}
    return found


def middle_of_differences(rounds):
    """Return graph minus direct, ms a tick: the middle of the rounds' differences, by mean and by median."""
    found = {}
    for kind in ('mean', 'median'):
        gaps = [getattr(summarise(one['graph']), kind) - getattr(summarise(one['direct']), kind) for one in rounds]
        found[kind] = sorted(gaps)[len(gaps) // 2]
    return found

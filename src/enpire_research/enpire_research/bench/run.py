"""Measures the parts that are wanted, in one process that runs nothing else meanwhile."""

import contextlib
import tempfile
import time
from dataclasses import dataclass

from enpire_core.testing import Graph
from enpire_research.bench import gate, lab, machine, memory, pace, pipe
from enpire_research.bench.direct import PROFILES
# What `enpire bench` asks for here: the hash that it keeps figures under, and where its page lies.
from enpire_research.bench.page import current_state  # noqa: F401 (the command's)
from enpire_research.bench.page import page_beside  # noqa: F401


@dataclass(frozen=True)
class Amount:
    """How much is measured: commands through each middle in how many starts, steps through each pipe, ticks and rounds,
    stations."""

    commands: int
    starts: int
    steps: int
    ticks: int
    rounds: int
    stations: tuple


# What the policy looks at, by part.
CAMERAS = {'graph': (), 'cameras': ('top_camera',)}
FULL = Amount(1000, 8, 5000, 1800, 5, (1, 8))
QUICK = Amount(250, 1, 500, 300, 1, (1,))


def measure(parts, amount, command, say, found):
    """Put the figures of ``parts`` into ``found`` ({part: figures}), each as soon as it is there.

    ``command``: the words that start `enpire`; ``say(text)``: progress. BenchError where a part can't be measured.
    """
    with Graph() as graph:
        if 'gate' in parts:
            say('gate: commands through a relay and through the gate, in turns')
            found['gate'] = _noted(amount, lambda: gate.measure(graph.domain_id, amount.commands, amount.starts))
        if 'pipe' in parts:
            say('pipe: steps of a policy, confined and not, in turns')
            found['pipe'] = _noted(amount, lambda: pipe.measure(amount.steps, amount.rounds))
        labs = []
        for units in amount.stations:
            if units == 1 or 'memory' in parts:
                labs += _on_lab(graph, units, parts, amount, command, say, found)
        if labs:
            found['memory'] = {**labs[-1], 'labs': [one['lab'] for one in labs]}
            del found['memory']['lab']


def _on_lab(graph, units, parts, amount, command, say, found):
    """Measure on a lab of ``units``: its memory, in the list that is returned; on one station ticks into ``found``."""
    paces = [part for part in CAMERAS if part in parts and units == 1]
    if not paces and 'memory' not in parts:
        return []
    sizes = []
    with _lab(graph, command, units, say) as (running, folder):
        if 'memory' in parts:
            say('memory: a short rollout on each, then idle')
            sizes.append(_noted(amount, lambda: {'lab': memory.measure(running, folder)}))
        for part in paces:
            say(f'{part}: {amount.rounds} x {amount.ticks} ticks on the graph, in the direct runner, in physics')
            found[part] = _noted(amount, lambda part=part: pace.measure(
                running, folder, amount.ticks, amount.rounds, CAMERAS[part]))
    return sizes


def _noted(amount, call):
    """Return ``call()`` with when it was measured, and how busy the machine was before."""
    noted = {'measured_at': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'load': machine.load(),
             'priority': machine.priority()}
    return {**call(), **noted, 'quick': amount == QUICK}


@contextlib.contextmanager
def _lab(graph, command, units, say):
    with tempfile.TemporaryDirectory(prefix='enpire_bench_') as folder:
        say(f'starting a lab of {units} station{"s" if units > 1 else ""}')
        with lab.Lab(graph, command, folder, units, pace.TASK, pace.SEED, PROFILES) as running:
            yield running, folder

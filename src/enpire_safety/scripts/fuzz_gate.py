#!/usr/bin/env python3
"""Send hostile requests to the core of the gate, and look whether anything unsafe passes.

    python scripts/fuzz_gate.py [--n 1000000] [--seed 1] [--limits ../enpire_description/limits/yam.yaml]

Each run of 1000 requests has a gate of its own, arms that begin anywhere and go where they are told to, and a good
request now and then. Ends with 1 where something unsafe went out, a request latched the gate, or too few good ones
passed for the rest to mean anything.
"""

import argparse
import collections
import sys
import time
from pathlib import Path

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_safety.fuzz import Hostile, Judge
from enpire_safety.gate import limits as gate_limits
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.station_model import StationModel
from enpire_safety.gate.verdict import PASSED

LIMITS = Path(__file__).resolve().parents[2] / 'enpire_description' / 'limits' / 'yam.yaml'
RUN, GOOD_EVERY, FIRST_TICK = 1000, 10, 1000


class Fuzz:
    """Hostile requests to gates within ``limits`` (Limits), drawn from ``seed``, and what came of them."""

    def __init__(self, limits, seed):
        self._limits, self._seed = limits, seed
        self._judge, self._model = Judge(limits), StationModel(limits.body)
        self.counts, self.unsafe, self.good = collections.Counter(), [], [0, 0]

    def run(self, number, count):
        """Send ``count`` requests to a gate of its own, whose arms go where they are told to."""
        gate, hostile = GateCore({'robot': self._limits}), Hostile(self._limits, (self._seed, number))
        at = asked = hostile.start(self._judge)
        following, still = None, np.zeros(JOINT_COUNT)
        for k in range(count):
            state = hostile.state(FIRST_TICK + k, at, still, self._model.resting_efforts(at))
            good = k % GOOD_EVERY == 0
            verdict = gate.step(state.stamp_ns, hostile.good(state) if good else hostile.request(state, asked), state)
            passed = verdict.decision == PASSED
            self.counts[verdict.rule or verdict.decision] += 1
            self.good[0] += good
            self.good[1] += good and passed
            if verdict.command is not None:
                last = (state.positions if following is None else following) if passed else None
                broken = self._judge.unsafe(verdict.command, state, last)
                if broken:
                    self.unsafe.append(f'run {number}, request {k}: {broken}')
                at = asked = verdict.command.positions
                # A late request is refused without a command: then the set-point before stays in force.
                following = at if passed else None
            if gate.latched:
                self.unsafe.append(f'run {number}, request {k}: a request latched the gate: {gate.latched}')
                return


def main():
    """Fuzz, and say what came of it."""
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--n', type=int, default=1_000_000)
    options.add_argument('--seed', type=int, default=1)
    options.add_argument('--limits', type=Path, default=LIMITS)
    chosen = options.parse_args()
    fuzz, began = Fuzz(gate_limits.load(chosen.limits)['robot'], chosen.seed), time.monotonic()
    for number in range(-(-chosen.n // RUN)):
        fuzz.run(number, min(RUN, chosen.n - number * RUN))
    for text in fuzz.unsafe[:20]:
        print(f'UNSAFE {text}')
    print(f'{chosen.n} requests in {time.monotonic() - began:.0f} s: {fuzz.counts["passed"]} passed, '
          f'{len(fuzz.unsafe)} unsafe; {fuzz.good[1]} of {fuzz.good[0]} good ones passed')
    for rule, count in fuzz.counts.most_common():
        print(f'  {rule}: {count}')
    return 1 if fuzz.unsafe or not fuzz.good[1] >= 0.9 * fuzz.good[0] else 0


if __name__ == '__main__':
    sys.exit(main())

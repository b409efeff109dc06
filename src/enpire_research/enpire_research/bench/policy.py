"""The policy that is driven to measure ticks: it does next to nothing, and notes when it was asked.

It moves ten of the twelve arm joints a little to and fro, inside every limit, and prints at its end a
line of JSON: when each call came (ns of the steady clock) and the CPU time that its process used.
"""

import json

MARK = 'enpire bench '
_SOURCE = '''"""Moves joints to and fro and notes when it is asked. Written by `enpire bench`."""
import json
import math
import time

from enpire_policy import DONE

CAMERAS = {cameras!r}
TICKS = {ticks}
asked, cpu, home = [], [], []


def act(observation):
    asked.append(time.perf_counter_ns())
    cpu.append(time.process_time_ns())
    if not home:
        home.append(observation.joint_positions.copy())
    if len(asked) > TICKS:
        print({mark!r} + json.dumps({{'asked': asked, 'cpu': cpu[-1] - cpu[0]}}), flush=True)
        return DONE
    target = home[0].copy()
    swing = 0.05 * (1.0 - math.cos(0.5 * math.pi * observation.time))
    for first in (0, 7):
        target[first + 1:first + 6] += swing
    return target
'''


class NoFigures(ValueError):
    """A policy's log holds no figures; the text has its end."""


def source(ticks, cameras=()):
    """Return the text of the policy that drives for ``ticks`` and asks for ``cameras`` each tick."""
    return _SOURCE.format(cameras=tuple(cameras), ticks=int(ticks), mark=MARK)


def figures(log):
    """Return (milliseconds of each tick, CPU milliseconds a tick) from what the policy printed."""
    for line in log.splitlines():
        if line.startswith(MARK):
            noted = json.loads(line[len(MARK):])
            asked = noted['asked']
            ticks = [(after - before) / 1e6 for before, after in zip(asked, asked[1:])]
            return ticks, noted['cpu'] / 1e6 / len(ticks)
    raise NoFigures(f'expected the figures of the bench policy in its log, got: {log[-500:]!r}')

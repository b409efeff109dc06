"""Which faults a campaign of faults injects, and when: drawn from a seed. Pure.

Every kind meets every target equally often: a block holds each pair once, and disks DISKS times, in an order that is
drawn. A fault depends on seed and number alone, so that a campaign of faults can be broken off, and resumed.
"""

import dataclasses
import random

UNITS = ('unit0', 'unit1')
KILL, STOP, DISK = 'kill', 'stop', 'disk'
KINDS = (KILL, STOP, DISK)
POLICY, SUPERVISOR, VIEW, RUN_FOLDER = 'policy', 'lab.supervisor', 'lab.view', 'run folder'
OF_A_UNIT = ('sim_station', 'safety_gate', 'trial_server', POLICY)
PROCESSES = (*(f'{unit}.{name}' for unit in UNITS for name in OF_A_UNIT), 'lab.research', 'lab.train_server', VIEW,
             SUPERVISOR)
DISKS = 6
PAIRS = (*((kind, target) for kind in (KILL, STOP) for target in PROCESSES), *((DISK, RUN_FOLDER),) * DISKS)
# Wall time from the moment the lab works until the fault. A trial of the campaigns here takes about as long.
LATEST_S = 10.0


@dataclasses.dataclass(frozen=True)
class Fault:
    """``kind``: killed (SIGKILL), stopped (SIGSTOP, later SIGCONT) or a full disk. ``target``: name of a process of
    the lab; all of a lab writes to one disk, so that a full one is everybody's. ``delay_s``: wall seconds, from the
    moment the lab works; a policy is waited for after them.
    """

    number: int
    kind: str
    target: str
    delay_s: float

    @property
    def unit(self):
        """Name of the station that the target belongs to, '' for one of the lab."""
        unit = self.target.split('.')[0]
        return unit if unit in UNITS else ''


def draw(seed, number):
    """Return the Fault ``number`` (0, 1, ...) of ``seed``."""
    block, place = divmod(number, len(PAIRS))
    pairs = list(PAIRS)
    random.Random(f'faults {seed} block {block}').shuffle(pairs)
    kind, target = pairs[place]
    return Fault(number, kind, target, round(random.Random(f'faults {seed} number {number}').uniform(0.0, LATEST_S), 3))


def plan(seed, count, done=()):
    """Return the Faults 0 to ``count`` - 1 of ``seed`` less those whose number is in ``done``, in their order."""
    return [draw(seed, number) for number in range(count) if number not in done]

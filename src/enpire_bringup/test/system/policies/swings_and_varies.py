"""Swings the arms as `swings` does, for some seconds that may vary, then says that it is done. Prints its process id.

It never succeeds. There is no moment after its first second at which the arms stand still.
"""
import math
import os

from enpire_policy import DONE

SECONDS = 5.0

VARY = {'SECONDS': {'low': 4.0, 'high': 6.0, 'helps': ['far', 'both', 'beside', 'turned', 'near']}}

# Of one arm: width in rad, phase in rad.
JOINTS = ((0.3, 0.0), (0.0, 0.0), (0.15, 0.0), (0.0, 0.0), (0.2, math.pi / 2), (0.3, math.pi / 2), (0.0, 0.0))
RATE = 3.0  # rad/s: at most 0.9 rad/s in a joint
print('process', os.getpid())
_start = []


def act(observation):
    if not _start:
        _start.append(observation.joint_positions.copy())
    if observation.time >= SECONDS:
        return DONE
    target = _start[0].copy()
    # Begins gently: the width grows over the first second.
    gain = min(1.0, observation.time)
    for arm in (0, 7):
        for joint, (width, phase) in enumerate(JOINTS):
            target[arm + joint] += width * gain * math.sin(RATE * observation.time + phase)
    return target

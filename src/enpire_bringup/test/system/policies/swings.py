"""Swings joints 1, 3, 5 and 6 of both arms for as long as it may. Prints its process id first."""
import math
import os

WIDTHS = (0.25, 0.0, 0.15, 0.0, 0.2, 0.3, 0.0)  # rad, of one arm
RATE = 3.0  # rad/s: at most 0.9 rad/s in a joint
print('process', os.getpid())
_start = []


def act(observation):
    if not _start:
        _start.append(observation.joint_positions.copy())
    target = _start[0].copy()
    # Begins gently: the velocity grows over the first second.
    gain = math.sin(RATE * observation.time) * min(1.0, observation.time)
    for arm in (0, 7):
        for joint, width in enumerate(WIDTHS):
            target[arm + joint] += width * gain
    return target

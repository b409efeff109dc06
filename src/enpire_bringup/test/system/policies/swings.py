"""Swings joints 1, 3, 5 and 6 of both arms for as long as it may. Prints its process id first.

The outer joints are a quarter of a period ahead of the inner ones: after its first second there is no moment
at which the arms stand still, so that a fault always meets arms that move (the slowest moment: 0.63 rad/s).
"""
import math
import os

# Of one arm: width in rad, phase in rad.
JOINTS = ((0.3, 0.0), (0.0, 0.0), (0.15, 0.0), (0.0, 0.0), (0.2, math.pi / 2), (0.3, math.pi / 2), (0.0, 0.0))
RATE = 3.0  # rad/s: at most 0.9 rad/s in a joint
print('process', os.getpid())
_start = []


def act(observation):
    if not _start:
        _start.append(observation.joint_positions.copy())
    target = _start[0].copy()
    # Begins gently: the width grows over the first second.
    gain = min(1.0, observation.time)
    for arm in (0, 7):
        for joint, (width, phase) in enumerate(JOINTS):
            target[arm + joint] += width * gain * math.sin(RATE * observation.time + phase)
    return target

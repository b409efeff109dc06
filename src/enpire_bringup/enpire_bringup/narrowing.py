"""Limits of a lab inside those of its task: what the key `limits` of a lab file does. Pure.

A lab's file has the format of a task's (`enpire_safety.gate.limits`): profiles by name, joints, numbers.
It can only narrow what the task allows. The result is a task file with every number written out.
"""

import copy

from enpire_core.joints import JOINT_NAMES
from enpire_safety.gate import limits as gate_limits

# Number of a profile -> the array of `Limits` that it bounds, and whether a higher value is narrower.
BOUNDS = {
    'lower': ('soft_lower', True), 'upper': ('soft_upper', False),
    'velocity': ('velocity', False), 'effort': ('effort', False),
}


def merge(task_data, task_name, lab_data, lab_name, robot):
    """Return the content of a task limits file in which the lab's limits narrow the task's.

    ``task_data``, ``lab_data``: contents of the two files; ``*_name``: what errors call them.
    ``robot``: the robot's own `Limits`. Raises LimitsError where a file is wrong, a profile unknown, a
    number wider than the task's, or what comes out is nothing that a gate would take.
    """
    task = gate_limits.task_limits(task_data, robot, task_name)
    gate_limits.task_limits(lab_data, robot, lab_name)
    allowed = {name: _numbers(limits) for name, limits in task.items()}
    made = copy.deepcopy(allowed)
    for profile, changes in lab_data['profiles'].items():
        if profile not in task:
            raise gate_limits.LimitsError(
                f'{lab_name}: profiles: expected one of {", ".join(task)} (of {task_name}), '
                f'got {profile!r}')
        for key, joint in (changes or {}).items():
            for name in _joints(key):
                where = f'{lab_name}: profiles.{profile}.{key}'
                _narrow(made[profile][name], allowed[profile][name], joint, where, f'{task_name} ({name})')
    merged = {'profiles': made}
    # Each file is sound by itself; together they may leave a joint no room.
    gate_limits.task_limits(merged, robot, f'{lab_name} inside {task_name}')
    return merged


def _numbers(limits):
    return {
        joint: {number: float(getattr(limits, array)[i]) for number, (array, _) in BOUNDS.items()}
        for i, joint in enumerate(JOINT_NAMES)
    }


def _joints(key):
    return [name for name in JOINT_NAMES if name == key or name.split('_', 1)[1] == key]


def _narrow(numbers, task_numbers, joint, where, task_name):
    for number, value in joint.items():
        allowed, higher = task_numbers[number], BOUNDS[number][1]
        inside = value >= allowed if higher else value <= allowed
        if not inside:
            raise gate_limits.LimitsError(
                f'{where}.{number}: a lab can only narrow: expected '
                f'{"at least" if higher else "at most"} {allowed}, as in {task_name}, got {value}')
        # A joint may stand there twice, by kind and by name: the narrower number counts, as at the gate.
        numbers[number] = (max if higher else min)(numbers[number], float(value))

"""Limits of a lab inside those of its task: what the key `limits` of a lab file does. Pure.

A lab's file has the format of a task's (`enpire_safety.gate.limits`): profiles by name, joints, space, numbers.
It can only narrow what the task allows. The result is a task file with every number written out.
"""

from enpire_safety.gate import limits as gate_limits
from enpire_safety.gate.limits_file import LimitsError


def merge(task_data, task_name, lab_data, lab_name, robot):
    """Return the content of a task limits file in which the lab's limits narrow the task's.

    ``task_data``, ``lab_data``: contents of the two files; ``*_name``: what errors call them.
    ``robot``: the robot's own `Limits`. Raises LimitsError where a file is wrong, a profile unknown, a
    number wider than the task's, or a joint or tool is left no room.
    """
    made = gate_limits.task_limits(task_data, robot, task_name)
    for profile, changes in gate_limits.profiles_of(lab_data, lab_name).items():
        if profile not in made:
            raise LimitsError(
                f'{lab_name}: profiles: expected one of {", ".join(made)} (of {task_name}), '
                f'got {profile!r}')
        made[profile] = gate_limits.narrowed(made[profile], profile, changes, f'{lab_name}: profiles.{profile}',
                                             task_name)
    return {'profiles': {profile: gate_limits.as_changes(limits) for profile, limits in made.items()}}

"""Limits of a station's joints: the robot's own, and narrower profiles of a task.

The robot's file gives each joint kind (joint1 ... joint6, gripper; the same for both arms) its range
`position: [lower, upper]`, velocity, effort and drive gains, each with a source; figures of the drive
that limit nothing (DRIVE) may stand beside them. A task's file names profiles that narrow some:

    profiles:
      rollout: {gripper: {upper: 0.004}}
      reset: {}

Keys are joint kinds or full names (left_gripper). `lower` and `upper` of a profile bound what may be
asked for, as the robot's soft limits do. Unknown keys, missing joints, wrong units, NaN, and a value
wider than the robot's are errors when the file is read. Not covered: acceleration, Cartesian limits.
"""

import dataclasses
import hashlib
import json
import math

import numpy as np
import yaml

from enpire_core.joints import ARM_DOF, ARMS, EFFORT_UNIT, JOINT_COUNT, JOINT_NAMES, POSITION_UNIT
from enpire_core.words import nearest

KINDS = tuple(f'joint{i}' for i in range(1, ARM_DOF + 1)) + ('gripper',)
UNITS = {kind: POSITION_UNIT[f'{ARMS[0]}_{kind}'] for kind in KINDS}
NUMBERS = ('soft_margin', 'velocity', 'effort', 'kp', 'kd')
SOURCES = ('position', 'velocity', 'effort', 'gains')
DRIVE = ('coulomb_friction', 'armature', 'motor')
NARROWABLE = ('lower', 'upper', 'velocity', 'effort')
ROBOT_PROFILE = 'robot'


class LimitsError(ValueError):
    """A limits file is wrong; the text names file, key, what was expected and what came."""


@dataclasses.dataclass(frozen=True, eq=False)
class Limits:
    """One set of limits; arrays of shape (14,) in the order of JOINT_NAMES.

    hard_*: where a measured position latches. soft_*: what may be asked for. Units: rad or m, rad/s or
    m/s, Nm or N; kp in Nm/rad or N/m, kd in Nm s/rad or N s/m.
    """

    profile: str
    hard_lower: np.ndarray
    hard_upper: np.ndarray
    soft_lower: np.ndarray
    soft_upper: np.ndarray
    velocity: np.ndarray
    effort: np.ndarray
    kp: np.ndarray
    kd: np.ndarray

    def __post_init__(self):
        for field in dataclasses.fields(self)[1:]:
            getattr(self, field.name).setflags(write=False)

    @property
    def hash(self):
        """SHA-256 (hex) of the limits, bit for bit, without the profile's name."""
        values = {field.name: [float(x).hex() for x in getattr(self, field.name)]
                  for field in dataclasses.fields(self)[1:]}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def load(robot_file, task_file=None):
    """Return {profile: Limits} from a robot's file and, if given, a task's.

    Without a task file the only profile is 'robot'. Raises LimitsError, or OSError for a file that
    cannot be read.
    """
    robot = robot_limits(read_yaml(robot_file), str(robot_file))
    if not task_file:
        return {ROBOT_PROFILE: robot}
    return task_limits(read_yaml(task_file), robot, str(task_file))


def check_one_robot(sets):
    """Check that {profile: Limits} is not empty and of one robot, with finite hard limits; ValueError."""
    if not sets:
        raise ValueError('expected at least one set of limits, got none')
    first = next(iter(sets.values()))
    for name, one in sets.items():
        # NaN is equal to nothing, so a set with one in it is not even equal to itself.
        if not (np.array_equal(one.hard_lower, first.hard_lower)
                and np.array_equal(one.hard_upper, first.hard_upper)):
            raise ValueError(f'expected sets of limits of one robot, but {name!r} has other hard limits')


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice: plain YAML would take the last one silently."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise LimitsError(f'line {key_node.start_mark.line + 1}: key {key!r} stands twice')
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path):
    """Return the content of a YAML file; LimitsError where it is no YAML or has a key twice."""
    with open(path, encoding='utf-8') as handle:
        try:
            return yaml.load(handle, _Strict)  # noqa: S506 (a safe loader)
        except (yaml.YAMLError, LimitsError, TypeError) as error:
            raise LimitsError(f'{path}: {error}') from error


def robot_limits(data, where):
    """Return the robot's own Limits from the mapping of its file; ``where`` names it in errors."""
    _keys(data, ('joints',), where, every=True)
    joints = data['joints']
    _keys(joints, KINDS, f'{where}: joints', every=True)
    table = {kind: _robot_joint(joints[kind], kind, f'{where}: joints.{kind}') for kind in KINDS}

    def column(number):
        return np.array([table[name.split('_', 1)[1]][number] for name in JOINT_NAMES])

    lower, upper, margin = column('lower'), column('upper'), column('soft_margin')
    return Limits(ROBOT_PROFILE, lower, upper, lower + margin, upper - margin,
                  column('velocity'), column('effort'), column('kp'), column('kd'))


def _robot_joint(joint, kind, where):
    _keys(joint, ('unit', 'position', *NUMBERS, 'source'), where, every=True, more=DRIVE)
    if joint['unit'] != UNITS[kind]:
        raise LimitsError(f'{where}.unit: expected {UNITS[kind]!r}, got {joint["unit"]!r}')
    _keys(joint['source'], SOURCES, f'{where}.source', every=True, more=DRIVE)
    for name, source in joint['source'].items():
        if not isinstance(source, str) or not source.strip():
            raise LimitsError(f'{where}.source.{name}: expected where the value comes from, got {source!r}')
    ends = joint['position']
    if not isinstance(ends, list) or len(ends) != 2:
        raise LimitsError(f'{where}.position: expected [lower, upper], got {ends!r}')
    values = {name: _number(joint[name], f'{where}.{name}') for name in NUMBERS}
    values['lower'], values['upper'] = (_number(end, f'{where}.position') for end in ends)
    for name in ('velocity', 'effort', 'kp'):
        if not values[name] > 0:
            raise LimitsError(f'{where}.{name}: expected more than 0, got {values[name]}')
    for name in ('soft_margin', 'kd'):
        if not values[name] >= 0:
            raise LimitsError(f'{where}.{name}: expected 0 or more, got {values[name]}')
    if not values['lower'] + values['soft_margin'] < values['upper'] - values['soft_margin']:
        raise LimitsError(f'{where}: expected lower + soft_margin < upper - soft_margin, got {values["lower"]} .. '
                          f'{values["upper"]} with a margin of {values["soft_margin"]}')
    return values


def task_limits(data, robot, where):
    """Return {profile: Limits} from the mapping of a task's file, each inside the ``robot``'s."""
    _keys(data, ('profiles',), where, every=True)
    profiles = data['profiles']
    if not isinstance(profiles, dict) or not profiles:
        raise LimitsError(f'{where}: profiles: expected at least one profile, got {profiles!r}')
    made = {}
    for name, changes in profiles.items():
        if not isinstance(name, str) or not name:
            raise LimitsError(f'{where}: profiles: expected names, got {name!r}')
        made[name] = _narrowed(name, {} if changes is None else changes, robot, f'{where}: profiles.{name}')
    return made


def _narrowed(profile, changes, robot, where):
    _keys(changes, (*KINDS, *JOINT_NAMES), where)
    lower, upper = robot.soft_lower.copy(), robot.soft_upper.copy()
    velocity, effort = robot.velocity.copy(), robot.effort.copy()
    for key, joint in changes.items():
        _keys(joint, NARROWABLE, f'{where}.{key}')
        indices = [i for i, name in enumerate(JOINT_NAMES) if name == key or name.split('_', 1)[1] == key]
        for number, value in joint.items():
            value = _number(value, f'{where}.{key}.{number}')
            for i in indices:
                _check_narrower(robot, i, number, value, f'{where}.{key}.{number}')
                if number == 'lower':
                    lower[i] = max(lower[i], value)
                else:
                    target = {'upper': upper, 'velocity': velocity, 'effort': effort}[number]
                    target[i] = min(target[i], value)
    for i in range(JOINT_COUNT):
        if not lower[i] < upper[i]:
            raise LimitsError(f'{where}: {JOINT_NAMES[i]}: expected lower < upper, got {lower[i]} .. {upper[i]}')
    return dataclasses.replace(robot, profile=profile, soft_lower=lower, soft_upper=upper,
                               velocity=velocity, effort=effort)


def _check_narrower(robot, i, number, value, where):
    name = JOINT_NAMES[i]
    unit = EFFORT_UNIT[name] if number == 'effort' else POSITION_UNIT[name] + ('/s' if number == 'velocity' else '')
    if number in ('lower', 'upper'):
        low, high = robot.soft_lower[i], robot.soft_upper[i]
        if not low <= value <= high:
            raise LimitsError(f'{where}: a task can only narrow: expected {low} .. {high} {unit} (the robot\'s range '
                              f'of {name}, margin taken off), got {value} {unit}')
        return
    own = getattr(robot, number)[i]
    if not 0 < value <= own:
        raise LimitsError(f'{where}: a task can only narrow: expected more than 0 and at most {own} {unit} (the '
                          f'robot\'s own for {name}), got {value} {unit}')


def _keys(data, known, where, every=False, more=()):
    """Check that ``data`` has no other keys than ``known`` and ``more``; with ``every``, all of ``known``."""
    if not isinstance(data, dict):
        raise LimitsError(f'{where}: expected a mapping with {", ".join(known)}, got {data!r}')
    for key in data:
        if key not in known and key not in more:
            raise LimitsError(f'{where}: unknown key {key!r}; {nearest(key, (*known, *more), cutoff=0.4)}')
    missing = [key for key in known if key not in data] if every else []
    if missing:
        raise LimitsError(f'{where}: {", ".join(missing)} missing')


def _number(value, where):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise LimitsError(f'{where}: expected a finite number, got {value!r}')
    return float(value)

"""Limits of a station: the robot's own, and narrower profiles of a task and a lab.

The robot's file names the robot's URDF (`model`), gives each joint kind (joint1 ... joint6, gripper; the same for both
arms) its range `position: [lower, upper]`, velocity, acceleration, effort and the other NUMBERS, the limits of the
station's space (`station`, see `station_limits`) and the capsules around an arm's links, all with sources; figures of
the drive that limit nothing (DRIVE) may stand beside them. A task's file names profiles that narrow some:

    profiles:
      rollout: {gripper: {upper: 0.004}, workspace: {z: [0.012, 0.30]}}
      reset: {}

Keys are joint kinds or full names (left_gripper), and those of the station. `lower` and `upper` of a profile bound
what may be asked for, as the robot's soft limits do. Unknown keys, missing joints, wrong units, NaN, and a value
wider than what it narrows are errors when the file is read.
"""

import dataclasses
import hashlib
import json
import os

import numpy as np

from enpire_core.joints import ARM_DOF, ARMS, EFFORT_UNIT, JOINT_COUNT, JOINT_NAMES, POSITION_UNIT
from enpire_safety.gate import capsules, station_limits
from enpire_safety.gate.limits_file import LimitsError, check_keys, check_sources, interval, number, read_yaml
from enpire_safety.gate.station_limits import StationLimits

KINDS = tuple(f'joint{i}' for i in range(1, ARM_DOF + 1)) + ('gripper',)
UNITS = {kind: POSITION_UNIT[f'{ARMS[0]}_{kind}'] for kind in KINDS}
NUMBERS = ('soft_margin', 'velocity', 'acceleration', 'jump', 'effort', 'measured_velocity', 'kp', 'kd')
SOURCES = ('position', 'velocity', 'acceleration', 'jump', 'effort', 'measured_velocity', 'gains')
DRIVE = ('coulomb_friction', 'armature', 'motor')
# Number of a profile -> the array that it bounds, and what stands after the joint's own unit.
_BOUNDS = {'velocity': '/s', 'acceleration': '/s2', 'jump': '', 'effort': None}
NARROWABLE = ('lower', 'upper', *_BOUNDS)
ROBOT_PROFILE = 'robot'
_ROBOT_KEYS = ('model', 'joints', 'station', 'capsules')
_OF_THE_DRIVER = ('power',)  # when it cuts the motors' power: read and checked there


@dataclasses.dataclass(frozen=True)
class Body:
    """What the robot is made of: the text of its URDF, and the Capsules of an arm, named after its links."""

    urdf: str
    capsules: tuple

    @property
    def hash(self):
        """SHA-256 (hex) of both."""
        return hashlib.sha256(f'{self.urdf}\n{self.capsules!r}'.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class Limits:
    """One set of limits; arrays of shape (14,) in the order of JOINT_NAMES.

    hard_*: where a measured position latches. soft_*: what may be asked for. ``jump``: how far from the measured
    position. ``measured_velocity``: where a measured velocity latches. Units: rad or m, rad/s or m/s, rad/s2 or
    m/s2, Nm or N; kp in Nm/rad or N/m, kd in Nm s/rad or N s/m.
    """

    profile: str
    hard_lower: np.ndarray
    hard_upper: np.ndarray
    soft_lower: np.ndarray
    soft_upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jump: np.ndarray
    effort: np.ndarray
    measured_velocity: np.ndarray
    kp: np.ndarray
    kd: np.ndarray
    station: StationLimits
    body: Body

    def __post_init__(self):
        for name in ARRAYS:
            getattr(self, name).setflags(write=False)

    @property
    def hash(self):
        """SHA-256 (hex) of the limits, bit for bit, without the profile's name."""
        values = {name: [float(x).hex() for x in getattr(self, name)] for name in ARRAYS}
        values.update(station=self.station.hash, body=self.body.hash)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


ARRAYS = tuple(field.name for field in dataclasses.fields(Limits) if field.type is np.ndarray)


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
        if one.body != first.body:
            raise ValueError(f'expected sets of limits of one robot, but {name!r} has another body')


# ---- the robot's file ----------------------------------------------------------------------
def robot_limits(data, where):
    """Return the robot's own Limits from the mapping of its file.

    ``where``: path of the file; `model` is relative to its folder, and errors name it.
    """
    check_keys(data, _ROBOT_KEYS, where, every=True, more=_OF_THE_DRIVER)
    joints = data['joints']
    check_keys(joints, KINDS, f'{where}: joints', every=True)
    table = {kind: _robot_joint(joints[kind], kind, f'{where}: joints.{kind}') for kind in KINDS}

    def column(name):
        return np.array([table[joint.split('_', 1)[1]][name] for joint in JOINT_NAMES])

    lower, upper, margin = column('lower'), column('upper'), column('soft_margin')
    body = Body(_model(data['model'], where), capsules.read_links(data['capsules'], f'{where}: capsules'))
    return Limits(ROBOT_PROFILE, lower, upper, lower + margin, upper - margin,
                  **{name: column(name) for name in NUMBERS[1:]},
                  station=station_limits.of_robot(data['station'], f'{where}: station'), body=body)


def _model(name, where):
    if not isinstance(name, str) or not name:
        raise LimitsError(f'{where}: model: expected the path of a URDF, got {name!r}')
    with open(os.path.join(os.path.dirname(where), name), encoding='utf-8') as handle:
        return handle.read()


def _robot_joint(joint, kind, where):
    check_keys(joint, ('unit', 'position', *NUMBERS, 'source'), where, every=True, more=DRIVE)
    if joint['unit'] != UNITS[kind]:
        raise LimitsError(f'{where}.unit: expected {UNITS[kind]!r}, got {joint["unit"]!r}')
    check_sources(joint['source'], SOURCES, f'{where}.source', more=DRIVE)
    values = {name: number(joint[name], f'{where}.{name}', positive=name not in ('soft_margin', 'kd'), at_least=0.0)
              for name in NUMBERS}
    values['lower'], values['upper'] = interval(joint['position'], f'{where}.position')
    if not values['lower'] + values['soft_margin'] < values['upper'] - values['soft_margin']:
        raise LimitsError(f'{where}: expected lower + soft_margin < upper - soft_margin, got {values["lower"]} .. '
                          f'{values["upper"]} with a margin of {values["soft_margin"]}')
    # What passes may not be able to bring about what latches: a blocked joint that comes free is that fast.
    fastest = values['velocity'] + values['effort'] / values['kd'] if values['kd'] else values['velocity']
    if not values['measured_velocity'] >= fastest:
        raise LimitsError(f'{where}.measured_velocity: expected velocity + effort / kd = {fastest:.6g} or more, got '
                          f'{values["measured_velocity"]}: else a request within the limits could latch the gate')
    return values


# ---- profiles ------------------------------------------------------------------------------
def task_limits(data, base, where, whose='robot'):
    """Return {profile: Limits} from the mapping of a task's file, each inside ``base`` (Limits).

    ``whose``: what errors call ``base``.
    """
    return {name: narrowed(base, name, changes, f'{where}: profiles.{name}', whose)
            for name, changes in profiles_of(data, where).items()}


def profiles_of(data, where):
    """Return {profile: its changes} from the mapping of a task's or lab's file; LimitsError where it is none."""
    check_keys(data, ('profiles',), where, every=True)
    profiles = data['profiles']
    if not isinstance(profiles, dict) or not profiles:
        raise LimitsError(f'{where}: profiles: expected at least one profile, got {profiles!r}')
    for name in profiles:
        if not isinstance(name, str) or not name:
            raise LimitsError(f'{where}: profiles: expected names, got {name!r}')
    return {name: {} if changes is None else changes for name, changes in profiles.items()}


def narrowed(base, profile, changes, where, whose='robot'):
    """Return ``base`` with the ``changes`` of a profile, a mapping; LimitsError for one that is wider or wrong."""
    check_keys(changes, (*KINDS, *JOINT_NAMES, *station_limits.NARROWABLE), where)
    lower, upper = base.soft_lower.copy(), base.soft_upper.copy()
    arrays = {name: getattr(base, name).copy() for name in _BOUNDS}
    for key in (key for key in changes if key not in station_limits.NARROWABLE):
        check_keys(changes[key], NARROWABLE, f'{where}.{key}')
        for name, value in changes[key].items():
            value = number(value, f'{where}.{key}.{name}')
            for i in _indices(key):
                _check_narrower(base, i, name, value, f'{where}.{key}.{name}', whose)
                if name == 'lower':
                    lower[i] = max(lower[i], value)
                else:
                    target = upper if name == 'upper' else arrays[name]
                    target[i] = min(target[i], value)
    for i in range(JOINT_COUNT):
        if not lower[i] < upper[i]:
            raise LimitsError(f'{where}: {JOINT_NAMES[i]}: expected lower < upper, got {lower[i]} .. {upper[i]}')
    station = station_limits.narrowed(base.station, changes, where, whose)
    return dataclasses.replace(base, profile=profile, soft_lower=lower, soft_upper=upper, station=station, **arrays)


def as_changes(limits):
    """Return the changes of a profile, a mapping, that `narrowed` makes ``limits`` from: every number written out."""
    joints = {name: {'lower': float(limits.soft_lower[i]), 'upper': float(limits.soft_upper[i]),
                     **{bound: float(getattr(limits, bound)[i]) for bound in _BOUNDS}}
              for i, name in enumerate(JOINT_NAMES)}
    return {**joints, **station_limits.as_changes(limits.station)}


def _indices(key):
    return [i for i, name in enumerate(JOINT_NAMES) if name == key or name.split('_', 1)[1] == key]


def _check_narrower(base, i, name, value, where, whose):
    joint = JOINT_NAMES[i]
    if name in ('lower', 'upper'):
        unit = POSITION_UNIT[joint]
        low, high = base.soft_lower[i], base.soft_upper[i]
        if not low <= value <= high:
            raise LimitsError(f'{where}: a profile can only narrow: expected {low} .. {high} {unit} (what the {whose} '
                              f'lets {joint} be asked for), got {value} {unit}')
        return
    unit = EFFORT_UNIT[joint] if name == 'effort' else POSITION_UNIT[joint] + _BOUNDS[name]
    own = getattr(base, name)[i]
    if not 0 < value <= own:
        raise LimitsError(f'{where}: a profile can only narrow: expected more than 0 and at most {own} {unit} (the '
                          f'{whose}\'s own for {joint}), got {value} {unit}')

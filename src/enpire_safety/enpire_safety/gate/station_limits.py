"""Limits of a station's space: where its tools may be, how fast, how hard, and how near things may come. Pure.

The robot's file has them under `station`, with sources; a task's profile narrows some:

    profiles:
      rollout: {workspace: {z: [0.012, 0.30]}, left_workspace: {y: [0.0, 0.5]}, tool_speed: 0.5, arm_distance: 0.04}

A box can only shrink, a speed or force only fall, a distance only grow, and what must be kept away from can only
become more. Frame of all places: station.
"""

import dataclasses
import hashlib
import json

import numpy as np

from enpire_core.joints import ARMS
from enpire_safety.gate import capsules
from enpire_safety.gate.limits_file import LimitsError, check_keys, check_sources, interval, number

AXES = ('x', 'y', 'z')
# Number -> unit, and whether more of it is narrower.
NUMBERS = {'tool_speed': ('m/s', False), 'contact_force': ('N', False), 'table_z': ('m', True),
           'arm_distance': ('m', True), 'self_distance': ('m', True), 'keep_out_distance': ('m', True)}
WORKSPACES = ('workspace', *(f'{arm}_workspace' for arm in ARMS))
NARROWABLE = (*WORKSPACES, *NUMBERS, 'keep_out')
_OF_ROBOT = ('workspace', *NUMBERS, 'keep_out')


@dataclasses.dataclass(frozen=True, eq=False)
class StationLimits:
    """Limits of one profile. Metres, metres a second, newtons; frame station.

    ``box_lower``, ``box_upper`` (2, 3): where the tcp of each of ARMS may be. ``table_z``: height that no part of an
    arm above its first link may be below. ``arm_distance``: of the two arms' capsules; ``self_distance``: of capsules
    of one arm that could meet; ``keep_out_distance``: of an arm's capsules from those in ``keep_out``.
    """

    box_lower: np.ndarray
    box_upper: np.ndarray
    tool_speed: float
    contact_force: float
    table_z: float
    arm_distance: float
    self_distance: float
    keep_out_distance: float
    keep_out: tuple

    def __post_init__(self):
        self.box_lower.setflags(write=False)
        self.box_upper.setflags(write=False)

    @property
    def hash(self):
        """SHA-256 (hex) of the limits, bit for bit."""
        values = [[float(x).hex() for x in (*self.box_lower.flat, *self.box_upper.flat)],
                  {name: getattr(self, name).hex() for name in NUMBERS},
                  [[c.name, *(x.hex() for x in (*c.start, *c.end, c.radius))] for c in self.keep_out]]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def of_robot(data, where):
    """Return the StationLimits from the mapping `station` of a robot's file; LimitsError where it is wrong."""
    check_keys(data, (*_OF_ROBOT, 'source'), where, every=True)
    check_sources(data['source'], _OF_ROBOT, f'{where}.source')
    check_keys(data['workspace'], AXES, f'{where}.workspace', every=True)
    ends = np.array([interval(data['workspace'][axis], f'{where}.workspace.{axis}') for axis in AXES])
    values = {name: number(data[name], f'{where}.{name}', positive=name in ('tool_speed', 'contact_force'))
              for name in NUMBERS}
    for name in ('arm_distance', 'self_distance', 'keep_out_distance'):
        number(values[name], f'{where}.{name}', at_least=0.0)
    return StationLimits(np.tile(ends[:, 0], (len(ARMS), 1)), np.tile(ends[:, 1], (len(ARMS), 1)),
                         keep_out=_keep_out(data['keep_out'], f'{where}.keep_out'), **values)


def narrowed(own, changes, where, whose='robot'):
    """Return ``own`` with the ``changes`` of a profile; LimitsError for one that is wider, naming both values."""
    lower, upper, values = own.box_lower.copy(), own.box_upper.copy(), {}
    for key in WORKSPACES:
        for axis, ends in _axes(changes.get(key, {}), f'{where}.{key}').items():
            for i, arm in enumerate(ARMS):
                if key in ('workspace', f'{arm}_workspace'):
                    _shrink(own, lower, upper, i, AXES.index(axis), ends, f'{where}.{key}.{axis}', whose)
    for name, (unit, more) in NUMBERS.items():
        if name in changes:
            values[name] = _narrower(getattr(own, name), number(changes[name], f'{where}.{name}'), more, unit,
                                     f'{where}.{name}', whose)
    _check_box(lower, upper, where)
    keep_out = own.keep_out
    if 'keep_out' in changes:
        keep_out += _new(own, _keep_out(changes['keep_out'], f'{where}.keep_out'), f'{where}.keep_out', whose)
    return dataclasses.replace(own, box_lower=lower, box_upper=upper, keep_out=keep_out, **values)


def as_changes(limits):
    """Return the changes, a mapping, that `narrowed` makes ``limits`` from: every number written out."""
    boxes = {f'{arm}_workspace': {axis: [float(limits.box_lower[i, k]), float(limits.box_upper[i, k])]
                                  for k, axis in enumerate(AXES)} for i, arm in enumerate(ARMS)}
    return {**boxes, **{name: getattr(limits, name) for name in NUMBERS},
            'keep_out': {one.name: {'from': list(one.start), 'to': list(one.end), 'radius': one.radius}
                         for one in limits.keep_out}}


def _axes(data, where):
    check_keys(data, AXES, where)
    return {axis: interval(ends, f'{where}.{axis}') for axis, ends in data.items()}


def _shrink(own, lower, upper, arm, axis, ends, where, whose):
    least, most = own.box_lower[arm, axis], own.box_upper[arm, axis]
    if not (least <= ends[0] and ends[1] <= most):
        raise LimitsError(f'{where}: a profile can only narrow: expected an interval inside {least} .. {most} m (the '
                          f'{whose}\'s own for the {ARMS[arm]} arm), got {ends[0]} .. {ends[1]} m')
    lower[arm, axis], upper[arm, axis] = max(lower[arm, axis], ends[0]), min(upper[arm, axis], ends[1])


def _check_box(lower, upper, where):
    for (arm, axis), low in np.ndenumerate(lower):
        if not low < upper[arm, axis]:
            raise LimitsError(f'{where}: workspace of the {ARMS[arm]} arm: expected lower < upper in {AXES[axis]}, got '
                              f'{low} .. {upper[arm, axis]} m')


def _narrower(own, value, more, unit, where, whose):
    inside = value >= own if more else 0 < value <= own
    if not inside:
        expected = f'{own} {unit} or more' if more else f'more than 0 and at most {own} {unit}'
        raise LimitsError(f'{where}: a profile can only narrow: expected {expected} (the {whose}\'s own), got {value} '
                          f'{unit}')
    return value


def _keep_out(data, where):
    if not isinstance(data, dict):
        raise LimitsError(f'{where}: expected a mapping of names with from, to and radius, got {data!r}')
    return tuple(capsules.read(one, name, f'{where}.{name}') for name, one in data.items())


def _new(own, found, where, whose):
    known = {one.name: one for one in own.keep_out}
    for one in found:
        if one.name in known and one != known[one.name]:
            raise LimitsError(f'{where}.{one.name}: a profile can only narrow: expected a name of its own or what the '
                              f'{whose} has there, {known[one.name]}, got {one}')
    return tuple(one for one in found if one.name not in known)

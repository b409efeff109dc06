"""When an arm driver takes the power from its motors by itself, and when it may give it back. Pure.

Arms without power fall: a YAM has no brakes. So a driver holds first, and cuts only where holding is known to fail:

runaway  a joint is faster than anything that passes the safety gate can bring about, `measured_velocity` of the
         robot, and stays so for `runaway_s` while the driver holds. A drive that runs when it was told to stand does
         not do what it is told.
blind    no readable joint state is measured for `blind_s`. Where to hold is a guess then, and so is how much to push
         against gravity.

Nothing else cuts. A joint that stands beyond its range, sags, is pushed or gets too hot is held on: that may go on to
do harm, and the fall of both arms surely does some. The gate latches on the same measurements at once, so by the time
of a cut the driver holds because nothing passes any more, and a trial that a policy drove there has failed.

Not covered: a joint that runs away more slowly than `measured_velocity`. Whoever sees it has the operator's cut.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import yaml

from enpire_core.joints import JOINT_COUNT, JOINT_NAMES, POSITION_UNIT
from enpire_core.ticks import NANOSECONDS
from enpire_description import share_path

from enpire_drivers.arm.follower import MAX_POSITION

# No file of limits switches either off.
MAX_S = 0.5
# Slower than this counts as at rest [rad/s; grippers: m/s].
REST = np.array([0.005 if POSITION_UNIT[name] == 'm' else 0.05 for name in JOINT_NAMES])


class PowerError(ValueError):
    """The motors can't have their power back now, or the limits can't be read; the text says what to do."""


@dataclass(frozen=True, eq=False)
class PowerLimits:
    """``measured_velocity`` (14,) [rad/s; grippers: m/s]; ``runaway_s``, ``blind_s`` [s], above 0 and 0.5 at most."""

    measured_velocity: np.ndarray
    runaway_s: float
    blind_s: float

    def __post_init__(self):
        for name in ('runaway_s', 'blind_s'):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value <= MAX_S:
                raise PowerError(f'power.{name}: expected more than 0 and at most {MAX_S} s, got {value!r}')
        fastest = self.measured_velocity
        fastest.setflags(write=False)
        if fastest.shape != (JOINT_COUNT,) or not ((fastest > 0.0) & (fastest < np.inf)).all():
            raise PowerError(f'measured_velocity: expected {JOINT_COUNT} finite numbers above 0, got {fastest}')


@functools.lru_cache(maxsize=1)
def load_limits(path=''):
    """Return the PowerLimits in the robot's file of limits at ``path``, the shipped one where it is ''; read once.

    PowerError, naming file and key, for one that has none; OSError where it can't be read. The gate reads the rest.
    """
    path = str(path or share_path('limits', 'yam.yaml'))
    with open(path, encoding='utf-8') as handle:
        text = handle.read()
    try:
        data = yaml.safe_load(text)
        fastest = [float(data['joints'][name.split('_', 1)[1]]['measured_velocity']) for name in JOINT_NAMES]
        return PowerLimits(np.array(fastest), data['power']['runaway_s'], data['power']['blind_s'])
    except PowerError as error:
        raise PowerError(f'{path}: {error}') from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise PowerError(f'{path}: expected measured_velocity of every joint, and runaway_s and blind_s in `power`, '
                         f'got {type(error).__name__}: {error}') from error


class PowerGuard:
    """Watches one station's measurements. All times are the unit's clock, so it decides the same in a replay."""

    def __init__(self, limits):
        self._limits = limits
        self._runaway_ns = int(limits.runaway_s * NANOSECONDS)
        self._blind_ns = int(limits.blind_s * NANOSECONDS)
        self.forget()

    def forget(self):
        """Begin anew: the power has come back."""
        self._blind_from = self._fast_from = None

    def see(self, stamp_ns, holding, state):
        """Take what was measured in the control cycle at ``stamp_ns``; return why the power must be cut, or ''.

        ``holding``: the driver's own stop is in force. ``state``: a JointState, None where none came.
        """
        if not is_readable(state):
            self._fast_from = None
            self._blind_from = stamp_ns if self._blind_from is None else self._blind_from
            if 0 <= stamp_ns - self._blind_from <= self._blind_ns:
                return ''
            return (f'blind: expected a readable joint state within {self._limits.blind_s:g} s, got none: where the '
                    'arms are is not known')
        self._blind_from = None
        if not holding or _is_within(state.velocities, self._limits.measured_velocity):
            self._fast_from = None
            return ''
        self._fast_from = stamp_ns if self._fast_from is None else self._fast_from
        if 0 <= stamp_ns - self._fast_from <= self._runaway_ns:
            return ''
        return self._runaway(state.velocities)

    def _runaway(self, velocities):
        fastest = self._limits.measured_velocity
        joint = int(np.argmax(np.abs(velocities) / fastest))
        unit = POSITION_UNIT[JOINT_NAMES[joint]]
        return (f'runaway: expected {JOINT_NAMES[joint]} slower than {fastest[joint]:g} {unit}/s while the driver '
                f'holds, got {velocities[joint]:.3g} {unit}/s for more than {self._limits.runaway_s:g} s')


def is_readable(state):
    """Return whether ``state`` is a JointState that can be meant: positions up to MAX_POSITION, finite velocities."""
    # Asked in every control cycle. The largest of numbers with NaN among them is NaN, and so is their sum.
    return (state is not None and bool(np.abs(state.positions).max() <= MAX_POSITION)
            and math.isfinite(state.velocities.sum()))


def check_at_rest(state):
    """Raise PowerError unless the arms of ``state`` stand still, where it can be read: power comes back only then."""
    if not is_readable(state):
        raise PowerError('expected a readable joint state before the motors get their power back, got none: mend what '
                         'measures it')
    if not _is_within(state.velocities, REST):
        joint = int(np.argmax(np.abs(state.velocities) / REST))
        unit = POSITION_UNIT[JOINT_NAMES[joint]]
        raise PowerError('expected the arms at rest before their motors get power back, each joint slower than '
                         f'{REST[joint]:g} {unit}/s, got {state.velocities[joint]:.3g} {unit}/s for '
                         f'{JOINT_NAMES[joint]}: wait until they lie still, then try again')


def _is_within(values, bound):
    return bool((np.abs(values) <= bound).all())

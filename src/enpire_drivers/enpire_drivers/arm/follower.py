"""From one checked command a control tick to set-points at the motors' rate, and the driver's own stop.

The follower is the second stop of a station and knows nothing of the first, the safety gate. It looks
again at shape, finiteness and plausible size of what it gets, and it gives a command a maximum age on
the unit's clock: a tick that would end with an older command in force holds. Holding means: the set-points are
the positions measured at that moment, with zero velocity and no feed-forward, until a new command.

Not covered: limits of position, velocity and effort. They are the gate's. A jump of one tick that is
plausible and of the right shape is followed.
"""

import struct
from dataclasses import dataclass

import numpy as np

from enpire_core.joints import JOINT_COUNT, JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, TICK_S, tick_to_ns

STEPS_PER_TICK = 16
MIN_AGE_S = TICK_S
MAX_AGE_S = 0.5
# What no arm is ever asked for: three times the range of its widest joint [rad; grippers: m], and more than
# any motor gives [Nm; N]. Not limits but a last look at whether a number can be meant: beyond them physics
# and motors' buses do what nobody asked for (MuJoCo drops the commands of all motors from 1e10 on).
MAX_POSITION = 10.0
MAX_EFFORT = 100.0

_FRACTIONS = (np.arange(1, STEPS_PER_TICK + 1, dtype=np.float64) / STEPS_PER_TICK)[:, None]
_LAYOUT = struct.Struct(f'<{JOINT_COUNT}d{JOINT_COUNT}dq?')
_NEVER = -1


class CommandRefused(ValueError):
    """A command that the follower does not take; the text says what was expected and what came."""


@dataclass(frozen=True)
class Motion:
    """What the motors get during one control tick.

    ``positions`` and ``velocities`` (16, 14): set-points at the end of each physics step and the
    rate at which they move. ``feedforward`` (14,): effort added during the whole tick.
    """

    positions: np.ndarray
    velocities: np.ndarray
    feedforward: np.ndarray


def check_command(command):
    """Raise CommandRefused unless positions and efforts are 14 finite float64 each, of plausible size."""
    for field, values, bound in (('positions', command.positions, MAX_POSITION),
                                 ('efforts', command.efforts, MAX_EFFORT)):
        if not isinstance(values, np.ndarray) or values.shape != (JOINT_COUNT,):
            came = values.shape if isinstance(values, np.ndarray) else type(values).__name__
            raise CommandRefused(f'expected {field} as an array of shape ({JOINT_COUNT},), got {came}')
        if values.dtype != np.float64:
            raise CommandRefused(f'expected {field} as float64, got {values.dtype}')
        within = _within(values, bound)
        if not within.all():
            joint = int(np.flatnonzero(~within)[0])
            raise CommandRefused(f'expected finite {field} in [{-bound:g}, {bound:g}], got {values[joint]} '
                                 f'for {JOINT_NAMES[joint]}: nothing was moved')


def _within(values, bound):
    """Return by element whether it is in [-bound, bound]; NaN is not."""
    return (-bound <= values) & (values <= bound)


class Follower:
    """Interpolates linearly from the last set-point to the commanded one over one tick.

    ``max_age_s`` [s]: how old the command in force may be at the end of a tick. It must lie in
    1/30 .. 0.5: there is no value that switches the stop off.
    """

    def __init__(self, positions, max_age_s=0.1):
        if not MIN_AGE_S <= max_age_s <= MAX_AGE_S:
            raise ValueError(f'expected command_max_age_s in [{MIN_AGE_S:.4f}, {MAX_AGE_S}], '
                             f'got {max_age_s}')
        self._max_age_ns = int(round(max_age_s * NANOSECONDS))
        self._setpoint = np.array(positions, dtype=np.float64)
        if self._setpoint.shape != (JOINT_COUNT,) or not _within(self._setpoint, MAX_POSITION).all():
            raise ValueError(f'expected {JOINT_COUNT} finite start positions in [{-MAX_POSITION:g}, '
                             f'{MAX_POSITION:g}], got {positions!r}')
        self._feedforward = np.zeros(JOINT_COUNT)
        self._command_stamp_ns = _NEVER
        self._holding = True

    @property
    def holding(self):
        """True while the own stop is in force: no command yet, or the last one is too old."""
        return self._holding

    def follow(self, command, stamp_ns):
        """Take ``command`` for the tick that begins at ``stamp_ns`` and return its Motion.

        Raises CommandRefused, with the follower unchanged, for another stamp, a wrong shape or type,
        or a value that is not finite or beyond MAX_POSITION or MAX_EFFORT.
        """
        if command.stamp_ns != stamp_ns:
            raise CommandRefused(f'expected a command for stamp {stamp_ns} ns, got {command.stamp_ns} ns')
        check_command(command)
        step = command.positions - self._setpoint
        positions = self._setpoint + _FRACTIONS * step
        positions[-1] = command.positions
        self._setpoint = command.positions.copy()
        self._feedforward = command.efforts.copy()
        self._command_stamp_ns = stamp_ns
        self._holding = False
        velocities = np.empty_like(positions)
        velocities[:] = step / TICK_S
        return Motion(positions, velocities, self._feedforward)

    def coast(self, tick, measured):
        """Return the Motion of control tick ``tick``, for which no command came.

        The last set-point and feed-forward stay while the last command is young enough; then hold at
        ``measured`` (14,), the positions measured at the tick's start. A measurement that is not
        plausible cannot be held at: the last set-point stays, without feed-forward.
        """
        age_at_end_ns = tick_to_ns(tick + 1) - self._command_stamp_ns
        young = self._command_stamp_ns != _NEVER and 0 <= age_at_end_ns <= self._max_age_ns
        if not young and not self._holding:
            self.hold(measured)
        positions = np.tile(self._setpoint, (STEPS_PER_TICK, 1))
        return Motion(positions, np.zeros_like(positions), self._feedforward)

    def hold(self, measured):
        """Stop now: the set-point becomes ``measured`` (14,), no feed-forward, until a new command."""
        if _within(measured, MAX_POSITION).all():
            self._setpoint = np.array(measured, dtype=np.float64)
        self._feedforward = np.zeros(JOINT_COUNT)
        self._holding = True

    def state_bytes(self):
        """Return all that the next Motion depends on besides its arguments, as bytes."""
        return _LAYOUT.pack(*self._setpoint, *self._feedforward, self._command_stamp_ns, self._holding)

    def restore_bytes(self, data):
        """Take a state from ``state_bytes``; ValueError, with nothing changed, for other bytes."""
        if len(data) != _LAYOUT.size:
            raise ValueError(f'expected {_LAYOUT.size} bytes of follower state, got {len(data)}')
        values = _LAYOUT.unpack(data)
        arrays = np.array(values[:2 * JOINT_COUNT])
        setpoint, feedforward = arrays[:JOINT_COUNT], arrays[JOINT_COUNT:]
        if not (_within(setpoint, MAX_POSITION).all() and _within(feedforward, MAX_EFFORT).all()):
            raise ValueError(f'expected a follower state of finite positions up to {MAX_POSITION:g} and '
                             f'efforts up to {MAX_EFFORT:g}, got {setpoint} and {feedforward}')
        if not _NEVER <= values[-2]:
            raise ValueError(f'expected the stamp of a command or {_NEVER}, got {values[-2]}')
        self._setpoint, self._feedforward = setpoint, feedforward
        self._command_stamp_ns, self._holding = values[-2], values[-1]

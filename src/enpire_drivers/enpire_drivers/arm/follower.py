"""From one checked command a control tick to set-points at the motors' rate, and the driver's own stop.

The follower is the second stop of a station and knows nothing of the first, the safety gate. It looks
again at shape and finiteness of what it gets, and it gives a command a maximum age on the unit's
clock: a tick that would end with an older command in force holds. Holding means: the set-points are
the positions measured at that moment, with zero velocity and no feed-forward, until a new command.

Not covered: limits of position, velocity and effort. They are the gate's. A jump of one tick that is
finite and of the right shape is followed.
"""

import struct
from dataclasses import dataclass

import numpy as np

from enpire_core.joints import JOINT_COUNT, JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, TICK_S, tick_to_ns

STEPS_PER_TICK = 16
MIN_AGE_S = TICK_S
MAX_AGE_S = 0.5

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
    """Raise CommandRefused unless positions and efforts are 14 finite float64 each."""
    for field, values in (('positions', command.positions), ('efforts', command.efforts)):
        if not isinstance(values, np.ndarray) or values.shape != (JOINT_COUNT,):
            came = values.shape if isinstance(values, np.ndarray) else type(values).__name__
            raise CommandRefused(f'expected {field} as an array of shape ({JOINT_COUNT},), got {came}')
        if values.dtype != np.float64:
            raise CommandRefused(f'expected {field} as float64, got {values.dtype}')
        if not np.isfinite(values).all():
            joint = int(np.flatnonzero(~np.isfinite(values))[0])
            raise CommandRefused(
                f'expected finite {field}, got {values[joint]} for {JOINT_NAMES[joint]}')


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
        if self._setpoint.shape != (JOINT_COUNT,) or not np.isfinite(self._setpoint).all():
            raise ValueError(f'expected {JOINT_COUNT} finite start positions, got {positions!r}')
        self._feedforward = np.zeros(JOINT_COUNT)
        self._command_stamp_ns = _NEVER
        self._holding = True

    @property
    def holding(self):
        """True while the own stop is in force: no command yet, or the last one is too old."""
        return self._holding

    @property
    def setpoint(self):
        """The set-point at the end of the last tick, shape (14,); a copy."""
        return self._setpoint.copy()

    def follow(self, command, stamp_ns):
        """Take ``command`` for the tick that begins at ``stamp_ns`` and return its Motion.

        Raises CommandRefused, with the follower unchanged, for another stamp, a wrong shape or type,
        or a value that is not finite.
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
        finite cannot be held at: the last set-point stays, without feed-forward.
        """
        age_at_end_ns = tick_to_ns(tick + 1) - self._command_stamp_ns
        young = self._command_stamp_ns != _NEVER and 0 <= age_at_end_ns <= self._max_age_ns
        if not young and not self._holding:
            self.hold(measured)
        positions = np.tile(self._setpoint, (STEPS_PER_TICK, 1))
        return Motion(positions, np.zeros_like(positions), self._feedforward)

    def hold(self, measured):
        """Stop now: the set-point becomes ``measured`` (14,), no feed-forward, until a new command."""
        if np.isfinite(measured).all():
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
        if not np.isfinite(arrays).all():
            raise ValueError('expected a follower state of finite values, got NaN or infinity')
        self._setpoint, self._feedforward = arrays[:JOINT_COUNT], arrays[JOINT_COUNT:]
        self._command_stamp_ns, self._holding = values[-2], values[-1]

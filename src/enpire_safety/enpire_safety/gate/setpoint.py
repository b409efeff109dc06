"""The set-point: what the drives were last told, what the next request is measured from, where a hold is. Pure."""

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_core.ticks import NANOSECONDS, TICK_RATE_HZ, TICK_S
from enpire_core.types import JointCommand

_TICK_NS = NANOSECONDS // TICK_RATE_HZ
_NO_VELOCITY = np.zeros(JOINT_COUNT)
_NO_VELOCITY.setflags(write=False)


class SetPoint:
    """Follows what passes and what holds. ``robot``: Limits with the hard limits; ``lockstep`` as in Settings."""

    def __init__(self, robot, lockstep):
        self._lower, self._upper, self._lockstep = robot.hard_lower, robot.hard_upper, lockstep
        self._good = None  # positions (14,) of the newest state without a finding
        self._velocity = np.zeros(JOINT_COUNT)  # with which the last command was reached
        # (stamp of the last command let through, its positions or, where it was stopped, those of the joints then).
        self._last = None
        self.in_force = False  # whether the last command was let through, and nothing stopped it since

    @property
    def asked(self):
        """The set-point (14,) in force, or None."""
        return self._last[1] if self.in_force else None

    @property
    def velocity(self):
        """How fast (14,) the set-point in force moved; zeros where none is."""
        return self._velocity if self.in_force else _NO_VELOCITY

    @property
    def stamp_ns(self):
        """Stamp of the command in force. Only while one is."""
        return self._last[0]

    @property
    def sound(self):
        """Positions (14,) of the newest state without a finding, or None."""
        return self._good

    def measured(self, positions):
        """Take the positions (14,) of a state without a finding: holds are there from now on."""
        self._good = positions.copy()

    def passed(self, stamp_ns, positions, velocity):
        """Take a command that was let through against the state of ``stamp_ns``; ``velocity`` (14,) of its step."""
        self._last, self.in_force = (stamp_ns, positions.copy()), True
        self._velocity = velocity

    def origin(self, state):
        """Return (positions, seconds): where the next set-point is measured from, and the time it has.

        Requests at a higher rate than the tick's must not add up to a higher speed, holds between them or
        not: a hold gives no time. A tick after the last command it is, where that was stopped, the joints
        themselves that count: they may have moved since.
        """
        if self._last is not None:
            since_ns = state.stamp_ns - self._last[0]
            if since_ns < _TICK_NS:
                return self._last[1], max(since_ns, 1) / NANOSECONDS
            if self.in_force:
                return self._last[1], TICK_S
        return state.positions, TICK_S

    def hold(self, state, at=None):
        """Stop; return the command to stay where the joints are, or None where that was never measured.

        ``state``: the newest one, good or bad, or None. A bad one is no place to go: the hold is at the last
        sound one, or, where there never was one, inside the hard limits. ``at``: positions (14,) to go to instead.
        """
        positions = self._good if at is None else at
        if positions is None:
            positions = getattr(state, 'positions', None)
            if not _are_positions(positions):
                self._stop_at(None)
                return None
        # Also a sound state may be beyond a hard limit, by the tolerance.
        inside = ((self._lower <= positions) & (positions <= self._upper)).all()
        positions = positions.copy() if inside else np.clip(positions, self._lower, self._upper)
        self._stop_at(positions.copy())
        return JointCommand(state.stamp_ns, positions, np.zeros(JOINT_COUNT))

    def let_go(self):
        """Stop without a command. Off lockstep the time of the last one still counts, from where the joints are."""
        self._stop_at(self._good)

    def _stop_at(self, positions):
        self.in_force = False
        # In lockstep one command a tick is all that the world takes: no request comes too soon.
        if self._lockstep or self._last is None or positions is None:
            self._last = None
        else:
            self._last = (self._last[0], positions)


def _are_positions(values):
    return (isinstance(values, np.ndarray) and values.shape == (JOINT_COUNT,) and values.dtype == np.float64
            and bool(np.isfinite(values).all()))

"""What a rule is, what it sees and what it says."""

import dataclasses
import functools
import math
from typing import Callable, Optional

import numpy as np

from enpire_core.joints import EFFORT_UNIT, JOINT_NAMES, POSITION_UNIT
from enpire_core.types import JointCommand, JointState
from enpire_safety.gate.limits import Limits
from enpire_safety.gate.space import Space
from enpire_safety.gate.truth import first_false

# What a rule brings about, as the README's table says it.
HOLDS, RETREATS, LATCHES = 'hold', 'retreat', 'latch'
POSITION_UNITS = tuple(POSITION_UNIT[name] for name in JOINT_NAMES)
VELOCITY_UNITS = tuple(unit + '/s' for unit in POSITION_UNITS)
ACCELERATION_UNITS = tuple(unit + '/s2' for unit in POSITION_UNITS)
EFFORT_UNITS = tuple(EFFORT_UNIT[name] for name in JOINT_NAMES)
GRIPPERS = np.array([unit == 'm' for unit in POSITION_UNITS])


@dataclasses.dataclass(frozen=True)
class Settings:
    """The gate's own figures, not of a robot. ``lockstep``: a request must answer the newest state."""

    request_age_max_s: float = 0.1
    state_age_max_s: float = 0.1
    request_silence_max_s: float = 0.1
    request_rate_max_hz: float = 120.0
    limits_age_max_s: float = 300.0
    measured_tolerance_rad: float = 0.01
    measured_tolerance_m: float = 0.002
    lockstep: bool = True


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a rule has against a request or state. ``limit`` and ``value`` in ``unit``; NaN: none."""

    text: str
    joint: str = ''
    limit: float = math.nan
    value: float = math.nan
    unit: str = ''


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A request whose message does not have the form of one; ``text`` says what is wrong with it."""

    stamp_ns: int
    text: str


@dataclasses.dataclass(frozen=True)
class Rule:
    """A named check. It returns None where nothing is wrong; it must not change what it is given.

    ``reaction``: HOLDS refuses the request and sends a hold; RETREATS refuses it and sends a step back from what a
    tool pushes against; LATCHES stops until an operator clears.
    ``limit`` and ``about`` are for people: the table in the README is made from them.
    """

    name: str
    code: int
    reaction: str
    limit: str
    unit: str
    about: str
    check: Optional[Callable] = None


@dataclasses.dataclass(frozen=True)
class RequestView:
    """All that a rule about a request may look at. Times in whole nanoseconds of the unit's clock.

    ``before``: the state before ``state``, or None. ``last``: the set-point (14,) that the new one follows: the last
    command let through, or where the joints are; ``in_force``: whether it is a command. ``last_velocity``: how fast
    it moved. ``span_s``: time from that set-point to the new one, one tick at most. ``decided_ns``: stamp of the last
    request decided, or None. ``recent``: requests of the last second, this one included. ``limits_age_s``: since the
    limits were selected; None where there is only one set. ``lower``, ``upper``: positions (14,) that may be asked
    for (`gate.allowance`). ``sight``: the Space.
    """

    now_ns: int
    request: JointCommand
    state: JointState
    before: Optional[JointState]
    last: np.ndarray
    in_force: bool
    last_velocity: np.ndarray
    span_s: float
    decided_ns: Optional[int]
    recent: int
    limits_age_s: Optional[float]
    lower: np.ndarray
    upper: np.ndarray
    limits: Limits
    settings: Settings
    sight: Space

    @functools.cached_property
    def velocity(self):
        """Velocity asked for (14,): the step from ``last`` over its time."""
        return (self.request.positions - self.last) / self.span_s

    @functools.cached_property
    def away(self):
        """Way (14,) from the measured positions to those asked for."""
        return self.request.positions - self.state.positions

    @functools.cached_property
    def space(self):
        """The SpaceView of the positions asked for."""
        return self.sight.view(self.request.positions, self.last if self.in_force else None, self.state.positions)


@dataclasses.dataclass(frozen=True)
class StateView:
    """All that a rule about a measured state may look at."""

    state: JointState
    limits: Limits
    settings: Settings


@functools.lru_cache(maxsize=8)
def measured_tolerance(settings):
    """Return how far (14,) a measured position may be beyond a bound and still count as at it."""
    tolerance = np.where(GRIPPERS, settings.measured_tolerance_m, settings.measured_tolerance_rad)
    tolerance.setflags(write=False)
    return tolerance


def first_outside(lower, values, upper):
    """Return the index of the first value for which lower <= value <= upper does not hold, or None.

    Written as acceptance: NaN is outside.
    """
    return first_false((lower <= values) & (values <= upper))


def passed_bound(lower, value, upper):
    """Return the bound that ``value`` breaks (the upper one for NaN)."""
    return float(lower if value < lower else upper)


def outside(what, index, lower, value, upper, units):
    """Return the Finding for joint ``index`` whose ``value`` is not within lower .. upper."""
    joint, unit = JOINT_NAMES[index], units[index]
    lower, value, upper = float(lower), float(value), float(upper)
    return Finding(f'{what} of {joint}: expected {lower:.6g} .. {upper:.6g} {unit}, got {value:.6g} {unit}',
                   joint, passed_bound(lower, value, upper), value, unit)


def over(what, values, limit, units):
    """Return the Finding for the first of ``values`` for which -limit <= value <= limit does not hold, or None."""
    i = first_false(np.abs(values) <= limit)
    return None if i is None else outside(what, i, -limit[i], values[i], limit[i], units)

"""What a rule is, what it sees and what it says."""

import dataclasses
import math
from typing import Callable, Optional

import numpy as np

from enpire_core.joints import EFFORT_UNIT, JOINT_NAMES, POSITION_UNIT
from enpire_core.types import JointCommand, JointState
from enpire_safety.gate.limits import Limits

# What a rule brings about, as the README's table says it.
HOLDS, LATCHES = 'hold', 'latch'
POSITION_UNITS = tuple(POSITION_UNIT[name] for name in JOINT_NAMES)
VELOCITY_UNITS = tuple(unit + '/s' for unit in POSITION_UNITS)
EFFORT_UNITS = tuple(EFFORT_UNIT[name] for name in JOINT_NAMES)
GRIPPERS = np.array([unit == 'm' for unit in POSITION_UNITS])


@dataclasses.dataclass(frozen=True)
class Settings:
    """The gate's own figures, not of a robot. ``lockstep``: a request must answer the newest state."""

    request_age_max_s: float = 0.1
    state_age_max_s: float = 0.1
    request_silence_max_s: float = 0.1
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

    ``reaction``: HOLDS refuses the request and sends a hold; LATCHES stops until an operator clears.
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

    ``last``: the set-point (14,) that the new one follows: the last command let through, or where the
    joints are. ``span_s``: time from that set-point to the new one, one tick at most. ``decided_ns``:
    stamp of the last request decided, or None. ``lower``, ``upper``: positions (14,) that may be asked
    for (`gate.allowance`).
    """

    now_ns: int
    request: JointCommand
    state: JointState
    last: np.ndarray
    span_s: float
    decided_ns: Optional[int]
    lower: np.ndarray
    upper: np.ndarray
    limits: Limits
    settings: Settings


@dataclasses.dataclass(frozen=True)
class StateView:
    """All that a rule about a measured state may look at."""

    state: JointState
    limits: Limits
    settings: Settings


def measured_tolerance(settings):
    """Return how far (14,) a measured position may be beyond a bound and still count as at it."""
    return np.where(GRIPPERS, settings.measured_tolerance_m, settings.measured_tolerance_rad)


def first_outside(lower, values, upper):
    """Return the index of the first value for which lower <= value <= upper does not hold, or None.

    Written as acceptance: NaN is outside.
    """
    inside = (lower <= values) & (values <= upper)
    return None if inside.all() else int(np.argmin(inside))


def passed_bound(lower, value, upper):
    """Return the bound that ``value`` breaks (the upper one for NaN)."""
    return float(lower if value < lower else upper)


def outside(what, index, lower, value, upper, units):
    """Return the Finding for joint ``index`` whose ``value`` is not within lower .. upper."""
    joint, unit = JOINT_NAMES[index], units[index]
    lower, value, upper = float(lower), float(value), float(upper)
    return Finding(f'{what} of {joint}: expected {lower:.6g} .. {upper:.6g} {unit}, got {value:.6g} {unit}',
                   joint, passed_bound(lower, value, upper), value, unit)

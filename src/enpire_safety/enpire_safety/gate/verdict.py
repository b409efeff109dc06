"""What the gate says: verdicts, events, status. Plain data."""

import dataclasses
import math
from typing import Optional

from enpire_core.types import JointCommand

# Decisions. WAITING: the request is kept until its joint state arrives. HOLD: nothing was asked for,
# the gate holds on its own.
NONE, WAITING, PASSED, REFUSED, HOLD = 'none', 'waiting', 'passed', 'refused', 'hold'
# Modes.
UNKNOWN, PASSING, HOLDING, LATCHED = 'unknown', 'passing', 'holding', 'latched'
# Kinds of events besides REFUSED, HOLD and LATCHED.
CLEAR, PROFILE = 'clear', 'profile'


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer of one step. ``command``: what to send to the driver now, or None.

    ``rule``, ``joint``, ``limit``, ``value``, ``unit`` and ``text`` say why it is not what was asked
    for; limit and value are NaN where the rule has none. ``code``: of the rule (900s), 0 without one.
    """

    decision: str
    command: Optional[JointCommand] = None
    rule: str = ''
    joint: str = ''
    limit: float = math.nan
    value: float = math.nan
    unit: str = ''
    text: str = ''
    request_stamp_ns: int = 0
    code: int = 0


NOTHING = Verdict(NONE)  # most steps have nothing to say


def verdict_of(decision, command, rule, finding, stamp_ns):
    """Return the Verdict that ``rule`` and its ``finding`` make about the request of ``stamp_ns`` (0: none)."""
    return Verdict(decision, command, rule.name, finding.joint, finding.limit, finding.value, finding.unit,
                   finding.text, stamp_ns, rule.code)


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing that people and ledgers should hear of. ``detail``: a traceback, for the log only."""

    kind: str
    rule: str = ''
    joint: str = ''
    limit: float = math.nan
    value: float = math.nan
    unit: str = ''
    code: int = 0
    text: str = ''
    count: int = 0
    detail: str = ''


@dataclasses.dataclass
class Counts:
    """Since the start: requests passed and refused, holds by silence, latches."""

    passed: int = 0
    refused: int = 0
    holds: int = 0
    latches: int = 0


@dataclasses.dataclass(frozen=True)
class Status:
    """All that SafetyState carries; ``verdict`` is about the last request decided."""

    mode: str
    reason: str
    profile: str
    limits_hash: str
    verdict: Verdict
    counts: Counts

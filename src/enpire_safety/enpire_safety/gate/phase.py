"""A set of limits in force, from its selection on, and what was asked for under it. Pure.

What a decision depends on begins here: nothing before a phase has a part in it.
"""

import collections
import dataclasses

from enpire_core.ticks import NANOSECONDS
from enpire_safety.gate.allowance import Allowance
from enpire_safety.gate.limits import Limits
from enpire_safety.gate.repeats import Repeats
from enpire_safety.gate.space import Space


@dataclasses.dataclass
class Phase:
    """``limits`` in force and how far the arms may still be outside them; ``space``: the Space within them.

    ``decided_ns``: stamp of the last request decided, or None. ``chosen_ns``: newest time when the limits were
    selected; None: nobody selects, or no time was known. ``call_id``: of the call that selected them, or ''.
    """

    limits: Limits
    allowance: Allowance
    space: Space
    call_id: str = ''
    chosen_ns: int = None
    decided_ns: int = None

    def __post_init__(self):
        self._requests = collections.deque()
        self.repeats = Repeats()

    def age_s(self, now_ns):
        """Return for how long the limits have been in force at ``now_ns``; None where they were not selected."""
        return None if self.chosen_ns is None else (now_ns - self.chosen_ns) / NANOSECONDS

    def count(self, now_ns, at_most):
        """Note a request that came at ``now_ns``; return how many came in the second before, this one included.

        Not more than ``at_most`` + 1 are counted.
        """
        requests = self._requests
        while requests and not now_ns - requests[0] < NANOSECONDS:
            requests.popleft()
        if len(requests) <= at_most:
            requests.append(now_ns)
        return len(requests)

"""How fast a campaign goes, for its live table. Pure: time is an argument."""

import math


class Pace:
    """``budget``: trials in all; ``done``: of these, when this node began to count."""

    def __init__(self, budget, done):
        self._budget, self._done = budget, done
        self._last_s = 0.0

    def ended(self, now_s, done):
        """Note that ``done`` trials have a result ``now_s`` seconds after the node began."""
        if done > self._done:
            self._last_s = now_s

    def eta_s(self, now_s, done):
        """Return the seconds until the budget is used, if trials go on as so far; NaN before one has ended."""
        if not (done > self._done and self._last_s > 0):
            return math.nan
        left = (self._budget - done) * self._last_s / (done - self._done)
        return max(0.0, left - (now_s - self._last_s))

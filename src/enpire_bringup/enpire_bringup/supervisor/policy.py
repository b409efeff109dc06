"""When an ended process is started again, and when it is given up. Pure: time comes as an argument."""

import collections
import dataclasses


@dataclasses.dataclass
class RespawnPolicy:
    """Back-off and limit of one process.

    The first restart waits ``delay_s`` seconds, each further one within ``window_s`` twice as long, up
    to ``longest_s``. The ``limit``-th end within ``window_s`` is the last: the process is given up.
    """

    delay_s: float = 1.0
    longest_s: float = 10.0
    limit: int = 5
    window_s: float = 60.0
    _ends: collections.deque = dataclasses.field(default_factory=collections.deque)

    def ended(self, now_s):
        """Note an end at ``now_s`` (seconds of a monotonic clock).

        Return the seconds to wait before the restart, or None where the process is given up.
        """
        self._ends.append(now_s)
        while not now_s - self._ends[0] <= self.window_s:
            self._ends.popleft()
        if len(self._ends) >= self.limit:
            return None
        return min(self.delay_s * 2 ** (len(self._ends) - 1), self.longest_s)

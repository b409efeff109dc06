"""What people and ledgers should hear of: the newest events, and how often each rule has spoken. Pure."""

import collections

from enpire_safety.gate.verdict import Event

_KEPT = 200


class Journal:
    """Events, oldest first; the oldest are lost where nobody takes them."""

    def __init__(self):
        self._spoken = collections.Counter()
        self._events = collections.deque(maxlen=_KEPT)

    def note(self, rule, finding, kind):
        """Note that ``rule`` has spoken."""
        self._spoken[rule.name] += 1
        self._events.append(Event(kind, rule.name, finding.joint, finding.limit, finding.value, finding.unit, rule.code,
                                  finding.text, self._spoken[rule.name]))

    def say(self, kind, text, detail=''):
        """Note what no rule says. ``detail``: a traceback, for the log only."""
        self._events.append(Event(kind, text=text, detail=detail))

    def take(self):
        """Return the events since the last call, oldest first (at most the last 200)."""
        events = list(self._events)
        self._events.clear()
        return events

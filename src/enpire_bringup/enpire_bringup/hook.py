"""When an operator's hook command is called, and what its answer does. Pure."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Stop:
    """Why a gate is latched: how often it has latched since its start, rule and reason.

    The number alone is not enough: a gate that was started again counts anew.
    """

    latches: int
    rule: str
    reason: str


class Hook:
    """The hook of one station: asked once for each stop, never twice at a time.

    `saw` is told of every state of the safety gate, `heard_latch` of every latch event, `ended` of the
    end of the command. The command's word is about the stop that it was asked about and no other.
    """

    def __init__(self):
        self.running = False
        self._newest: typing.Optional[Stop] = None
        self._asked: typing.Optional[Stop] = None
        self._overtaken = False
        # Latch events since the gate was last seen not latched. The first is the stop's own; that of a
        # stop which was there before us is taken as heard.
        self._events = 1

    def saw(self, stop):
        """Take a state of the gate: its `Stop`, None while it is not latched.

        Return the reason to call the command with, or None. What comes while the command runs waits
        for its end.
        """
        self._newest = stop
        if stop is None:
            self._events = 0
        if self.running:
            self._overtaken |= stop != self._asked
            return None
        if stop is None or stop == self._asked:
            self._asked = stop
            return None
        self.running, self._asked, self._overtaken = True, stop, False
        return stop.reason or 'no reason given'

    def heard_latch(self):
        """Take an event that says that the gate latches, or that another cause came while it was latched.

        States and events overtake each other on their way. Where it is not sure to which stop an event
        belongs, it counts as news: at worst the operator is asked twice.
        """
        self._events += 1
        if self._events > 1:
            self._events = 1
            self._overtaken = True
            if not self.running:
                self._asked = None

    def ended(self, code):
        """Take the command's exit code; return whether the gate is to be cleared.

        Only exit code 0 says so, and only where the gate is still stopped for what the command was asked
        about, and nothing has come since. Else the next state asks again.
        Not covered: a cause that comes while the clear is on its way.
        """
        self.running = False
        if self._overtaken or self._newest != self._asked:
            self._asked = None
            return False
        return code == 0

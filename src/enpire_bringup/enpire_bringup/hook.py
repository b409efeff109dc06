"""When an operator's hook command is called, and what its answer does. Pure."""

import dataclasses


@dataclasses.dataclass
class Hook:
    """The hook of one station: asked once for each latch, never twice at a time.

    `saw` is told of every state of the safety gate, `ended` of the end of the command.
    """

    unit: str
    running: bool = False
    _asked_about: int = -1

    def saw(self, latched, reason, latches):
        """Return the reason to call the command with, or None.

        ``latches``: how often the gate has latched since its start, which tells one latch from the
        next. A new latch while the command runs waits for its end.
        """
        if not latched:
            self._asked_about = -1
            return None
        if self.running or latches == self._asked_about:
            return None
        self.running, self._asked_about = True, latches
        return reason or 'no reason given'

    def ended(self, code):
        """Return whether the gate is to be cleared: only exit code 0 says so."""
        self.running = False
        return code == 0

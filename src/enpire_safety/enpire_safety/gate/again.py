"""A command that the driver has not heard, in lockstep, where the world waits for it. Pure.

A gate or driver that has just been started may not have found the other yet: what is sent then is lost. The driver
shows the state that it waits with again and again, so the gate knows. A command that comes twice is ignored there.
"""

# Of the driver's 20 a second (wall time).
STATES = 20


class Again:
    """What was sent last, until the driver has moved."""

    def __init__(self):
        self._command, self._shown = None, 0

    def sent(self, command):
        """Take the JointCommand that was sent to the driver."""
        self._command, self._shown = command, 0

    def due(self, stamp_ns):
        """Take the stamp of a joint state that came; return the command to be sent again now, or None.

        It is due with every STATES-th state that bears the command's own stamp. A state with another one ends it.
        """
        if self._command is None:
            return None
        if stamp_ns != self._command.stamp_ns:
            self._command = None
            return None
        self._shown += 1
        return None if self._shown % STATES else self._command

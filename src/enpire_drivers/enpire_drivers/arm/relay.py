"""A lab's own switch in the supply of a unit's motors, as a command: `WORDS... off UNIT REASON`, or `on`.

It is run without a shell. Exit code 0 says that the relay is as it was asked to be; anything else, a program that
can't be started, or one that takes longer than its time has failed.

Not covered: what the program starts in turn; and a relay that lies.
"""

import shlex
import subprocess

from enpire_drivers.arm.switches import SwitchError


class Relay:
    """A `switches.PowerSwitch`. ``command``: its words; ``unit``: the station; ``timeout_s``: its time, seconds."""

    def __init__(self, command, unit, timeout_s):
        self._command, self._unit, self._timeout_s = tuple(command), unit, timeout_s
        self._child, self._until_s, self._wanted = None, 0.0, ''
        self.name = f'relay {command[0]}'

    def ask(self, on, reason, now_s):
        """See PowerSwitch. A call that is still under way is ended first: the newest word counts."""
        self._end()
        self._wanted, self._until_s = 'on' if on else 'off', now_s + self._timeout_s
        self._child = subprocess.Popen([*self._command, self._wanted, self._unit, reason], stdin=subprocess.DEVNULL)

    def done(self, now_s):
        """See PowerSwitch."""
        if self._child is None:
            raise SwitchError('expected to be asked first, got nothing to look for')
        code = self._child.poll()
        if code is None and now_s <= self._until_s:
            return False
        if code is None:
            self._end()
            raise SwitchError(f'{self._words()}: expected an end within {self._timeout_s:g} s, got none: it was killed')
        if code != 0:
            raise SwitchError(f'{self._words()}: expected exit code 0, got {code}: look at the relay')
        return True

    def _words(self):
        return shlex.join([*self._command, self._wanted, self._unit])

    def _end(self):
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

"""The motors' power of one unit: what takes it, whether it is gone, and that it stays so. Pure.

A unit has one switch or more: the backend's own (a simulated world lets its motors go limp; a YAM is to disable each
of them) and, where the lab names one, a relay in their supply. A cut asks all of them; one that fails is said, keeps
no other from being asked, and is asked again until it confirms. Power comes back only on somebody's word, through the
switches in the opposite order, one after the other: the supply first, the motors last. Where one of them fails, all
are cut again.

Not covered: whether a switch tells the truth.
"""

import enum
import math
import traceback
from typing import Protocol

AGAIN_S = 1.0


class Mode(enum.Enum):
    """Whether the motors have power."""

    ON = 'on'
    CUTTING = 'cut asked, not confirmed'
    CUT = 'cut'
    RESTORING = 'being restored'


class SwitchError(RuntimeError):
    """A switch did not do what it was asked; the text says what was expected and what came."""


class PowerSwitch(Protocol):
    """One way to take the power from the motors of a unit. Neither method may wait: who needs time says so.

    Both may raise anything: that is a switch that failed, and it is asked again.
    """

    name: str

    def ask(self, on: bool, reason: str, now_s: float) -> None:
        """Begin to switch on or off, whatever it was asked before. ``now_s``: any steady clock."""

    def done(self, now_s: float) -> bool:
        """Return True once it is as it was asked to be last, False while that takes its time; raise where it fails."""


class Power:
    """The book of one unit's power. ``switches``: those that a cut asks, in this order, the backend's own first.

    ``log``: called with a text for each failure. Times are of any steady clock, seconds.
    """

    def __init__(self, switches, log):
        self._all = [_Asked(switch, log) for switch in switches]
        self._due = []  # while restoring: those that were not asked yet
        self._not_restored = ''
        self.mode, self.reason = Mode.ON, ''

    @property
    def trouble(self):
        """What failed of each switch that has not done as it was asked, or of the last restoring; '' for nothing."""
        return '; '.join(one.trouble for one in self._all if one.trouble) or self._not_restored

    def cut(self, reason, now_s):
        """Ask every switch to cut; return whether all have confirmed. The first reason stays until power is back."""
        self.reason = self.reason or reason
        self.mode, self._due = Mode.CUTTING, []
        for one in self._all:
            one.ask(False, self.reason, now_s)
        self.look(now_s)
        return self.mode is Mode.CUT

    def restore(self, now_s):
        """Begin to give the power back; return whether it is. Only from a cut that every switch has confirmed.

        Whether it may come back is not decided here.
        """
        if self.mode is Mode.CUT:
            self.mode, self._due, self._not_restored = Mode.RESTORING, list(self._all), ''
        self.look(now_s)
        return self.mode is Mode.ON

    def look(self, now_s):
        """Hear what the switches say, and go on."""
        if self.mode is Mode.CUTTING:
            for one in self._all:
                one.look(False, self.reason, now_s)
            if all(one.is_done for one in self._all):
                self.mode = Mode.CUT
        elif self.mode is Mode.RESTORING:
            self._go_on(now_s)

    def _go_on(self, now_s):
        """Ask the next switch once the one before has confirmed; cut again where one fails."""
        while True:
            asked = next((one for one in self._all if not one.is_done), None)
            if asked is not None:
                asked.hear(now_s)
                if asked.failed:
                    self._not_restored = f'not restored: {asked.trouble}'
                    self.cut(self.reason, now_s)
                    return
                if not asked.is_done:
                    return
            elif self._due:
                self._due.pop().ask(True, self.reason, now_s)
            else:
                self.mode, self.reason = Mode.ON, ''
                return


class _Asked:
    """One switch, and what became of what it was asked last. ``trouble`` stays until it has done as it was asked."""

    def __init__(self, switch, log):
        self.switch, self._log = switch, log
        self.is_done, self.failed, self.trouble, self._failed_s = True, False, '', math.nan

    def ask(self, on, reason, now_s):
        self.is_done = self.failed = False
        self._try(lambda: self.switch.ask(on, reason, now_s), now_s)
        self.hear(now_s)

    def hear(self, now_s):
        if not self.is_done and not self.failed:
            self.is_done = self._try(lambda: self.switch.done(now_s), now_s) is True
            self.trouble = '' if self.is_done else self.trouble

    def look(self, on, reason, now_s):
        self.hear(now_s)
        if self.failed and not 0.0 <= now_s - self._failed_s < AGAIN_S:
            self.ask(on, reason, now_s)

    def _try(self, call, now_s):
        try:
            return call()
        except Exception as error:  # whatever it is: the other switches must be asked, and this one again
            self.failed, self._failed_s = True, now_s
            self.trouble = f'{self.switch.name}: {str(error) or type(error).__name__}'
            detail = '' if isinstance(error, (SwitchError, OSError, ValueError)) else f'\n{traceback.format_exc()}'
            self._log(f'power switch failed: {self.trouble}{detail}')
            return None

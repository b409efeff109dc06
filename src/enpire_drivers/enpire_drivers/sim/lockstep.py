"""Who moves a simulated world's clock: nobody, the commands of an episode, or time itself.

    STANDING --begin--> LOCKSTEP --end--> STANDING
    LOCKSTEP --silence, fault, or end for a fault--> FREE_RUN --2 simulated seconds--> BROKEN
    BROKEN --begin--> LOCKSTEP
    any --the motors' power is cut, or comes back--> FREE_RUN --2 simulated seconds--> BROKEN, or STANDING

Wall time never enters the world: it is only compared with the time at which something was last
heard, and all it can do is break the episode. This module keeps the book; it moves nothing.
"""

import enum
import math
import re

SILENCE_S = 5.0
FREE_RUN_TICKS = 60
PHASES = ('reset', 'rollout')
_TRIAL_ID = re.compile(r'[A-Za-z0-9._-]{1,64}')


class Mode(enum.Enum):
    """What moves the clock now."""

    STANDING = 'standing still'
    LOCKSTEP = 'lockstep'
    FREE_RUN = 'free run'
    BROKEN = 'broken'


class EpisodeError(ValueError):
    """An episode cannot begin or end; the text says what was expected, what came, what to do."""


class Lockstep:
    """The book of one station's episodes.

    ``silence_s``: wall seconds without a command or a sign of life after which lockstep is left.
    ``free_run_ticks``: control ticks that the world then runs freely (60 are 2 s).
    """

    def __init__(self, silence_s=SILENCE_S, free_run_ticks=FREE_RUN_TICKS):
        if not 0.1 <= silence_s <= 60.0:
            raise ValueError(f'expected silence_s in [0.1, 60], got {silence_s}')
        if not FREE_RUN_TICKS <= free_run_ticks <= 3600:
            raise ValueError(f'expected free_run_ticks in [{FREE_RUN_TICKS}, 3600], got {free_run_ticks}')
        self._silence_s = silence_s
        self._free_run_ticks = free_run_ticks
        self.mode = Mode.STANDING
        self.trial_id = ''
        self.phase = ''
        self.broken = ''
        self.free_ticks_left = 0
        self._freed_by = ''
        self._heard_s = math.nan

    def check_begin(self, trial_id, phase):
        """Raise EpisodeError unless ``begin`` with these arguments would be taken."""
        if not isinstance(trial_id, str) or not _TRIAL_ID.fullmatch(trial_id):
            raise EpisodeError('expected a trial_id of 1 to 64 characters out of [A-Za-z0-9._-], '
                               f'got {trial_id!r}')
        if phase not in PHASES:
            raise EpisodeError(f'expected a phase out of {", ".join(PHASES)}, got {phase!r}')
        if self.mode is Mode.LOCKSTEP:
            raise EpisodeError(f'{self.phase} of trial {self.trial_id} is under way: end it first, '
                               f'or let it break by {self._silence_s:g} s of silence')
        if self.mode is Mode.FREE_RUN:
            raise EpisodeError(f'the world runs freely after: {self._freed_by}; '
                               f'{self.free_ticks_left} ticks are left: begin again after them')

    def begin(self, trial_id, phase):
        """Enter lockstep for ``phase`` ('reset' or 'rollout') of ``trial_id``; see check_begin."""
        self.check_begin(trial_id, phase)
        self.mode = Mode.LOCKSTEP
        self.trial_id, self.phase, self.broken = trial_id, phase, ''
        self._heard_s = math.nan

    def end(self, trial_id, fault=''):
        """Leave lockstep. Returns why the episode broke, or '' for a sound one.

        ``fault``: why the phase was cut off, '' where it ended in order. A part that failed shall not be
        covered up by a clock that stops at that moment: the episode then breaks for it and the world runs
        freely, as after silence. What broke it before stays the reason. A broken episode may be ended while
        the world still runs freely. Raises EpisodeError where no episode of ``trial_id`` is under way;
        nothing changes then.
        """
        if not self.trial_id:
            raise EpisodeError(f'no episode is under way: expected a begin before the end of {trial_id!r}')
        if trial_id != self.trial_id:
            raise EpisodeError(f'expected the end of trial {self.trial_id!r}, got {trial_id!r}')
        if self.mode is Mode.LOCKSTEP and fault:
            self.break_episode(fault)
        elif self.mode is Mode.LOCKSTEP:
            self.mode = Mode.STANDING
        self.trial_id = self.phase = ''
        return self.broken

    def heard(self, wall_s):
        """Note a sign of life at wall time ``wall_s`` (any steady clock, seconds)."""
        self._heard_s = wall_s

    def check_silence(self, wall_s):
        """Leave lockstep where nothing was heard for too long; True if that happened just now.

        The first call of an episode only starts the watch. A clock that ran backwards counts as
        silence: the difference must lie in [0, silence_s].
        """
        if self.mode is not Mode.LOCKSTEP:
            return False
        if math.isnan(self._heard_s):
            self._heard_s = wall_s
        if 0.0 <= wall_s - self._heard_s <= self._silence_s:
            return False
        self.break_episode(f'no command and no sign of life for {wall_s - self._heard_s:.1f} s '
                           f'of wall time (silence_s is {self._silence_s:g})')
        return True

    def break_episode(self, reason):
        """Leave lockstep for ``reason``: the episode is broken and the world shall run freely."""
        if self.mode is not Mode.LOCKSTEP:
            raise EpisodeError(f'only an episode in lockstep can break, the world is {self.mode.value}')
        self.broken = reason
        self._free(reason)

    def run_freely(self, reason):
        """Let the world run freely from now on, whatever it did; an episode in lockstep is broken by it."""
        if self.mode is Mode.LOCKSTEP:
            self.break_episode(reason)
        else:
            self._free(reason)

    def _free(self, reason):
        self.mode, self._freed_by = Mode.FREE_RUN, reason
        self.free_ticks_left = self._free_run_ticks

    def stop(self, reason):
        """Stand still because the world can't be moved any more; an open episode is broken."""
        self.broken = f'{self.broken}; {reason}' if self.broken else reason
        self.mode = Mode.BROKEN
        self.free_ticks_left = 0

    def check_forget(self):
        """Raise EpisodeError unless ``forget`` would be taken."""
        if self.mode in (Mode.LOCKSTEP, Mode.FREE_RUN):
            raise EpisodeError(f'the world is in {self.mode.value}: end the episode of trial '
                               f'{self.trial_id!r} before another state is restored')

    def forget(self):
        """Stand still with no episode in the book, because the world was put into another state."""
        self.check_forget()
        self.mode = Mode.STANDING
        self.trial_id = self.phase = self.broken = ''

    def take_free_tick(self):
        """Count one tick of the free run; False where there is none to run."""
        if self.mode is not Mode.FREE_RUN:
            return False
        self.free_ticks_left -= 1
        if self.free_ticks_left == 0:
            self.mode = Mode.BROKEN if self.broken else Mode.STANDING
        return True

"""What the arms of a simulated station do from the moment its world leaves lockstep. Pure.

The driver says in its diagnostics, once a second, at which tick its world left lockstep last. From there on the world
runs freely for 60 ticks, and the joint states of these are read.

**Held** are the joints from the first tick on from which each moves at SPEED at most and stays within WAY of where it
is at that tick, until the world stands, two seconds later. The driver's set-points say less: they stand still from the
first free tick, and it is the arms that shall. **Still** they are once each moves at STILL at most from there on.

Why these bounds: two resets and two rollouts that swing were looked at with the code of 2026-11-28, the world let go
at every third or fourth tick (333 moments). Arms that were driven at up to 1.2 rad/s moved at 0.81, 0.40, 0.22 and 0.09
rad/s at most in the first, second, third and fourth state after it, and came 0.07 rad far. What is left then is no
command but the motors' own settling: an outstretched arm swings back by 0.015 rad, and where a gripper holds an object
it trembles at up to 0.1 rad/s within 0.007 rad for half a second. SPEED is half of what the fastest joint of a swing
has at its slowest moment (0.63 rad/s), so that an arm which is still driven is none that holds; WAY lies above the
settling, and an arm that went on, however slowly, would leave it: over two seconds it is 0.01 rad/s. All 333 held
within 0.1 s. Still they were within 0.1 s in 282, the others within 0.47 s: so both times are told.

Not covered: a world that is lost with its process (`Found.anew`): in simulation nothing is left that could move. A
world that broke because physics failed. Speeds between two ticks.
"""

import bisect
import dataclasses

import numpy as np

from enpire_core.joints import JOINT_NAMES
from enpire_core.ticks import TICK_S, tick_to_ns

FREE_TICKS = 60
HELD_WITHIN_S = 0.1
_GRIPPER = np.array(['gripper' in name for name in JOINT_NAMES])
ARMS = np.flatnonzero(~_GRIPPER)
# Of arms in rad, of grippers in m.
SPEED = np.where(_GRIPPER, 0.02, 0.3)
STILL = np.where(_GRIPPER, 0.01, 0.05)
WAY = np.where(_GRIPPER, 0.002, 0.02)


@dataclasses.dataclass(frozen=True)
class Note:
    """What the driver said at ``wall_s``: whether its world runs ``freely``; the tick at which it ``left`` lockstep
    last, None for never; and in ``text`` what broke, or how it is.
    """

    wall_s: float
    freely: bool
    left: int = None
    text: str = ''


@dataclasses.dataclass(frozen=True)
class Leaving:
    """A world that left lockstep at ``tick`` for the reason ``text``.

    ``speed``: of the fastest joint of an arm then, rad/s. ``held_s``, ``still_s``: simulated seconds from there until
    all joints held, until they were still; None: never. ``way``: how far each joint got from where it was, at most, in
    the two seconds (14 numbers, rad or m). A tick whose joint state was missed is none at which they hold. Where the
    first or the last one was missed there is the tick alone.
    """

    text: str
    tick: int
    speed: float = None
    held_s: float = None
    still_s: float = None
    way: tuple = ()

    @property
    def in_time(self):
        """True where the arms are known to have held in time: three ticks are the 0.1 s."""
        return self.held_s is not None and self.held_s <= HELD_WITHIN_S + 1e-6


@dataclasses.dataclass(frozen=True)
class Found:
    """What happened to a world: each time it left lockstep, and how often it began anew with another process."""

    leavings: tuple
    anew: int


def look(notes, samples, since_s):
    """Return the Found after the wall time ``since_s``.

    ``notes``: Notes, ``samples``: joint states with stamp_ns, positions, velocities and wall_s, both in the order in
    which they came, from before ``since_s`` on.
    """
    begins = _begins(samples)
    leavings, known = [], set()
    for note in notes:
        life = bisect.bisect(begins, note.wall_s)
        if note.left is not None and (life, note.left) not in known:
            known.add((life, note.left))
            if since_s <= note.wall_s:
                leavings.append(_measured(note, [one for one in samples if bisect.bisect(begins, one.wall_s) == life]))
    return Found(tuple(leavings), sum(since_s <= begin for begin in begins))


def _begins(samples):
    """Return the wall times at which the clock began anew."""
    return [after.wall_s for before, after in zip(samples, samples[1:]) if after.stamp_ns < before.stamp_ns]


def _measured(note, samples):
    """Return the Leaving that ``note`` tells of; ``samples``: of this world."""
    found = {sample.stamp_ns: sample for sample in samples}
    run = [found.get(tick_to_ns(note.left + tick)) for tick in range(FREE_TICKS + 1)]
    if run[0] is None or run[-1] is None:
        return Leaving(note.text, note.left)
    positions = np.array([np.full(len(JOINT_NAMES), np.nan) if one is None else one.positions for one in run])
    velocities = np.array([np.full(len(JOINT_NAMES), np.nan) if one is None else one.velocities for one in run])
    ways = np.nanmax(np.abs(positions - positions[0]), axis=0)
    return Leaving(note.text, note.left, speed=float(np.max(np.abs(velocities[0][ARMS]))),
                   held_s=_held(positions, velocities, SPEED), still_s=_held(positions, velocities, STILL),
                   way=tuple(map(float, ways)))


def _held(positions, velocities, speed):
    """Return the seconds until all joints hold with that speed at most, None where they never do.

    Both (n, 14), a tick apart, NaN where one was missed.
    """
    seen = ~np.isnan(positions[:, 0])
    for index in np.flatnonzero(seen):
        later = seen[index:]
        if np.all(np.abs(velocities[index:][later]) <= speed) and np.all(
                np.abs(positions[index:][later] - positions[index]) <= WAY):
            return round(int(index) * TICK_S, 6)
    return None

"""How far the joints of a station moved after a fault. Pure."""

from dataclasses import dataclass

import numpy as np

from enpire_core.joints import JOINT_NAMES

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Motion:
    """Way of each joint (14,), rad or m: from the fault until the hold, and away from there afterwards.

    ``speed``: measured velocity at the fault. ``until_held_s``, ``after_s``: the unit's clock, seconds.
    """

    speed: np.ndarray
    until_held: np.ndarray
    until_held_s: float
    after: np.ndarray
    after_s: float

    def table(self, title):
        """Return the figures of every joint that was moving as text."""
        lines = [f'{title}: from the fault until held {self.until_held_s:.3f} s, watched for {self.after_s:.3f} s '
                 "more (the unit's clock)", 'joint            speed at fault   until held   farthest after']
        for name, speed, before, after in zip(JOINT_NAMES, self.speed, self.until_held, self.after):
            lines.append(f'{name:<16} {speed:+14.4f} {before:12.5f} {after:16.5f}')
        return '\n'.join(lines)


def motion(samples, fault, held_ns):
    """Return the Motion over ``samples``: ``fault`` is the index of the newest one when the fault came.

    ``held_ns``: stamp from which the arms have to hold. What comes after it is measured from there.
    """
    at_fault = samples[fault]
    before = [sample for sample in samples[fault:] if sample.stamp_ns <= held_ns]
    after = [sample for sample in samples[fault:] if sample.stamp_ns >= held_ns] or [samples[-1]]
    held = before[-1]
    return Motion(
        at_fault.velocities, np.max(np.abs([sample.positions - at_fault.positions for sample in before]), axis=0),
        (held.stamp_ns - at_fault.stamp_ns) / NANOSECONDS,
        np.max(np.abs([sample.positions - held.positions for sample in after]), axis=0),
        (after[-1].stamp_ns - held.stamp_ns) / NANOSECONDS)

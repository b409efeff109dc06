"""The link of `robot.Robot` over a Station: counts, hashes and bounds what a phase does to it."""

import hashlib
import math
import struct

import numpy as np

from enpire_core.errors import MotionRefused, TimeUp
from enpire_core.joints import JOINT_COUNT
from enpire_core.types import JointCommand
from enpire_research.trials.station import Cancelled, Refused

_NO_EFFORT = np.zeros(JOINT_COUNT)


class Drive:
    """One phase on one station, from the moment it began.

    ``cancelled()`` is looked at before every tick (Cancelled). ``deadline_ns`` may be set at any time;
    from then on `step` raises TimeUp instead of sending, which names ``episode_s``: what the program had,
    retreats between its attempts left out. ``on_tick()`` is called after every tick.
    """

    def __init__(self, station, cancelled, on_tick):
        self._station, self._cancelled, self._on_tick = station, cancelled, on_tick
        self.state = station.observe()
        self.start_ns = self.state.stamp_ns
        self.deadline_ns = None
        self.episode_s = math.inf
        self.ticks = 0
        self.refusals = 0
        self._digest = hashlib.sha256()
        self._note_state()

    def step(self, positions, efforts=_NO_EFFORT):
        """One tick; returns the next JointState. MotionRefused after the tick in which the arms hold."""
        if self._cancelled():
            raise Cancelled
        if self.deadline_ns is not None and self.state.stamp_ns >= self.deadline_ns:
            raise TimeUp(f'the time is up ({self.episode_s:.1f} s of the unit\'s clock)')
        command = JointCommand(self.state.stamp_ns, np.array(positions), np.array(efforts))
        self._digest.update(command.positions.tobytes())
        self._digest.update(command.efforts.tobytes())
        try:
            self.state = self._station.step(command)
        except Refused as refused:
            self.state = refused.state
            self.refusals += 1
            self._count()
            raise MotionRefused(refused.text, refused.rule, refused.joint, refused.limit, refused.value,
                                refused.unit) from refused
        self._count()
        return self.state

    def capture(self, camera):
        """Return the newest Frame of ``camera``."""
        if self._cancelled():
            raise Cancelled
        return self._station.capture(camera)

    def camera_info(self, camera):
        """Return the nominal CameraInfo of ``camera``."""
        return self._station.camera_info(camera)

    def finish_attempt(self):
        """Not for programs of ours: raises RuntimeError."""
        raise RuntimeError('expected finish_attempt() in a policy, got it in a program of the trial server')

    def digest(self):
        """Return the SHA-256 (hex) over every measured state and request so far, in order."""
        return self._digest.hexdigest()

    def _count(self):
        self.ticks += 1
        self._note_state()
        self._on_tick()

    def _note_state(self):
        state = self.state
        self._digest.update(struct.pack('<q', state.stamp_ns))
        for values in (state.positions, state.velocities, state.efforts):
            self._digest.update(np.ascontiguousarray(values, dtype='<f8').tobytes())


class Eyes:
    """What a verifier gets: cameras, and no way to move (`enpire_tasks.protocols.Camera`)."""

    def __init__(self, drive):
        self.capture, self.camera_info = _camera(drive.capture), _camera(drive.camera_info)


def _camera(call):
    def looked(camera='top_camera'):
        return call(camera)
    return looked

"""Plain data between a policy and its station. Arrays of 14 are in the order of JOINT_NAMES."""

from dataclasses import dataclass, field

import numpy as np


class _Done:
    """The one value with which `act` says that it is done."""

    def __repr__(self):
        return 'DONE'


DONE = _Done()


@dataclass(frozen=True)
class Observation:
    """What `act` gets each tick.

    ``time``: seconds of the unit's clock since the start; ``time_left``: until the end; ``tick``: calls
    of `act` before this one. ``joint_positions`` [rad, m], ``joint_velocities``, ``joint_efforts``
    (14,): measured. ``tool_poses``: {'left': (x, y, z, roll, pitch, yaw), 'right': ...} in frame
    station. ``images``: newest (H, W, 3) uint8 RGB of each camera named in CAMERAS; ``image_times``:
    when each was taken, on the scale of ``time``.
    """

    time: float
    time_left: float
    tick: int
    joint_positions: np.ndarray
    joint_velocities: np.ndarray
    joint_efforts: np.ndarray
    tool_poses: dict
    images: dict = field(default_factory=dict)
    image_times: dict = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptResult:
    """The frozen verifier's answer to one attempt, as `robot.finish_attempt()` returns it.

    ``score`` in [0, 1], NaN where the scene could not be judged; ``reason``: one sentence.
    """

    success: bool
    score: float
    reason: str
    attempts_left: int

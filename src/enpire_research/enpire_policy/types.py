"""Plain data between a policy and its station. Arrays of 14 are in the order of JOINT_NAMES."""

from dataclasses import dataclass, field
from typing import Optional

import numpy as np


class _Word:
    """A value of `act` that is no motion."""

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return self._name


# The policy is done. This attempt is: judge it, and go on where the rollout has another.
DONE, ATTEMPT_DONE = _Word('DONE'), _Word('ATTEMPT_DONE')


@dataclass(frozen=True)
class AttemptResult:
    """The frozen verifier's answer to one attempt, as `robot.finish_attempt()` returns it.

    ``score`` in [0, 1], NaN where the scene could not be judged; ``reason``: one sentence.
    """

    success: bool
    score: float
    reason: str
    attempts_left: int


@dataclass(frozen=True)
class Observation:
    """What `act` gets each tick.

    ``time``: seconds of the unit's clock since the start; ``time_left``: until the end; ``tick``: calls
    of `act` before this one. ``joint_positions`` [rad, m], ``joint_velocities``, ``joint_efforts``
    (14,): measured. ``tool_poses``: {'left': (x, y, z, roll, pitch, yaw), 'right': ...} in frame
    station. ``images``: newest (H, W, 3) uint8 RGB of each camera named in CAMERAS; ``image_times``:
    when each was taken, on the scale of ``time``. ``attempt``: the AttemptResult, where the call before
    this one returned ATTEMPT_DONE; else None. Arrays and images are the policy's own copies.
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
    attempt: Optional[AttemptResult] = None

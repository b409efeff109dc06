"""Plain data that the pure parts exchange. Arrays are float64 in the order of JOINT_NAMES.

Units: rad, rad/s and Nm for arm joints; m, m/s and N for grippers (opening of the jaws). Frames of
poses are named where a pose stands. Stamps are whole nanoseconds of the unit's clock.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np


@dataclass(frozen=True)
class JointState:
    """Measured state of all joints of a unit at one stamp; three arrays of shape (14,)."""

    stamp_ns: int
    positions: np.ndarray
    velocities: np.ndarray
    efforts: np.ndarray


@dataclass(frozen=True)
class JointCommand:
    """Where the joints shall be one tick after ``stamp_ns``, the stamp of the state it answers.

    ``positions`` has shape (14,); ``efforts`` (14,) is feed-forward, zeros where none is asked for.
    """

    stamp_ns: int
    positions: np.ndarray
    efforts: np.ndarray


@dataclass(frozen=True)
class JointChunk:
    """Where the joints shall be in the ticks to come: ``points``, two JointCommands or more, a tick apart.

    ``stamp_ns``: the state that it answers, and the first point with it.
    """

    points: tuple

    def __post_init__(self):
        if not len(self.points) >= 2:
            raise ValueError(f'expected a chunk of two points or more, got {len(self.points)}')

    @property
    def stamp_ns(self):
        """Stamp of the state that the first point answers."""
        return self.points[0].stamp_ns


@dataclass(frozen=True)
class Frame:
    """One image: ``color`` (H, W, 3) uint8 RGB; ``depth`` (H, W) uint16 in millimetres, or None."""

    camera: str
    stamp_ns: int
    color: np.ndarray
    depth: Optional[np.ndarray] = None


@dataclass(frozen=True)
class CameraInfo:
    """Nominal pinhole camera, no distortion.

    ``matrix`` (3, 3) in pixels; ``pose`` (4, 4) takes points from the optical frame (x right, y down,
    z forward, REP-103) to the frame ``parent``: 'station' for the top camera, the flange
    ('left_flange') for a wrist camera. Nominal: a station's camera is a little off it.
    """

    camera: str
    width: int
    height: int
    matrix: np.ndarray
    parent: str
    pose: np.ndarray


@dataclass(frozen=True)
class EpisodeStart:
    """A phase of a trial has begun: ``stamp_ns``; ``record`` (its file name, '' where none is kept) and
    ``digest`` (SHA-256, hex) of the full simulated state, '' on hardware."""

    stamp_ns: int
    record: str
    digest: str


@dataclass(frozen=True)
class EpisodeEnd:
    """``stamp_ns`` and ``digest`` at the end; ``broken``: why the episode broke, '' for a sound one."""

    stamp_ns: int
    digest: str
    broken: str

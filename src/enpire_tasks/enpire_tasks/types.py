"""Plain data that tasks hand to the trial servers. No robot, no world, no ROS."""

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

SUCCESS, FAILURE, UNKNOWN = 'success', 'failure', 'unknown'
ANSWERS = (SUCCESS, FAILURE, UNKNOWN)


class SceneNotFound(Exception):
    """A reset program cannot find the object that it shall bring back; the text says what it looked for."""


@dataclass(frozen=True)
class Judgement:
    """What a verifier says about frames that it captured itself.

    ``answer``: 'success', 'failure' or 'unknown' (it can't tell; it will be asked again).
    ``score``: in [0, 1], NaN where nothing could be judged. ``reason``: one sentence in words, with
    figures. ``measurements``: values by name, the name ending with its unit ('position_error_m').
    ``frames_digest``: SHA-256 (hex) over the frames, `frames_digest` below; '' where there were none.
    ValueError for another answer, and for a score outside its range.
    """

    answer: str
    score: float
    reason: str
    measurements: dict = field(default_factory=dict)
    frames_digest: str = ''

    def __post_init__(self):
        if self.answer not in ANSWERS:
            raise ValueError(f'expected an answer of {", ".join(ANSWERS)}, got {self.answer!r}')
        if not (math.isnan(self.score) or 0.0 <= self.score <= 1.0):
            raise ValueError(f'expected a score from 0 to 1 or NaN, got {self.score!r}')
        if self.answer != UNKNOWN and math.isnan(self.score):
            raise ValueError(f'expected a score with the answer {self.answer!r}, got NaN')


@dataclass(frozen=True)
class Tolerance:
    """How far off a success may be: for people and programs that look at failures, never for the verdict itself.

    ``measurement``: name of a value in `Judgement.measurements`, unsigned or signed around 0; ``most``: what is
    allowed, in its unit; ``kind``: 'position' or 'angle'. ValueError for another kind and for a ``most`` not above 0.
    """

    measurement: str
    most: float
    kind: str

    def __post_init__(self):
        if self.kind not in ('position', 'angle'):
            raise ValueError(f'expected a kind of position or angle, got {self.kind!r}')
        if not 0.0 < self.most < math.inf:
            raise ValueError(f'expected an allowed error above 0, got {self.most!r}')


@dataclass(frozen=True)
class Polygon:
    """An outline for people who watch: ``points`` are (x, y, z) [m] in frame station, closed by itself.

    ``name`` is unique in a task ('goal', 'workspace'); ``rgba`` in [0, 1].
    """

    name: str
    points: tuple
    rgba: tuple = (0.1, 0.7, 0.2, 1.0)


def frames_digest(frames):
    """Return the SHA-256 (hex) over ``frames`` (enpire_core.types.Frame) in order: name, stamp, pixels."""
    digest = hashlib.sha256()
    for frame in frames:
        head = f'{frame.camera}:{frame.stamp_ns}:{frame.color.shape}'.encode()
        digest.update(len(head).to_bytes(4, 'big') + head)
        digest.update(np.ascontiguousarray(frame.color).tobytes())
    return digest.hexdigest()

"""How one simulated station differs from the nominal one: small errors of calibration.

Drawn once from (lab seed, unit), then constant. Everything a station measures carries them: nobody
on the graph sees the true values.
"""

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

from enpire_core.joints import ARMS, JOINT_COUNT, JOINT_NAMES
from enpire_core.seeds import derive

CAMERAS = ('top_camera', 'left_wrist_camera', 'right_wrist_camera')
TRUNCATION = 2.5
BASE_SD = (0.001, math.radians(0.1))
CAMERA_SD = (0.002, math.radians(0.2))
JOINT_ZERO_SD = 0.0015
_NO_ERROR = (0.0,) * 6


@dataclass(frozen=True)
class StationParameters:
    """Errors of one station; the default has none.

    ``zero_offsets``: (14,) what each encoder adds to the true position [rad; m, 0 for grippers, which
    find their zero by closing]; ``base_errors``: arm -> (x, y, z [m], rotation vector [rad]) of the base,
    in frame station; ``camera_errors``: camera -> the same, in the camera's optical frame;
    ``noise_seed``: of the images' noise.
    """

    zero_offsets: tuple = (0.0,) * JOINT_COUNT
    base_errors: tuple = tuple((arm, _NO_ERROR) for arm in ARMS)
    camera_errors: tuple = tuple((camera, _NO_ERROR) for camera in CAMERAS)
    noise_seed: int = 0

    @classmethod
    def draw(cls, lab_seed, unit):
        """Return the parameters of ``unit`` (name) in the lab with ``lab_seed`` (integer)."""
        def normal(sd, *parts):
            return sd * _truncated_normal(derive('station', lab_seed, unit, *parts))

        def pose(sds, *parts):
            return tuple(normal(sds[axis // 3], *parts, axis) for axis in range(6))

        return cls(
            zero_offsets=tuple(0.0 if name.endswith('_gripper') else normal(JOINT_ZERO_SD, 'zero', name)
                               for name in JOINT_NAMES),
            base_errors=tuple((arm, pose(BASE_SD, 'base', arm)) for arm in ARMS),
            camera_errors=tuple((camera, pose(CAMERA_SD, 'camera', camera)) for camera in CAMERAS),
            noise_seed=derive('station', lab_seed, unit, 'noise'))

    def to_dict(self):
        """Return plain JSON values."""
        values = asdict(self)
        values['base_errors'] = {name: list(pose) for name, pose in self.base_errors}
        values['camera_errors'] = {name: list(pose) for name, pose in self.camera_errors}
        values['zero_offsets'] = list(self.zero_offsets)
        return values

    @classmethod
    def from_dict(cls, values):
        """Return the parameters that ``to_dict`` wrote; ValueError for anything else."""
        try:
            found = cls(
                zero_offsets=tuple(map(float, values['zero_offsets'])),
                base_errors=tuple((arm, tuple(map(float, values['base_errors'][arm]))) for arm in ARMS),
                camera_errors=tuple((c, tuple(map(float, values['camera_errors'][c]))) for c in CAMERAS),
                noise_seed=int(values['noise_seed']))
        except (KeyError, TypeError) as error:
            raise ValueError('expected station parameters with zero_offsets, base_errors, camera_errors '
                             f'and noise_seed, got {values!r}: {error!r}') from error
        if len(found.zero_offsets) != JOINT_COUNT:
            raise ValueError(f'expected {JOINT_COUNT} zero_offsets, got {len(found.zero_offsets)}')
        return found


def _truncated_normal(seed):
    """Return a standard normal number within +- TRUNCATION from a 64-bit ``seed``."""
    normal = NormalDist()
    low = normal.cdf(-TRUNCATION)
    return normal.inv_cdf(low + (1 - 2 * low) * (seed + 0.5) / 2**64)

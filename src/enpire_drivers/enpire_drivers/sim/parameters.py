"""How one simulated station differs from the nominal one: small errors of calibration.

Drawn once from (lab seed, unit), then constant. Everything a station measures carries them, and no topic
has the true values. They are as secret as the seed: in a campaign it follows from the campaign's secret,
else it is the lab's, which stands in lab.yaml. It is a ROS parameter of the driver, in a file (0600) of
the run: whoever has ROS or the user's files can draw them again.
"""

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

from enpire_core.joints import ARMS, JOINT_COUNT, JOINT_NAMES
from enpire_core.seeds import derive

from .cameras import CAMERAS

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
        fields = {'zero_offsets', 'base_errors', 'camera_errors', 'noise_seed'}
        if not isinstance(values, dict) or set(values) != fields:
            raise ValueError(f'expected station parameters with {", ".join(sorted(fields))}, got {values!r}')
        seed = values['noise_seed']
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ValueError(f'expected a noise_seed in [0, 2^64), got {seed!r}')
        return cls(_numbers('zero_offsets', values['zero_offsets'], JOINT_COUNT),
                   _poses('base_errors', values['base_errors'], ARMS),
                   _poses('camera_errors', values['camera_errors'], CAMERAS), seed)


def _numbers(what, values, count):
    """Return ``values`` as a tuple of ``count`` finite floats; ValueError for anything else."""
    if not (isinstance(values, list) and len(values) == count
            and all(isinstance(value, float) and abs(value) < math.inf for value in values)):
        raise ValueError(f'expected {count} finite floats as {what}, got {values!r}')
    return tuple(values)


def _poses(what, values, names):
    """Return ``values`` as a tuple of (name, six finite floats); ValueError for anything else."""
    if not isinstance(values, dict) or set(values) != set(names):
        raise ValueError(f'expected {what} of {", ".join(names)}, got {values!r}')
    return tuple((name, _numbers(f'{what} of {name}', values[name], 6)) for name in names)


def _truncated_normal(seed):
    """Return a standard normal number within +- TRUNCATION from a 64-bit ``seed``."""
    normal = NormalDist()
    low = normal.cdf(-TRUNCATION)
    return normal.inv_cdf(low + (1 - 2 * low) * (seed + 0.5) / 2**64)

"""A world small enough to reason about: each joint is a first-order lag behind its set-point."""

from dataclasses import asdict, dataclass

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_core.types import CameraInfo, Frame, JointState
from enpire_drivers.sim.cameras import parse_profile
from enpire_drivers.sim.station import SimStation

PROFILES = {'top_camera': parse_profile('32x24x15'), 'left_wrist_camera': parse_profile('16x16x10')}


@dataclass(frozen=True)
class FakeParameters:
    """One offset that a station's measurements have [rad]."""

    offset: float = 0.0

    def to_dict(self):
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Return the parameters that ``to_dict`` wrote."""
        found = cls(**values)
        if not abs(found.offset) < 1.0:
            raise ValueError(f'expected an offset, got {found.offset}')
        return found


class FakeWorld:
    """Counts what is asked of it; ``fail_at``: the step_tick call that raises."""

    def __init__(self, parameters, fail_at=None):
        self.parameters = parameters
        self.x = np.linspace(0.1, 0.4, JOINT_COUNT)
        self.v = np.zeros(JOINT_COUNT)
        self.put_backs = self.ticks = self.renders = self.snapshots = self.closed = 0
        self.opened = []
        self.power = True
        self.push = 0.0  # speed of every joint while there is no power
        self.fail_at = fail_at
        self.last = None

    def step_tick(self, setpoints, velocities, feedforward):
        """Move by 16 steps."""
        self.ticks += 1
        if self.ticks == self.fail_at:
            raise RuntimeError('physics fell over')
        self.last = (setpoints.copy(), velocities.copy(), feedforward.copy())
        if not self.power:
            self.x, self.v = self.x + self.push / 30, np.full(JOINT_COUNT, self.push)
            return
        for setpoint in setpoints:
            step = 0.2 * (setpoint - self.x) + 1e-4 * feedforward
            self.x = self.x + step
            self.v = step * 480

    def set_power(self, on):
        """Without power the joints stay where they are pushed."""
        self.power = on

    def lift_arms(self):
        """Put the joints where they were at first."""
        self.x, self.v = np.linspace(0.1, 0.4, JOINT_COUNT), np.zeros(JOINT_COUNT)

    def put_back(self):
        """Count."""
        self.put_backs += 1

    def joint_state(self, stamp_ns):
        """Return what the station measures."""
        return JointState(stamp_ns, self.x + self.parameters.offset, self.v.copy(), np.zeros(JOINT_COUNT))

    def state_bytes(self):
        """Return the full state."""
        return np.concatenate([self.x, self.v]).tobytes()

    def restore_bytes(self, data):
        """Take a full state."""
        values = np.frombuffer(data)
        if values.shape != (2 * JOINT_COUNT,):
            raise ValueError(f'expected {2 * JOINT_COUNT} values, got {values.shape}')
        self.x, self.v = values[:JOINT_COUNT].copy(), values[JOINT_COUNT:].copy()

    def check_record(self, state, snapshots):
        """Refuse numbers that are not finite."""
        for data in (state, *snapshots):
            if not np.isfinite(np.frombuffer(data)).all():
                raise ValueError('expected finite numbers')

    def snapshot(self):
        """Return what a camera needs."""
        self.snapshots += 1
        return self.x.tobytes()

    def render(self, camera, snapshot, stamp_ns, width, height, depth=False):
        """Return an image that depends on the snapshot."""
        self.renders += 1
        level = int(np.frombuffer(snapshot)[0] * 1e6) % 256
        color = np.full((height, width, 3), level, np.uint8)
        return Frame(camera, stamp_ns, color, np.full((height, width), level, np.uint16) if depth else None)

    def open_camera(self, camera, width, height):
        """Note what was prepared."""
        self.opened.append((camera, width, height))

    def close(self):
        """Close the renderer."""
        self.closed += 1

    def camera_info(self, camera, width, height):
        """Return a camera that looks straight down from 1 m."""
        return CameraInfo(camera, width, height, np.diag([width, width, 1.0]), 'station', np.eye(4))


def make_station(tmp_path=None, offset=0.0, make_world=FakeWorld, **kwargs):
    """Return a SimStation on a fake world; records go to ``tmp_path`` / 'records'."""
    folder = None if tmp_path is None else str(tmp_path / 'records')
    options = {'unit': 'unit0', 'lab_seed': 1, 'profiles': PROFILES, 'scene_digest': 'fake', **kwargs}
    return SimStation(make_world, FakeParameters(offset), records_folder=folder, **options)

"""Gymnasium environment of the nominal Push-T: for training and own experiments. It judges nothing.

    import gymnasium
    import enpire_research.training.environment          # registers it
    env = gymnasium.make('enpire/PushT-v0')

The world, the driver and the safety gate are those of a lab's station, joined in this process without DDS; the
station has no calibration errors, its encoders are true, and the T is laid at its start instead of carried there.
What it gives away, the T's true pose, no policy ever gets in a rollout; there this module can't even be imported.

One step is one control tick (1/30 s of the unit's clock).

- action (14,): how fast each set-point moves, as a share [-1, 1] of half the joint's velocity limit, in the order of
  JOINT_NAMES. What the gate refuses moves nothing: the arms hold, and ``info['refused']`` says why.
- observation: `joint_positions`, `joint_velocities` (14,) [rad, m], `tools` (2, 6) x, y, z, roll, pitch, yaw of the
  left and the right tcp, `object` (3,) x, y [m], yaw [rad] of the T, `time_left` (1,) [s].
- reward: by how much the error (metres to the goal / 0.1 + radians) went down; a proposal: shape your own from
  ``info['position_error_m']`` and ``info['angle_error_rad']``. The verdict on a policy is only ever the verifier's.
- terminated when the T lies within the task's tolerances, truncated when the episode's time is over.

`env.unwrapped.robot` is the robot that policies get, for programs that move in lines and take pictures.
Not covered: other tasks; the errors of real stations and of the verifier; attempts and the retreat.
"""

import math

import gymnasium
import numpy as np

from enpire_core.errors import MotionRefused, TimeUp
from enpire_core.joints import ARMS, JOINT_COUNT
from enpire_core.ticks import NANOSECONDS, TICK_S
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.station import DEFAULT_PROFILES, SimStation, parse_profile
from enpire_drivers.sim.world import World
from enpire_research.trials.direct import DirectStation
from enpire_research.trials.drive import Drive
from enpire_research.trials.robot import Robot
from enpire_research.trials.station import never
from enpire_research.trials.trial_setup import ROLLOUT_PROFILE, make_setup
from enpire_safety.gate.core import GateCore
from enpire_tasks import registry
from enpire_tasks.push_t import geometry
from enpire_tasks.push_t.scene import OBJECT_JOINT, body_qpos

ENVIRONMENT = 'enpire/PushT-v0'
ERROR_M = 0.1
_SPEED_SHARE = 0.5


class PushT(gymnasium.Env):
    """See the module. ``render_mode``: None, or 'rgb_array' (the top camera's picture)."""

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 30}

    def __init__(self, render_mode=None):
        if render_mode not in (None, *self.metadata['render_modes']):
            raise ValueError(f"render_mode: expected None or 'rgb_array', got {render_mode!r}")
        self.render_mode = render_mode
        self._setup = make_setup(registry.get('push_t'))
        self._scene = build_scene(self._setup.task.scene())
        self._profiles = {name: parse_profile(text, name) for name, text in DEFAULT_PROFILES.items()}
        self._limits = self._setup.motion[ROLLOUT_PROFILE]
        self._station = self._drive = self.robot = None
        self._target = self._error = None
        big = np.full(JOINT_COUNT, 100.0, np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (JOINT_COUNT,), np.float32)
        self.observation_space = gymnasium.spaces.Dict({
            'joint_positions': gymnasium.spaces.Box(-big, big), 'joint_velocities': gymnasium.spaces.Box(-big, big),
            'tools': gymnasium.spaces.Box(-10.0, 10.0, (len(ARMS), 6), np.float32),
            'object': gymnasium.spaces.Box(-10.0, 10.0, (3,), np.float32),
            'time_left': gymnasium.spaces.Box(0.0, self._setup.task.episode_s, (1,), np.float32)})

    def reset(self, *, seed=None, options=None):
        """Lay the T at a start drawn from ``seed``; ``options``: {'start': (x, y, yaw)} lays it there."""
        super().reset(seed=seed)
        self.close()
        start = (options or {}).get('start')
        if start is None:
            start = self._setup.task.draw_start(int(self.np_random.integers(0, 2**63)))

        def make_world(parameters):
            world = World(self._scene, parameters)
            world.set_object_pose(OBJECT_JOINT, body_qpos(start))
            return world
        sim = SimStation(make_world, StationParameters(), unit='nominal', lab_seed=0,
                         scene_digest=self._scene.meta.digest, profiles=self._profiles)
        self._station = DirectStation(sim, GateCore(self._setup.gate_limits), self._profiles)
        self._station.select_limits(ROLLOUT_PROFILE)
        self._station.begin('environment', 'rollout')
        self._drive = Drive(self._station, never, never)
        self._drive.episode_s = self._setup.task.episode_s
        self._drive.deadline_ns = self._drive.start_ns + int(self._drive.episode_s * NANOSECONDS)
        self.robot = Robot(self._drive, self._limits, self._setup.kinematics)
        self._target = np.clip(self._drive.state.positions, self._limits.lower, self._limits.upper)
        self._error = self._info()['error']
        return self._observation(), self._info()

    def step(self, action):
        """One tick; see the module. ValueError for an action that is not 14 finite numbers."""
        if self._drive is None:
            raise gymnasium.error.ResetNeeded('expected reset() before step()')
        shares = np.asarray(action, np.float64)
        if shares.shape != (JOINT_COUNT,) or not np.isfinite(shares).all():
            raise ValueError(f'action: expected {JOINT_COUNT} finite numbers, got {action!r}')
        change = np.clip(shares, -1.0, 1.0) * _SPEED_SHARE * self._limits.velocity * TICK_S
        target = np.clip(self._target + change, self._limits.lower, self._limits.upper)
        refused, over = '', False
        try:
            self.robot.step(target)
            self._target = target
        except MotionRefused as error:
            refused = str(error)
            self._target = np.clip(self._drive.state.positions, self._limits.lower, self._limits.upper)
        except TimeUp:
            over = True
        info = {**self._info(), 'refused': refused}
        reward, self._error = self._error - info['error'], info['error']
        over = over or not self._drive.state.stamp_ns < self._drive.deadline_ns
        return self._observation(), float(reward), bool(info['done']), bool(over), info

    def render(self):
        """Return what the top camera sees, (480, 640, 3) uint8 RGB; None without a render_mode."""
        if self.render_mode is None:
            return None
        return self._station.capture('top_camera').color.copy()

    def close(self):
        """Close the renderer; a `reset` opens everything again."""
        if self._station is not None:
            self._station.sim.close()
        self._station = self._drive = self.robot = None

    def _pose(self):
        x, y, _, w, i, j, k = self._station.sim.world.object_pose(OBJECT_JOINT)
        return x, y, math.atan2(2.0 * (w * k + i * j), 1.0 - 2.0 * (j * j + k * k))

    def _info(self):
        distance, angle = geometry.pose_error(self._pose())
        return {'position_error_m': distance, 'angle_error_rad': angle, 'error': distance / ERROR_M + angle,
                'done': distance <= geometry.POSITION_TOLERANCE and angle <= geometry.ANGLE_TOLERANCE}

    def _observation(self):
        state = self._drive.state
        left_s = max(0.0, (self._drive.deadline_ns - state.stamp_ns) / NANOSECONDS)
        return {'joint_positions': state.positions.astype(np.float32),
                'joint_velocities': state.velocities.astype(np.float32),
                'tools': np.array([self.robot.tool_pose(arm) for arm in ARMS], np.float32),
                'object': np.array(self._pose(), np.float32), 'time_left': np.array([left_s], np.float32)}


if ENVIRONMENT not in gymnasium.registry:
    # It ends by itself when its time is over.
    gymnasium.register(ENVIRONMENT, entry_point=PushT)

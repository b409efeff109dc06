"""A station for tests: a task scene with a block, and moving the tools without any other package."""

import numpy as np

from enpire_core.joints import ARM_SLICE, GRIPPER_INDEX, JOINT_COUNT
from enpire_core.scene import TaskScene
from enpire_drivers.sim.engine import mujoco
from enpire_drivers.sim.motors import JointIndex
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import STEPS_PER_TICK, build_scene
from enpire_drivers.sim.world import World

BLOCK_HALF = 0.015
BLOCK_XML = """<mujoco model="block">
  <worldbody>
    <body name="block" pos="0.30 0.10 0.025">
      <freejoint name="block"/>
      <geom name="block" type="box" size="0.015 0.03 0.015" mass="0.15" rgba="0.2 0.4 0.8 1"
            friction="0.6 0.005 0.0001" solref="0.0045 1" solimp="0.95 0.99 0.0005" condim="4"/>
    </body>
  </worldbody>
</mujoco>"""
DOWN = np.diag([1.0, -1.0, -1.0])


def block_scene(position=(0.30, 0.10, 0.025)):
    """Return a TaskScene with a block of 30 x 60 x 30 mm and 0.15 kg, its narrow side along x."""
    return TaskScene('block', BLOCK_XML, {}, ('block',), {'block': [*position, 1.0, 0.0, 0.0, 0.0]})


def make_world(station=None, **kwargs):
    """Return a World with the block; without errors unless ``station`` says so."""
    return World(build_scene(block_scene(**kwargs)), station or StationParameters())


class Mover:
    """Moves a world's joints and tools; remembers the last set-point and the largest effort."""

    def __init__(self, world):
        self.world = world
        self.setpoint = world.joint_state(0).positions.copy()
        self.largest_effort = np.zeros(JOINT_COUNT)
        self._model = world.scene.model
        self._data = mujoco.MjData(self._model)
        self._index = JointIndex(self._model)

    def go(self, target, ticks, feedforward=None):
        """Lead the set-points to ``target`` (14,) along straight lines, in ``ticks``."""
        feedforward = np.zeros(JOINT_COUNT) if feedforward is None else feedforward
        start, steps = self.setpoint, ticks * STEPS_PER_TICK
        velocity = (target - start) * 480 / steps
        for tick in range(ticks):
            share = (np.arange(1, STEPS_PER_TICK + 1) + tick * STEPS_PER_TICK) / steps
            rows = start + share[:, None] * (target - start)
            self.world.step_tick(rows, np.tile(velocity, (STEPS_PER_TICK, 1)), feedforward)
            effort = np.abs(self.world.joint_state(0).efforts)
            self.largest_effort = np.maximum(self.largest_effort, effort)
        self.setpoint = np.array(target)

    def hold(self, ticks, feedforward=None):
        """Stay where the set-points are."""
        self.go(self.setpoint, ticks, feedforward)

    def tool_to(self, arm, position, ticks, yaw=0.0, pieces=6):
        """Lead a tool, pointing straight down, along a line to ``position`` [m]."""
        first = self._forward(arm, self.setpoint)
        for piece in range(1, pieces + 1):
            point = first + (np.asarray(position) - first) * piece / pieces
            target = self.setpoint.copy()
            target[ARM_SLICE[arm]] = self.solve(arm, point, yaw)
            self.go(target, max(1, ticks // pieces))

    def gripper_to(self, arm, opening, ticks):
        """Lead a gripper to ``opening`` [m]."""
        target = self.setpoint.copy()
        target[GRIPPER_INDEX[arm]] = opening
        self.go(target, ticks)

    def solve(self, arm, position, yaw=0.0):
        """Return the six angles for a tool pointing straight down; AssertionError where it can't."""
        c, s = np.cos(yaw), np.sin(yaw)
        goal = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ DOWN
        positions = self.setpoint.copy()
        rows = ARM_SLICE[arm]
        if abs(positions[rows][1] - 0.35) < 0.2:
            positions[rows] = [0, 1.6, 1.3, -1.2, 0, 0]
        dofs = self._index.dof[rows]
        site = self._model.site(f'tcp_{arm}').id
        jacobian = np.zeros((6, self._model.nv))
        low, high = np.array([self._model.joint(f'{arm}_joint{i}').range for i in range(1, 7)]).T
        for _ in range(200):
            self._forward(arm, positions)
            rotation = self._data.site_xmat[site].reshape(3, 3)
            turn = 0.5 * sum(np.cross(rotation[:, i], goal[:, i]) for i in range(3))
            error = np.concatenate([position - self._data.site_xpos[site], turn])
            if np.linalg.norm(error) < 1e-6:
                return positions[rows]
            mujoco.mj_jacSite(self._model, self._data, jacobian[:3], jacobian[3:], site)
            part = jacobian[:, dofs]
            step = part.T @ np.linalg.solve(part @ part.T + 1e-5 * np.eye(6), error)
            positions[rows] = np.clip(positions[rows] + np.clip(step, -0.2, 0.2), low, high)
        raise AssertionError(f'{arm} tool can not point down at {position}, yaw {yaw}: off by {error}')

    def _forward(self, arm, positions):
        self._index.set_position(self._data.qpos, positions)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        return self._data.site(f'tcp_{arm}').xpos.copy()

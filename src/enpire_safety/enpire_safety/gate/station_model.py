"""Where the parts of a station's arms are, and how hard its tools push: the robot's URDF in MuJoCo, kinematics alone.

Frame of all places: station; metres, newtons. Capsules are those of `limits.Body`, on both arms alike.
Not covered: a station's own calibration errors; what a gripper holds, for which neither places nor forces account.
"""

import functools
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import mujoco
import numpy as np

from enpire_core.joints import ARMS, ARM_SLICE, GRIPPER_INDEX, JOINT_COUNT, JOINT_NAMES, arm_joints
from enpire_core.types import JointState
from enpire_safety.gate.limits_file import LimitsError

FINGERS = ('tip_left', 'tip_right')
# Of J J^T [m^2], some 0.1 where an arm is bent: what it takes off a force there is about a hundredth.
_DAMPING = 1e-3
_DAMPED = _DAMPING * np.eye(3)
_POSES_KEPT = 4


class Pose(NamedTuple):
    """A station at certain joint positions: ``tools`` (2, 3), the tcp of each of ARMS; ``lines`` (2, n, 3), starts and
    ends of the capsules' lines, the left arm's first."""

    tools: np.ndarray
    lines: np.ndarray


class StationModel:
    """The arms of ``body`` (`limits.Body`). Not thread-safe. LimitsError where URDF and capsules don't fit."""

    def __init__(self, body):
        self._model = _compiled(body)
        self._data = mujoco.MjData(self._model)
        joints = {name: self._model.joint(name) for arm in ARMS
                  for name in (*arm_joints(arm), *(f'{arm}_{finger}' for finger in FINGERS))}
        self._dofs = np.array([joints[name].dofadr[0] for arm in ARMS for name in arm_joints(arm)])
        # Each finger makes half of an opening.
        sources = {**{name: (i, 1.0) for i, name in enumerate(JOINT_NAMES)},
                   **{f'{arm}_{finger}': (GRIPPER_INDEX[arm], 0.5) for arm in ARMS for finger in FINGERS}}
        self._qpos = np.array([one.qposadr[0] for one in joints.values()])
        self._source, share = zip(*(sources[name] for name in joints))
        self._source, self._share = np.array(self._source), np.array(share)
        self._tools = np.array([self._model.body(f'tcp_{arm}').id for arm in ARMS])
        self.capsule_names = tuple(f'{arm}_{one.name}' for arm in ARMS for one in body.capsules)
        self.radii = self._model.geom_size[:, 0].copy()
        self._half = self._model.geom_size[:, 1:2] * np.array([-1.0, 1.0]).reshape(2, 1, 1)
        self._jacobian = np.zeros((3, self._model.nv))
        self._bias = np.zeros(self._model.nv)
        self._poses = {}

    def pose(self, positions):
        """Return the Pose at ``positions`` (14,), which must be finite."""
        key = positions.tobytes()
        found = self._poses.get(key)
        if found is None:
            self._put(positions)
            data = self._data
            axes = data.geom_xmat.reshape(-1, 3, 3)[:, :, 2]
            found = Pose(data.xpos[self._tools], data.geom_xpos + self._half * axes)
            if len(self._poses) >= _POSES_KEPT:
                del self._poses[next(iter(self._poses))]
            self._poses[key] = found
        return found

    def tool_forces(self, state, above=0.0):
        """Return (2, 3): the force [N] that each tool exerts on what it touches, by the measured efforts of ``state``.

        None where none of them can be above ``above`` [N].

        Measured minus what gravity and velocity need (recursive Newton-Euler without acceleration) is J^T F for a
        force at the tcp; F by damped least squares. An arm that is accelerated adds to it (6 N were seen), and along
        a direction in which a stretched arm cannot move nothing is seen.
        """
        self._put_moving(state)
        surplus = state.efforts[_ARM_JOINTS] - self._bias[self._dofs]
        # s / (s^2 + d), which a singular value s makes of it, is at most 1 / (2 sqrt(d)).
        if surplus @ surplus <= 4.0 * _DAMPING * above**2:
            return None
        jacobians = self._jacobians()
        return _solved(jacobians, jacobians @ surplus.reshape(len(ARMS), -1, 1))[:, :, 0]

    def resting_efforts(self, positions):
        """Return the efforts (14,) [Nm, N] that arms at rest at ``positions`` measure where nothing touches them."""
        still = np.zeros(JOINT_COUNT)
        self._put_moving(JointState(0, positions, still, still))
        efforts = np.zeros(JOINT_COUNT)
        efforts[_ARM_JOINTS] = self._bias[self._dofs]
        return efforts

    def stepped_back(self, positions, shifts):
        """Return ``positions`` (14,) with the tools shifted by ``shifts`` (2, 3) [m], by one step of the Jacobian."""
        self._put(positions)
        mujoco.mj_comPos(self._model, self._data)
        jacobians, moved = self._jacobians(), positions.copy()
        moved[_ARM_JOINTS] += (jacobians.transpose(0, 2, 1) @ _solved(jacobians, shifts[:, :, None])).ravel()
        return moved

    def _put(self, positions):
        self._data.qpos[self._qpos] = self._share * positions[self._source]
        mujoco.mj_kinematics(self._model, self._data)

    def _put_moving(self, state):
        model, data = self._model, self._data
        self._put(state.positions)
        data.qvel[self._dofs] = state.velocities[_ARM_JOINTS]
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_rne(model, data, 0, self._bias)

    def _jacobians(self):
        """Return (2, 3, 6): how each tool moves with its arm's joints, where the model was put."""
        found = []
        for tool, dofs in zip(self._tools, self._dofs.reshape(len(ARMS), -1)):
            mujoco.mj_jacBody(self._model, self._data, self._jacobian, None, tool)
            found.append(self._jacobian[:, dofs])
        return np.stack(found)


_ARM_JOINTS = np.array([i for arm in ARMS for i in range(*ARM_SLICE[arm].indices(JOINT_COUNT))])


def _solved(jacobians, values):
    """Return (J J^T + damping)^-1 ``values`` for each of ``jacobians``."""
    return np.linalg.solve(jacobians @ jacobians.transpose(0, 2, 1) + _DAMPED, values)


@functools.lru_cache(maxsize=4)  # nobody changes a model; what moves is data
def _compiled(body):
    """Return the MjModel of the URDF without its shapes, and with the capsules as its only geoms."""
    try:
        root = ElementTree.fromstring(body.urdf)
    except ElementTree.ParseError as error:
        raise LimitsError(f'model: expected a URDF, got what is no XML: {error}') from error
    for link in root.findall('link'):
        for shape in (*link.findall('visual'), *link.findall('collision')):
            link.remove(shape)
    ElementTree.SubElement(ElementTree.SubElement(root, 'mujoco'), 'compiler', fusestatic='false')
    try:
        spec = mujoco.MjSpec.from_string(ElementTree.tostring(root, encoding='unicode'))
    except ValueError as error:
        raise LimitsError(f'model: expected a URDF, got one that cannot be read: {error}') from error
    # A gripper's opening is a joint between links without mass; its fingers follow it.
    spec.compiler.boundmass, spec.compiler.boundinertia = 1e-6, 1e-9
    bodies = {one.name: one for one in spec.bodies}
    names = {one.name for one in spec.joints}
    wanted = [*JOINT_NAMES, *(f'{arm}_{finger}' for arm in ARMS for finger in FINGERS)]
    missing = [name for name in wanted if name not in names]
    missing += [name for name in (f'tcp_{arm}' for arm in ARMS) if name not in bodies]
    if missing:
        raise LimitsError(f'model: expected joints and links of a station, {", ".join(missing)} missing')
    for arm in ARMS:
        for one in body.capsules:
            link = bodies.get(f'{arm}_{one.name}')
            if link is None:
                raise LimitsError(f'capsules: expected links of the model, got {one.name!r}, but there is no '
                                  f'{arm}_{one.name}')
            _add(link, one)
    return spec.compile()


def _add(link, capsule):
    # A line without length is none to MuJoCo: a ball's line is a hundredth of a millimetre long.
    end = np.array(capsule.end)
    if np.linalg.norm(end - capsule.start) < 1e-5:
        end[2] += 1e-5
    link.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[*capsule.start, *end], size=[capsule.radius, 0, 0],
                  mass=0.0)

"""The world of one simulated station: physics in ticks, what its sensors measure, its state as bytes.

Pure: no clock, no ROS, no chance of its own. The same scene, parameters, state and commands give the
same bits. Rendering works on copies and changes nothing here.

Not covered: joint temperatures, backlash, cables, images with motion blur.
"""

import copy
import hashlib
import struct

import numpy as np

from enpire_core.joints import ARMS, JOINT_COUNT, JOINT_NAMES
from enpire_core.types import JointState

from .engine import mujoco
from .motors import JointIndex, Supply, gains
from .rendering import CameraRenderer, camera_info
from .scene import STEP_RATE_HZ, STEPS_PER_TICK

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_HEADER = struct.Struct('<8sqq')
_MAGIC = b'ENPWRLD1'
# MuJoCo goes on after each of them, with something left out: nothing measured after one is to be trusted.
_WARNINGS = {
    mujoco.mjtWarning.mjWARN_INERTIA: 'the inertia matrix has no inverse',
    mujoco.mjtWarning.mjWARN_CONTACTFULL: 'there is no room for all contacts',
    mujoco.mjtWarning.mjWARN_CNSTRFULL: 'there is no room for all constraints',
    mujoco.mjtWarning.mjWARN_BADQPOS: 'positions are out of bounds',
    mujoco.mjtWarning.mjWARN_BADQVEL: 'velocities are out of bounds',
    mujoco.mjtWarning.mjWARN_BADQACC: 'accelerations are out of bounds',
    mujoco.mjtWarning.mjWARN_BADCTRL: 'a control value is out of bounds, and all controls were taken as zero',
}


class PhysicsError(RuntimeError):
    """The simulation left what it can compute; its state is not to be trusted."""


class World:
    """One station: ``scene`` (sim.scene.Scene, not changed) with the errors of ``station``."""

    def __init__(self, scene, station):
        self.scene, self.station = scene, station
        self._model = copy.copy(scene.model)
        _apply_errors(self._model, station)
        self._data = mujoco.MjData(self._model)
        self._data.qpos[:] = scene.meta.initial_qpos
        self._joints = JointIndex(self._model)
        self._velocity_gain, self._effort_gain = gains(self._model)
        self._offsets = np.array(station.zero_offsets)
        self._supply = Supply(self._model)
        self._effort = np.zeros(JOINT_COUNT)
        self._steps = 0
        self._renderer = CameraRenderer(self._model, scene.model, station.noise_seed)
        self._data.ctrl[:] = self._joints.position(self._data.qpos)
        mujoco.mj_forward(self._model, self._data)
        self._state_size = mujoco.mj_stateSize(self._model, _STATE)

    # ---- moving ----------------------------------------------------------------------------
    def step_tick(self, setpoints, velocities, feedforward):
        """Advance 16 physics steps of 1/480 s.

        ``setpoints``, ``velocities``: (16, 14) as the encoders count, rad and rad/s (grippers: opening,
        m and m/s); ``feedforward``: (14,) Nm (grippers: N). ValueError, with nothing moved, for wrong
        shapes and for numbers that are not finite; PhysicsError where MuJoCo warns of anything: the
        world has moved then, and its state is worth nothing.
        """
        control = self._control(setpoints, velocities, feedforward)
        model, data = self._model, self._data
        for row in control:
            data.ctrl[:] = row
            mujoco.mj_step(model, data)
        self._steps += STEPS_PER_TICK
        # Counted, not summed up: no rounding error grows with the world's age.
        data.time = self._steps / STEP_RATE_HZ
        self._effort = self._joints.effort(data)
        self._check_warnings()

    def _control(self, setpoints, velocities, feedforward):
        rows = (STEPS_PER_TICK, JOINT_COUNT)
        for what, values, shape in (('setpoints', setpoints, rows), ('velocities', velocities, rows),
                                    ('feedforward', feedforward, (JOINT_COUNT,))):
            if np.shape(values) != shape:
                raise ValueError(f'{what}: expected the shape {shape}, got {np.shape(values)}')
            if not np.isfinite(values).all():
                where = np.argwhere(~np.isfinite(values))[0]
                raise ValueError(f'{what}: expected finite numbers, got {np.asarray(values)[tuple(where)]} '
                                 f'for {JOINT_NAMES[where[-1]]}: nothing was moved')
        return (np.asarray(setpoints) - self._offsets + self._velocity_gain * velocities
                + self._effort_gain * feedforward)

    def _check_warnings(self):
        counts = self._data.warning.number
        if counts.any():
            kind = int(np.flatnonzero(counts)[0])
            # A warning that a later MuJoCo may add has no text here and is a fault all the same.
            what = _WARNINGS.get(mujoco.mjtWarning(kind), f'warning {kind} of MuJoCo')
            raise PhysicsError(f'physics diverged before step {self._steps}: {what}. Restore an earlier state')

    def set_power(self, on):
        """Give the motors power, or take it: from the next step on the arms are limp. Twice is fine.

        It is no part of `state_bytes`: whoever takes the power sees to it that no state is recorded without.
        """
        self._supply.switch(on)

    # ---- looking ---------------------------------------------------------------------------
    def joint_state(self, stamp_ns):
        """Return what the encoders measure, as a JointState with stamp ``stamp_ns``."""
        data = self._data
        return JointState(stamp_ns, self._joints.position(data.qpos) + self._offsets,
                          self._joints.velocity(data.qvel), self._effort.copy())

    def snapshot(self):
        """Return what a picture of this moment needs, as bytes."""
        return self._data.qpos.tobytes()

    def render(self, camera, snapshot, stamp_ns, width, height, depth=False):
        """Return the Frame that ``camera`` took at ``snapshot``; the world is not touched.

        Its noise depends only on (the station's noise seed, camera, stamp). ValueError for an unknown
        camera, RenderingError where this machine can't render.
        """
        return self._renderer.frame(camera, self._qpos(snapshot), stamp_ns, width, height, depth)

    def open_camera(self, camera, width, height):
        """Prepare for frames of ``camera`` at that size, so that the first takes no longer than the others.

        In the thread that will ask for them. RenderingError where this machine can't render.
        """
        self._renderer.open(camera, width, height)

    def picture(self, view, width, height, snapshot=None):
        """Return (H, W, 3) uint8 RGB, fine and slow, for documents; see rendering.View."""
        qpos = self._data.qpos if snapshot is None else self._qpos(snapshot)
        return self._renderer.picture(view, qpos, width, height)

    def camera_info(self, camera, width, height):
        """Return the nominal CameraInfo of ``camera`` at a size in pixels."""
        return camera_info(self.scene.model, camera, width, height)

    def _qpos(self, snapshot):
        if len(snapshot) != 8 * self._model.nq:
            raise ValueError(f'snapshot: expected {self._model.nq} numbers, got {len(snapshot) / 8:g}: it is of '
                             'another scene')
        return np.frombuffer(snapshot)

    # ---- a person's hand -------------------------------------------------------------------
    def put_back(self):
        """Put every object, at rest, where it lay at the world's beginning. The arms stay as they are."""
        for name in self.scene.meta.object_joints:
            address = self._model.joint(name).qposadr[0]
            self.set_object_pose(name, self.scene.meta.initial_qpos[address:address + 7])

    def lift_arms(self):
        """Put both arms, at rest, where they stood at the world's beginning. The objects stay as they are."""
        joints, first = self._joints, np.array(self.scene.meta.initial_qpos)
        for address, dof in ((joints.qpos, joints.dof), (joints.qpos2, joints.dof2)):
            self._data.qpos[address], self._data.qvel[dof] = first[address], 0.0
        mujoco.mj_forward(self._model, self._data)

    # ---- state -----------------------------------------------------------------------------
    def state_bytes(self):
        """Return all that decides the future of this world, and the efforts measured last."""
        state = np.empty(self._state_size)
        mujoco.mj_getState(self._model, self._data, state, _STATE)
        return _HEADER.pack(_MAGIC, self._steps, state.size) + state.tobytes() + self._effort.tobytes()

    def restore_bytes(self, data):
        """Take the state that ``state_bytes`` gave; ValueError, with nothing changed, for another form."""
        steps, numbers = self._read(data)
        count = self._state_size
        mujoco.mj_resetData(self._model, self._data)
        mujoco.mj_setState(self._model, self._data, numbers[:count], _STATE)
        self._effort = numbers[count:].copy()
        self._steps = steps

    def check_record(self, state, snapshots):
        """Raise ValueError unless ``state`` and ``snapshots`` are of this form and all finite.

        A state in which physics failed has a form too, and can be put back; but nobody shall begin with it.
        """
        for what, numbers in (('state of a world', self._read(state)[1]),
                              *(('snapshot', self._qpos(snapshot)) for snapshot in snapshots)):
            if not np.isfinite(numbers).all():
                raise ValueError(f'{what}: expected finite numbers, got '
                                 f'{numbers[~np.isfinite(numbers)][0]} among them')

    def _read(self, data):
        """Return (steps, numbers) of a state in bytes; ValueError for another form."""
        size = _HEADER.size + 8 * (self._state_size + JOINT_COUNT)
        if len(data) != size:
            raise ValueError(f'state of a world: expected {size} bytes, got {len(data)}: it is of another '
                             'scene or another version')
        magic, steps, count = _HEADER.unpack_from(data)
        if magic != _MAGIC or count != self._state_size or steps < 0:
            raise ValueError(f'state of a world: expected the mark {_MAGIC!r} and {self._state_size} '
                             f'numbers, got {magic!r} and {count}: it is of another scene or version')
        return steps, np.frombuffer(data, offset=_HEADER.size)

    def digest(self):
        """Return the SHA-256 (hex) of the state."""
        return hashlib.sha256(self.state_bytes()).hexdigest()

    # ---- truth, for tests and verifier cards only --------------------------------------------
    def object_pose(self, name):
        """Return the true pose (x, y, z [m], qw, qx, qy, qz) of the object with free joint ``name``."""
        address = self._model.joint(name).qposadr[0]
        return self._data.qpos[address:address + 7].copy()

    def set_object_pose(self, name, pose):
        """Put an object elsewhere, at rest. For tests, cards and `put_back`."""
        joint = self._model.joint(name)
        self._data.qpos[joint.qposadr[0]:joint.qposadr[0] + 7] = pose
        self._data.qvel[joint.dofadr[0]:joint.dofadr[0] + 6] = 0.0
        mujoco.mj_forward(self._model, self._data)

    def tool_pose(self, arm):
        """Return the true tcp of ``arm``: position (3,) [m] and rotation (3, 3) in frame station."""
        if arm not in ARMS:
            raise ValueError(f'expected one of {ARMS}, got {arm!r}')
        mujoco.mj_kinematics(self._model, self._data)
        site = self._data.site(f'tcp_{arm}')
        return site.xpos.copy(), site.xmat.reshape(3, 3).copy()

    def close(self):
        """Free the renderer; may be called twice."""
        self._renderer.close()


def _apply_errors(model, station):
    for arm, error in station.base_errors:
        body = model.body(f'{arm}_base_link')
        body.pos[:], body.quat[:] = body.pos + error[:3], _product(_rotation(error[3:]), body.quat)
    for camera, error in station.camera_errors:
        # Only where it looks from, in the axes of its optical frame. Its housing stays where it is mounted: a few
        # millimetres from the arm, which it would else come to touch.
        number = model.camera(camera).id
        model.cam_pos[number], model.cam_quat[number] = error[:3], _product(_rotation(error[3:]),
                                                                            model.cam_quat[number])


def _rotation(vector):
    """Return the quaternion of a rotation vector (3,) [rad]."""
    angle = float(np.linalg.norm(vector))
    quaternion = np.array([1.0, 0.0, 0.0, 0.0])
    if angle > 0:
        mujoco.mju_axisAngle2Quat(quaternion, np.array(vector) / angle, angle)
    return quaternion


def _product(first, second):
    result = np.zeros(4)
    mujoco.mju_mulQuat(result, first, second)
    return result

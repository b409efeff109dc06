"""Motors of the simulated arms: gains from enpire_description's limits/yam.yaml, the rest from
config/motors.yaml.

Torque = kp (q_cmd - q) + kd (v_cmd - v) + feed-forward + gravity compensation, limited as a whole at
the joint. In MuJoCo: an affine actuator with gain kp and bias (0, -kp, -kd), whose control value carries
all of the command: q_cmd + (kd/kp) v_cmd + ff/kp. Gravity compensation counts as the actuator's own.

Not covered: temperature, current loops, backlash, the CAN bus.
"""

from dataclasses import dataclass

import numpy as np
import yaml

from enpire_core.joints import ARM_DOF, ARMS, JOINT_NAMES
from enpire_description import share_path

from .engine import mujoco


@dataclass(frozen=True)
class Motor:
    """One joint's figures; units as in limits/yam.yaml. ``peak``: what the motor gives at most."""

    joint: str
    kp: float
    kd: float
    peak: float
    coulomb_friction: float
    armature: float


def _read(*parts):
    return yaml.safe_load(share_path(*parts).read_text(encoding='utf-8'))


def load_motors():
    """Return the Motors of a station in the order of JOINT_NAMES."""
    gains_of = _read('limits', 'yam.yaml')['joints']
    kinds = _read('config', 'motors.yaml')
    motors = []
    for name in JOINT_NAMES:
        row = gains_of[name.split('_', 1)[1]]
        kind = kinds[row['motor']]
        motors.append(Motor(name, float(row['kp']), float(row['kd']), float(kind['peak']),
                            float(kind['coulomb_friction']), float(kind['armature'])))
    return tuple(motors)


def add_motors(spec, motors):
    """Add actuators, friction, armature and effort limits to the robot in ``spec`` (mujoco.MjSpec).

    Actuators stand in the order of JOINT_NAMES and are named after their joints. A gripper's actuator
    pulls on a tendon whose length is the opening, so that each jaw feels the whole force.
    """
    for motor in motors:
        actuator = spec.add_actuator(name=motor.joint)
        actuator.gaintype = mujoco.mjtGain.mjGAIN_FIXED
        actuator.biastype = mujoco.mjtBias.mjBIAS_AFFINE
        actuator.gainprm[0] = motor.kp
        actuator.biasprm[1], actuator.biasprm[2] = -motor.kp, -motor.kd
        actuator.target = motor.joint
        if motor.joint.endswith('_gripper'):
            _add_gripper(spec, motor)
            actuator.trntype = mujoco.mjtTrn.mjTRN_TENDON
            actuator.forcelimited = True
            actuator.forcerange = [-motor.peak, motor.peak]
        else:
            actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
            joint = spec.joint(motor.joint)
            joint.armature = motor.armature
            joint.frictionloss = motor.coulomb_friction
            joint.actgravcomp = True
            joint.actfrclimited = True
            joint.actfrcrange = [-motor.peak, motor.peak]
    for arm in ARMS:
        for body in _bodies_of(spec, arm):
            body.gravcomp = 1.0


def _add_gripper(spec, motor):
    arm = motor.joint.split('_')[0]
    tendon = spec.add_tendon(name=motor.joint)
    tendon.armature = motor.armature
    tendon.frictionloss = motor.coulomb_friction
    for tip in ('tip_left', 'tip_right'):
        tendon.wrap_joint(f'{arm}_{tip}', 1.0)
        spec.joint(f'{arm}_{tip}').solref_limit = [0.0045, 1.0]


def _bodies_of(spec, arm):
    return [body for body in spec.bodies if body.name.startswith(f'{arm}_') and 'base' not in body.name]


def gains(model):
    """Return arrays (14,): kd / kp and 1 / kp, to fold velocities and efforts into control values.

    Of the compiled ``model`` and not of today's limits/yam.yaml: a scene folder is all that a replay needs.
    """
    kp = model.actuator_gainprm[:, 0]
    return -model.actuator_biasprm[:, 2] / kp, 1.0 / kp


class Supply:
    """The supply of all motors of ``model``, which it changes.

    Without it there is no torque at all, none against gravity either, as of a motor that was disabled. What is left
    is passive: dry friction of the gears, and the rotors' inertia. Not covered: a motor that its short-circuited
    windings or its own watchdog damp; it falls more slowly.
    """

    def __init__(self, model):
        self._model = model
        self._compensated = model.body_gravcomp.copy()

    def switch(self, on):
        """Switch it ``on`` or off; on again, the model has the same bits as before."""
        disabled = int(mujoco.mjtDisableBit.mjDSBL_ACTUATION)
        flags = self._model.opt.disableflags
        self._model.opt.disableflags = flags & ~disabled if on else flags | disabled
        # Of an arm's joints it counts as the motors' own; the fingers, on their tendon, would keep it.
        self._model.body_gravcomp[:] = self._compensated if on else 0.0


class JointIndex:
    """Where a model keeps the 14 joints of a station.

    Measured opening of a gripper = sum of its fingers' travel, so each joint is a sum of one or two
    coordinates: ``position(qpos)``, ``velocity(qvel)`` and ``effort(data)`` return arrays of 14.
    """

    def __init__(self, model):
        first, second, first_dof, second_dof = [], [], [], []
        for name in JOINT_NAMES:
            arm = name.split('_')[0]
            parts = (f'{arm}_tip_left', f'{arm}_tip_right') if name.endswith('_gripper') else (name,)
            joints = [model.joint(part) for part in parts]
            first.append(joints[0].qposadr[0])
            first_dof.append(joints[0].dofadr[0])
            second.append(joints[-1].qposadr[0])
            second_dof.append(joints[-1].dofadr[0])
        self.qpos, self.dof = np.array(first), np.array(first_dof)
        self.qpos2, self.dof2 = np.array(second), np.array(second_dof)
        self.grippers = [7 * i + ARM_DOF for i in range(len(ARMS))]
        self._double = np.zeros(len(JOINT_NAMES))
        self._double[self.grippers] = 1.0

    def position(self, qpos):
        """Return the 14 true positions."""
        return qpos[self.qpos] + self._double * qpos[self.qpos2]

    def velocity(self, qvel):
        """Return the 14 true velocities."""
        return qvel[self.dof] + self._double * qvel[self.dof2]

    def effort(self, data):
        """Return the 14 efforts of the last step: torque at the joint, force of each jaw."""
        effort = data.qfrc_actuator[self.dof]
        effort[self.grippers] = data.actuator_force[self.grippers]
        return effort

    def set_position(self, qpos, positions):
        """Write 14 positions into ``qpos``; the fingers of a gripper move alike."""
        share = np.where(self._double > 0, 0.5, 1.0) * positions
        qpos[self.qpos2] = share
        qpos[self.qpos] = share

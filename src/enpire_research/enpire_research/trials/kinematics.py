"""Nominal kinematics of the station's two arms: where the tcp is, and which angles bring it there.

Forward kinematics by MuJoCo, inverse by mink (a QP with joint limits a step), on the robot's own model
without fingers, meshes or the other arm. Frame: station; metres, radians; a pose is (x, y, z, roll,
pitch, yaw) with R = Rz(yaw) Ry(pitch) Rx(roll).

Not covered: collisions, and a station's own calibration errors: nobody who drives an arm knows them.
"""

import math

import mink
import mujoco
import numpy as np

from enpire_core.errors import Unreachable
from enpire_core.joints import ARM_DOF, ARMS, arm_joints
from enpire_research.trials.arguments import numbers

POSITION_TOLERANCE_M = 1e-4
ROTATION_TOLERANCE_RAD = 1e-3
MAX_ITERATIONS = 30
# No tcp comes this far from the station's origin: what is beyond is not even planned for.
REACH_M = 5.0
# Between two points of a path one step must nearly do; a jump to another branch is no solution.
MAX_STEP_RAD = 0.35
SOLVER = 'daqp'


def pose_to_se3(pose):
    """Return a mink.SE3 from (x, y, z, roll, pitch, yaw); ValueError unless it is six finite numbers."""
    values = numbers(pose, 6, 'pose', 'six numbers (x, y, z, roll, pitch, yaw)')
    rotation = mink.SO3.from_rpy_radians(*values[3:])
    return mink.SE3.from_rotation_and_translation(rotation, values[:3])


def se3_to_pose(transform):
    """Return (x, y, z, roll, pitch, yaw) of a mink.SE3 as six floats."""
    rpy = transform.rotation().as_rpy_radians()
    return (*map(float, transform.translation()), float(rpy.roll), float(rpy.pitch), float(rpy.yaw))


class ArmKinematics:
    """One arm. ``xml``: path of the station's robot MJCF; ``arm``: 'left' or 'right'.

    ``lower`` and ``upper`` (6,) narrow the model's joint ranges [rad].
    """

    def __init__(self, xml, arm, lower=None, upper=None):
        self.arm = arm
        model = _one_arm(xml, arm)
        if lower is not None:
            model.jnt_range[:, 0] = np.maximum(model.jnt_range[:, 0], lower)
        if upper is not None:
            model.jnt_range[:, 1] = np.minimum(model.jnt_range[:, 1], upper)
        self.lower, self.upper = model.jnt_range[:, 0].copy(), model.jnt_range[:, 1].copy()
        self._configuration = mink.Configuration(model)
        self._frame = f'tcp_{arm}'
        self._task = mink.FrameTask(self._frame, 'site', position_cost=1.0, orientation_cost=0.3)
        # A gain of 1 would be exact in joint space; 0.95, mink's default, creeps towards a limit.
        self._limits = [mink.ConfigurationLimit(model, gain=1.0)]

    def forward(self, angles):
        """Return the mink.SE3 of the tcp in frame station at ``angles`` (6,)."""
        self._configuration.update(np.asarray(angles, dtype=np.float64))
        return self._configuration.get_transform_frame_to_world(self._frame, 'site')

    def inverse(self, target, start):
        """Return angles (6,) that bring the tcp to ``target`` (mink.SE3), going on from ``start`` (6,).

        ``start`` should be near: this follows a path, it does not search. Unreachable, saying by how
        much the nearest angles miss and which joints are at their limits.
        """
        self.check_near(target)
        configuration = self._configuration
        configuration.update(np.clip(start, self.lower, self.upper))
        self._task.set_target(target)
        best = math.inf
        for _ in range(MAX_ITERATIONS):
            error = self._task.compute_error(configuration)
            position, rotation = np.linalg.norm(error[:3]), np.linalg.norm(error[3:])
            if position <= POSITION_TOLERANCE_M and rotation <= ROTATION_TOLERANCE_RAD:
                return configuration.q.copy()
            size = position + 0.3 * rotation
            if not size <= best * 0.999:
                break
            best = size
            step = self._solve(self._task)
            largest = np.abs(step).max()
            if largest > MAX_STEP_RAD:
                step *= MAX_STEP_RAD / largest
            configuration.integrate_inplace(step, 1.0)
        raise Unreachable(self._miss(target, position, rotation))

    def check_near(self, target):
        """Unreachable where ``target`` (mink.SE3) is farther away than any arm can be."""
        x, y, z = target.translation()
        if not math.hypot(x, y, z) <= REACH_M:
            raise Unreachable(f'the {self.arm} arm cannot bring its tcp to ({x:g}, {y:g}, {z:g}) m: expected a point '
                              f'within {REACH_M:g} m of the origin of the frame station')

    def lifted(self, angles, height):
        """Return angles (6,) with the tcp higher by up to ``height`` [m], orientation let go.

        For a retreat where no straight line is left. It comes as high as the joints allow.
        """
        configuration = self._configuration
        configuration.update(np.clip(angles, self.lower, self.upper))
        here = configuration.get_transform_frame_to_world(self._frame, 'site')
        for _ in range(40):
            now = configuration.get_transform_frame_to_world(self._frame, 'site')
            left = here.translation()[2] + height - now.translation()[2]
            if left <= 1e-3:
                break
            step = self._vertical_step(min(left, 0.01))
            if np.abs(step).max() < 1e-5:
                break
            configuration.integrate_inplace(step, 1.0)
        return configuration.q.copy()

    def _vertical_step(self, rise):
        configuration = self._configuration
        jacobian = np.zeros((3, ARM_DOF))
        mujoco.mj_jacSite(configuration.model, configuration.data, jacobian, None,
                          configuration.model.site(self._frame).id)
        row = jacobian[2]
        step = row * rise / (row @ row + 1e-3)
        step = np.clip(step, -0.1, 0.1)
        return np.clip(configuration.q + step, self.lower, self.upper) - configuration.q

    def _solve(self, task):
        return mink.solve_ik(self._configuration, [task], 1.0, SOLVER, damping=1e-9, limits=self._limits)

    def _miss(self, target, position, rotation):
        x, y, z = target.translation()
        angles = self._configuration.q
        at_limit = [name for name, q, lo, hi in zip(arm_joints(self.arm), angles, self.lower, self.upper)
                    if not lo + 1e-3 < q < hi - 1e-3]
        hint = f'; at their limits: {", ".join(at_limit)}' if at_limit else ''
        return (f'the {self.arm} arm cannot bring its tcp to ({x:.3f}, {y:.3f}, {z:.3f}) m with that '
                f'orientation: the nearest angles miss by {1000 * position:.1f} mm and '
                f'{math.degrees(rotation):.1f} degrees (tolerance {1000 * POSITION_TOLERANCE_M:g} mm, '
                f'{math.degrees(ROTATION_TOLERANCE_RAD):.2f} degrees){hint}')


class Kinematics:
    """Both arms; ``lower``, ``upper``: (14,) limits in the order of JOINT_NAMES, or None."""

    def __init__(self, xml, lower=None, upper=None):
        def of(values, i):
            return None if values is None else np.asarray(values)[7 * i:7 * i + ARM_DOF]
        self.arms = {arm: ArmKinematics(xml, arm, of(lower, i), of(upper, i)) for i, arm in enumerate(ARMS)}

    def tool_pose(self, arm, angles):
        """Return (x, y, z, roll, pitch, yaw) of the tcp of ``arm`` at ``angles`` (6,)."""
        return se3_to_pose(self.arms[arm].forward(angles))


def _one_arm(xml, arm):
    """Return the compiled model of one arm: six hinges and the tcp site, nothing else."""
    spec = mujoco.MjSpec.from_file(str(xml))
    for equality in list(spec.equalities):
        spec.delete(equality)
    for element in [*spec.excludes, *spec.pairs, *spec.actuators, *spec.sensors, *spec.keys, *spec.tendons]:
        spec.delete(element)
    for geom in list(spec.geoms):
        spec.delete(geom)
    wanted = set(arm_joints(arm))
    for joint in list(spec.joints):
        if joint.name not in wanted:
            spec.delete(joint)
    for mesh in list(spec.meshes):
        spec.delete(mesh)
    model = spec.compile()
    names = tuple(model.joint(i).name for i in range(model.njnt))
    if names != arm_joints(arm) or mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, f'tcp_{arm}') < 0:
        raise ValueError(f'{xml}: expected the joints {", ".join(arm_joints(arm))} and the site tcp_{arm}, '
                         f'got {", ".join(names) or "no joints"}')
    return model

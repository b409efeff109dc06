"""The robot as programs see it (`enpire_tasks.protocols.Robot`), over a link of one exchange a tick.

The same class serves reset programs and the retreat in the trial server, and policies in their own
process. What it adds to the link is planning: straight lines, time, inverse kinematics. It decides
nothing about safety; that is the gate's.

A link has: `state` (the last JointState), `start_ns`, `deadline_ns`, `step(positions, efforts)` ->
JointState, `capture(camera)` -> Frame, `camera_info(camera)` -> CameraInfo, `finish_attempt()` ->
AttemptResult. `step` raises MotionRefused and TimeUp.
"""

import math

import mink
import numpy as np

from enpire_core.errors import MotionRefused, Unreachable
from enpire_core.joints import ARM_SLICE, ARMS, GRIPPER_INDEX, JOINT_COUNT, JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, TICK_RATE_HZ, TICK_S
from enpire_core.types import JointState

from enpire_research.trials import motion
from enpire_research.trials.arguments import number, numbers, shown
from enpire_research.trials.kinematics import Kinematics, pose_to_se3

MAX_SPEED = 0.5
MAX_JOINT_SPEED = 1.6
ACCELERATION = 0.6
# Of the joint that goes farthest; no joint gets more than motion.JOINT_ACCELERATION.
JOINT_MOVE_ACCELERATION = 4.0
# Share of a gripper's effort limit that its own motion asks for; the drive is stiff, so that its speed
# follows from that.
GRIPPER_EFFORT = 0.7
MAX_FORCE = 40.0
# Jaws closer than this hold nothing: a gripper stops a little short of 0.
EMPTY_M = 0.002
# Jaws that make less than this share of the way they should are on something.
STALLED = 0.25
STALLED_TICKS = 3
SQUEEZE_TICKS = 8
SETTLE_TICKS = 15
# A gripper on its way comes closer by at least this much in SETTLE_TICKS, else it is blocked.
GRIPPER_PROGRESS_M = 5e-4
# While waiting, a joint that is held further off its set-point than this gives way, so slowly.
_GIVE_WAY = np.full(JOINT_COUNT, 0.06)
_GIVE_STEP = np.full(JOINT_COUNT, 0.01)
_GIVE_WAY[list(GRIPPER_INDEX.values())] = 0.0004
_GIVE_STEP[list(GRIPPER_INDEX.values())] = 0.0001
# Angles that were computed to lie at a limit may be off by this much; the gate decides on them.
_ROUNDING = 1e-9


class Robot:
    """Two arms, two grippers, three cameras.

    ``link``: see above; ``limits``: MotionLimits; ``kinematics``: Kinematics within those limits.
    """

    def __init__(self, link, limits, kinematics):
        self._link, self._limits, self._kinematics = link, limits, kinematics
        self._velocity = limits.velocity * motion.VELOCITY_MARGIN
        self._stay()

    # ---- looking ---------------------------------------------------------------------------
    def get_joint_states(self):
        """Return the last measured JointState, the caller's own copy; takes no time."""
        state = self._link.state
        return JointState(state.stamp_ns, state.positions.copy(), state.velocities.copy(), state.efforts.copy())

    def tool_pose(self, arm='left'):
        """Return (x, y, z, roll, pitch, yaw) of the tcp of ``arm`` by its measured angles."""
        return self._kinematics.tool_pose(_arm(arm), self._link.state.positions[ARM_SLICE[arm]])

    def capture(self, camera='top_camera'):
        """Return the newest Frame of ``camera``; takes no time of the unit's clock."""
        return self._link.capture(camera)

    def camera_info(self, camera='top_camera'):
        """Return the nominal CameraInfo of ``camera``."""
        return self._link.camera_info(camera)

    @property
    def time(self):
        """Seconds of the unit's clock since the start."""
        return (self._link.state.stamp_ns - self._link.start_ns) / NANOSECONDS

    @property
    def time_left(self):
        """Seconds of the unit's clock until TimeUp; inf where there is no end."""
        if self._link.deadline_ns is None:
            return math.inf
        return (self._link.deadline_ns - self._link.state.stamp_ns) / NANOSECONDS

    # ---- moving ----------------------------------------------------------------------------
    def step(self, positions, efforts=None):
        """One tick towards 14 target positions [rad, m], with feed-forward efforts [Nm, N]."""
        positions = numbers(positions, JOINT_COUNT, 'positions')
        efforts = np.zeros(JOINT_COUNT) if efforts is None else numbers(efforts, JOINT_COUNT, 'efforts')
        try:
            self._link.step(positions, efforts)
        except MotionRefused:
            self._stay()  # the gate made the arms hold where they are
            raise
        self._target = positions
        return self.get_joint_states()

    def hold(self):
        """One tick with the set-points as they are; joints that are held off theirs give way."""
        gap = self._link.state.positions - self._target
        give = np.where(np.abs(gap) > _GIVE_WAY, np.clip(gap, -_GIVE_STEP, _GIVE_STEP), 0.0)
        return self.step(np.clip(self._target + give, self._limits.lower, self._limits.upper))

    def _stay(self):
        self._target = np.clip(self._link.state.positions, self._limits.lower, self._limits.upper)

    def wait(self, seconds):
        """Stay for ``seconds`` of the unit's clock, rounded up to ticks."""
        seconds = number(seconds, 'seconds', 0.0, 3600.0)
        for _ in range(math.ceil(seconds * TICK_RATE_HZ - 1e-9)):
            self.hold()
        return self.get_joint_states()

    def move_to_pose(self, x, y, z, roll, pitch, yaw, speed=0.1, arm='left'):
        """Move the tcp of ``arm`` in a straight line [m, rad] at ``speed`` [m/s] at most."""
        return self.move_poses({_arm(arm): (x, y, z, roll, pitch, yaw)}, speed)

    def move_both(self, left, right, speed=0.1):
        """Move both tcps in straight lines to (x, y, z, roll, pitch, yaw), arriving together."""
        return self.move_poses({'left': left, 'right': right}, speed)

    def move_joints(self, targets, speed=1.0):
        """Move arms in joint space, {'left': six angles [rad]}, at ``speed`` [rad/s] at most."""
        speed = number(speed, 'speed', 1e-3, MAX_JOINT_SPEED)
        start = self._target.copy()
        end = start.copy()
        targets = dict(targets)
        for arm, angles in targets.items():
            cut = ARM_SLICE[_arm(arm)]
            end[cut] = numbers(angles, 6, f'targets[{arm!r}]', 'six angles [rad]')
            self._check_joints(end, cut)
        length = float(np.abs(end - start).max())
        steps = max(motion.MIN_STEPS, math.ceil(length / 0.05))
        points = start + np.linspace(0.0, 1.0, steps + 1)[:, None] * (end - start)
        points[-1] = end
        lengths = np.full(steps, length / steps)
        speeds = np.minimum(speed, self._tool_share(points, targets) * lengths)
        return self._follow(motion.timed(points, lengths, speeds, JOINT_MOVE_ACCELERATION, self._velocity))

    def _tool_share(self, points, arms):
        """Return (N-1,): how often a second each step of ``points`` (N, 14) may be made, for the speed of the tools."""
        longest = np.full(len(points) - 1, 1e-9)
        for arm in arms:
            kinematics = self._kinematics.arms[arm]
            places = np.array([kinematics.forward(point[ARM_SLICE[arm]]).translation() for point in points])
            longest = np.maximum(longest, np.linalg.norm(np.diff(places, axis=0), axis=1))
        return motion.TOOL_MARGIN * self._limits.tool_speed / longest

    def _check_joints(self, target, cut):
        """Unreachable where ``target`` (14,) is beyond the limits in ``cut``: nothing is planned for it."""
        lower, upper = self._limits.lower, self._limits.upper
        for index in range(*cut.indices(JOINT_COUNT)):
            if not lower[index] - _ROUNDING <= target[index] <= upper[index] + _ROUNDING:
                raise Unreachable(f'{JOINT_NAMES[index]}: expected {lower[index]:.3f} to {upper[index]:.3f} rad, got '
                                  f'{target[index]:.6g}')

    def home(self, arms=ARMS, speed=1.0):
        """Move ``arms`` in joint space to where they don't hide the tray from the top camera."""
        arms = (arms,) if isinstance(arms, str) else tuple(arms)
        return self.move_joints({_arm(arm): self._limits.home[ARM_SLICE[arm]] for arm in arms}, speed)

    def closed(self, arm):
        """Return the opening [m] of the gripper of ``arm`` where it is at home."""
        return float(self._limits.home[GRIPPER_INDEX[_arm(arm)]])

    def servo(self, targets):
        """Return the 14 set-points for a tick whose tcp targets are {'left': pose, ...}."""
        positions = self._target.copy()
        for arm, pose in targets.items():
            cut = ARM_SLICE[_arm(arm)]
            positions[cut] = self._kinematics.arms[arm].inverse(pose_to_se3(pose), positions[cut])
        return positions

    def lift(self, height, arms=ARMS, speed=0.5):
        """Raise the tcps by up to ``height`` [m] in joint space, letting the orientation go."""
        here = self._target.copy()
        return self.move_joints({arm: self._kinematics.arms[arm].lifted(here[ARM_SLICE[arm]], height)
                                 for arm in arms}, speed)

    # ---- grippers --------------------------------------------------------------------------
    def grasp(self, force=5.0, arm='left'):
        """Close until contact, then squeeze with ``force`` [N]; True: something is between the jaws."""
        force = number(force, 'force', 0.5, MAX_FORCE)
        index = GRIPPER_INDEX[_arm(arm)]
        lowest = self._limits.lower[index]
        target, stalled = self._target.copy(), 0
        while target[index] > lowest and stalled < STALLED_TICKS:
            before, wanted = self._link.state.positions[index], target[index]
            target[index] = self._gripper_step(index, target[index], lowest)
            moved = before - self.step(target).positions[index]
            stalled = stalled + 1 if moved < STALLED * (wanted - target[index]) else 0
        for _ in range(SQUEEZE_TICKS):
            squeezed = self._link.state.positions[index] - force / self._limits.kp[index]
            target[index] = self._gripper_step(index, target[index], max(squeezed, lowest))
            self.step(target)
        return bool(self._link.state.positions[index] > EMPTY_M)

    def release(self, arm='left', opening=None):
        """Open the gripper of ``arm`` to ``opening`` [m]; None: as far as it goes."""
        goal = None if opening is None else number(opening, 'opening', 0.0, 0.2)
        return self.move_grippers({_arm(arm): goal})

    def move_grippers(self, openings):
        """Move grippers at once to {'left': opening [m], ...}; None: as far open as it goes.

        Returns when they are there, or half a second after the set-points are, or after half a second in
        which none came closer: something is between the jaws, or holds them.
        """
        goals = {GRIPPER_INDEX[_arm(arm)]: self._limits.upper[GRIPPER_INDEX[arm]] if goal is None else goal
                 for arm, goal in openings.items()}
        target, settling, nearest = self._target.copy(), 0, math.inf
        while settling < SETTLE_TICKS:
            for index, goal in goals.items():
                target[index] = self._gripper_step(index, target[index], goal)
            state = self.step(target)
            there = all(target[index] == goal for index, goal in goals.items())
            if there and all(abs(state.positions[index] - goal) < 1e-3 for index, goal in goals.items()):
                break
            left = sum(abs(state.positions[index] - goal) for index, goal in goals.items())
            closer = not left > nearest - GRIPPER_PROGRESS_M
            nearest = left if closer else nearest
            settling = 0 if closer and not there else settling + 1
        return self.get_joint_states()

    def _gripper_step(self, index, target, goal):
        """The set-point after ``target`` on the way to ``goal``, as far as effort and speed allow."""
        limits, state = self._limits, self._link.state
        kp, kd = limits.kp[index], limits.kd[index]
        asked = kp * (target - state.positions[index]) - kd * state.velocities[index]
        reach = GRIPPER_EFFORT * limits.effort[index]
        gain = kp + kd / TICK_S
        fastest = self._velocity[index] * TICK_S
        low, high = max((-reach - asked) / gain, -fastest), min((reach - asked) / gain, fastest)
        # Over the limit already (the jaws are on something): give way, but no faster than it may move.
        low, high = min(low, fastest), max(high, -fastest)
        return float(target + min(max(goal - target, low), high))

    def finish_attempt(self):
        """Ask for the verdict on this attempt: retreat, judgement, AttemptResult; then go on.

        Only where the rollout has more than one attempt. The arms are home after it.
        """
        result = self._link.finish_attempt()
        self._stay()
        return result

    # ---- inside ----------------------------------------------------------------------------
    def move_poses(self, goals, speed=0.1):
        """Move tcps in straight lines to {'left': pose, ...} at ``speed`` [m/s], arriving together."""
        speed = number(speed, 'speed', 1e-4, MAX_SPEED)
        if not goals:
            return self.get_joint_states()
        start = self._target.copy()
        lines = {}
        for arm, pose in goals.items():
            kinematics = self._kinematics.arms[arm]
            goal = pose_to_se3(pose)
            kinematics.check_near(goal)
            lines[arm] = _Line(kinematics.forward(start[ARM_SLICE[arm]]), goal)
        length = max(line.length for line in lines.values())
        if length < 1e-6:
            return self.get_joint_states()
        steps = max(motion.MIN_STEPS, math.ceil(length / motion.POINT_SPACING_M))
        points = np.tile(start, (steps + 1, 1))
        for i in range(1, steps + 1):
            for arm, line in lines.items():
                cut = ARM_SLICE[arm]
                points[i, cut] = self._kinematics.arms[arm].inverse(line.at(i / steps), points[i - 1, cut])
        lengths = np.full(steps, length / steps)
        return self._follow(motion.timed(points, lengths, speed, ACCELERATION, self._velocity))

    def _follow(self, setpoints):
        for positions in setpoints:
            self.step(positions)
        return self.get_joint_states()


class _Line:
    """A straight line of the tcp with the shortest turn; ``length`` in metres, turns counted in."""

    def __init__(self, start, end):
        self._start, self._end = start, end
        self._shift = end.translation() - start.translation()
        self._turn = (start.rotation().inverse() @ end.rotation()).log()
        self.length = max(float(np.linalg.norm(self._shift)),
                          motion.METRES_PER_RADIAN * float(np.linalg.norm(self._turn)))

    def at(self, share):
        if share >= 1.0:
            return self._end
        rotation = self._start.rotation() @ mink.SO3.exp(share * self._turn)
        return mink.SE3.from_rotation_and_translation(
            rotation, self._start.translation() + share * self._shift)


def make_kinematics(xml, limits):
    """Return the Kinematics of the model in ``xml`` within ``limits`` (MotionLimits)."""
    return Kinematics(xml, limits.lower, limits.upper)


def _arm(arm):
    if arm not in ARMS:
        raise ValueError(f"arm: expected 'left' or 'right', got {shown(arm)}")
    return arm

"""What a task is, and what its programs are written against.

`Robot` is the same for reset programs, verifiers and policies, on hardware and in simulation. All
poses are those of the tool centre point ``tcp`` in frame ``station`` (x forward, y left, z up; metres,
radians, R = Rz(yaw) Ry(pitch) Rx(roll)); pointing straight down is roll = pi, pitch = 0. Every call
that moves takes time of the unit's clock, one exchange a tick of 1/30 s, and each tick goes through the
safety gate.

Errors (from `enpire_core.errors`; the same in policies):
    MotionRefused   the gate refused a request: .rule, .joint, .limit, .value. The trial or try is over.
    Unreachable     no joint angles within tolerance; nothing was sent for the points beyond.
    TimeUp          the episode has no time left.
"""

from typing import Any, Optional, Protocol, Sequence, runtime_checkable

from enpire_core.types import CameraInfo, Frame, JointState
from enpire_tasks.types import Judgement


@runtime_checkable
class Camera(Protocol):
    """What sees. Cameras are 'top_camera', 'left_wrist_camera', 'right_wrist_camera'."""

    def capture(self, camera: str = 'top_camera') -> Frame:
        """Return the newest frame. Takes no time of the unit's clock: twice in a tick, the same frame."""

    def camera_info(self, camera: str = 'top_camera') -> CameraInfo:
        """Return the nominal camera. The real one is a few mm and tenths of a degree off."""


@runtime_checkable
class Robot(Camera, Protocol):
    """Two arms with grippers, and the cameras. ``arm`` is 'left' or 'right'."""

    def move_to_pose(self, x: float, y: float, z: float, roll: float, pitch: float, yaw: float,
                     speed: float = 0.1, arm: str = 'left') -> JointState:
        """Move the tcp in a straight line [m, rad] at ``speed`` [m/s] at most; the other arm stays."""

    def move_both(self, left: Sequence[float], right: Sequence[float], speed: float = 0.1) -> JointState:
        """Move both tcps in straight lines to (x, y, z, roll, pitch, yaw), arriving together."""

    def move_joints(self, targets: dict, speed: float = 1.0) -> JointState:
        """Move arms in joint space, {'left': six angles [rad], ...}, at ``speed`` [rad/s] at most."""

    def grasp(self, force: float = 5.0, arm: str = 'left') -> bool:
        """Close until contact, then squeeze with ``force`` [N]. True: something is between the jaws."""

    def release(self, arm: str = 'left', opening: Optional[float] = None) -> JointState:
        """Open the gripper to ``opening`` [m]; None: as far as it goes."""

    def home(self, arms: Sequence[str] = ('left', 'right')) -> JointState:
        """Move arms in joint space to where they don't hide the tray from the top camera."""

    def get_joint_states(self) -> JointState:
        """Return the last measured state; takes no time."""

    def tool_pose(self, arm: str = 'left') -> tuple:
        """Return (x, y, z, roll, pitch, yaw) of the tcp, by nominal kinematics of the measured angles."""

    def wait(self, seconds: float) -> JointState:
        """Stay for ``seconds`` of the unit's clock, rounded up to ticks."""

    def step(self, positions: Sequence[float], efforts: Optional[Sequence[float]] = None) -> JointState:
        """One tick: 14 target positions [rad, m] and feed-forward efforts [Nm, N] as they are."""

    def finish_attempt(self) -> Any:
        """Policies only: have this attempt judged, and go on if another is left; arms retreat and go home.

        Return an AttemptResult: .success (False: a success ends the rollout), .score, .reason,
        .attempts_left. The last attempt ends the rollout. `time_left` stands still meanwhile.
        """

    @property
    def time(self) -> float:
        """Seconds of the unit's clock since the start."""

    @property
    def time_left(self) -> float:
        """Seconds of the unit's clock until `TimeUp`."""


@runtime_checkable
class Task(Protocol):
    """One task. Everything that it is lies in ``folder`` and is frozen while a campaign runs.

    ``name``: lower case with underscores; ``folder``: absolute path of its files, which the manifest
    hashes; ``episode_s``: seconds a rollout has; ``reset_s``: seconds one try of the reset has;
    ``limits_file``: absolute path of the limits that narrow the robot's, with the profiles 'reset' and
    'rollout'; ``start_policy``, ``brief``: absolute paths; ``tolerances``: `enpire_tasks.types.Tolerance`s, how far
    off a success may be in what the verifier measures (() where that says nothing).
    """

    name: str
    folder: str
    episode_s: float
    reset_s: float
    limits_file: str
    start_policy: str
    brief: str
    tolerances: Sequence

    def scene(self) -> Any:
        """Return the `enpire_core.scene.TaskScene`."""

    def draw_start(self, seed: int) -> Any:
        """Return the start drawn from ``seed`` (plain data of the task's own). Pure."""

    def reset(self, robot: Robot, start: Any, attempt: int) -> None:
        """Bring the scene to ``start`` with the arms. ``attempt`` counts from 1.

        Called with the arms wherever they are. SceneNotFound where an object can't be found. Unreachable
        and MotionRefused may pass through: the try has failed.
        """

    def verify_start(self, robot: Robot, start: Any) -> Judgement:
        """Say by camera whether the scene is at ``start``; the arms were homed before. It must not move."""

    def verify(self, robot: Camera) -> Judgement:
        """Say by camera whether the task is done; the arms were homed before. It can't move."""

    def outlines(self) -> Sequence:
        """Return the `enpire_tasks.types.Polygon`s to draw for people: goal, workspace."""

"""What a policy may import: `from enpire_policy import DONE, Unreachable`.

A policy is one Python file. It defines either

    def act(observation):        # called 30 times a second of the unit's clock
        return positions         # 14 joint targets, or {'left': (x, y, z, roll, pitch, yaw), ...}, None (hold),
                                 # DONE, ATTEMPT_DONE

    CAMERAS = ('top_camera',)    # optional: the images that observation.images shall hold

or

    def run(robot):              # blocks in calls of `robot`, see enpire_tasks.protocols.Robot
        robot.move_to_pose(0.35, 0.0, 0.12, 3.14159, 0.0, 0.0, speed=0.15)

A rollout may have several attempts (one, unless whoever started it said otherwise). `robot.finish_attempt()`
ends one: the arms retreat, the frozen verifier judges by camera. After a success, or where it was the last,
the rollout ends there; else the AttemptResult says what was missing and how many are left, the arms are at
home, the objects lie where they were left, and the policy goes on with the `time_left` that it had. For `act` the
same is ATTEMPT_DONE: the next observation has the result in `attempt`.

What was trained comes in an artifact, an ONNX file that the rollout names: `load_artifact().run(name=array)`.

`random` and `numpy.random` are seeded for each rollout. Poses are of the tcp in frame station: x
forward, y left, z up, metres and radians; straight down is roll = pi, pitch = 0.
"""

from enpire_core.errors import MotionError, MotionRefused, TimeUp, Unreachable
from enpire_core.joints import ARM_SLICE, ARMS, GRIPPER_INDEX, JOINT_NAMES
from enpire_core.types import CameraInfo, Frame, JointState

from enpire_policy.artifact import Artifact, ArtifactError, load_artifact
from enpire_policy.types import ATTEMPT_DONE, DONE, AttemptResult, Observation

__all__ = ['ARMS', 'ARM_SLICE', 'ATTEMPT_DONE', 'Artifact', 'ArtifactError', 'AttemptResult', 'CameraInfo', 'DONE',
           'Frame', 'GRIPPER_INDEX', 'JOINT_NAMES', 'JointState', 'MotionError', 'MotionRefused', 'Observation',
           'TimeUp', 'Unreachable', 'load_artifact']

"""The frozen retreat and the verdict: what happens between a policy's end and its result.

Retreat: let things come to rest, grippers open a little, straight up, home, grippers closed. What it
disturbs counts. Where the gate refuses a part of it, the rest is still tried; where no straight line
up is left, the arms lift in joint space. What was not as planned is said in the notes.
"""

import math
import traceback

from enpire_core.errors import MotionError, MotionRefused, Unreachable
from enpire_core.joints import ARMS, GRIPPER_INDEX
from enpire_research.trials.station import Cancelled, StationFault
from enpire_tasks.types import UNKNOWN, Judgement

SETTLE_S = 0.5
OPEN_BY_M = 0.02
# As high as a straight line leads: the first of these that it reaches with the tool as it points.
CLEAR_Z_M = (0.20, 0.16, 0.12, 0.09)
LIFT_M = 0.15
UP_SPEED = 0.12
HOME_SPEED = 1.0
CAREFUL_SPEED = 0.3
LOOKS = 3
LOOK_AGAIN_S = 0.2


def retreat(robot):
    """Bring both arms home, away from the scene; return notes (a list of texts) on what went otherwise."""
    notes = []
    _try(notes, 'coming to rest', lambda: robot.wait(SETTLE_S))
    _try(notes, 'opening the grippers', lambda: _open(robot))
    if not _try(notes, 'straight up', lambda: _straight_up(robot, notes)):
        _try(notes, 'coming to rest', lambda: robot.wait(SETTLE_S))
        _try(notes, 'up in joint space', lambda: robot.lift(LIFT_M, speed=CAREFUL_SPEED))
    go_home(robot, notes)
    return notes


def go_home(robot, notes):
    """Bring both arms home and close the grippers; True where they arrived."""
    if not _try(notes, 'home', lambda: robot.home()):
        _try(notes, 'coming to rest', lambda: robot.wait(SETTLE_S))
        if not _try(notes, 'home, slowly', lambda: _home_slowly(robot)):
            return False
    _try(notes, 'closing the grippers', lambda: robot.move_grippers({arm: robot.closed(arm) for arm in ARMS}))
    return True


def _home_slowly(robot):
    for arm in ARMS:
        robot.home((arm,), speed=CAREFUL_SPEED)


def _open(robot):
    positions = robot.get_joint_states().positions
    robot.move_grippers({arm: float(positions[GRIPPER_INDEX[arm]]) + OPEN_BY_M for arm in ARMS})


def _straight_up(robot, notes):
    poses = {arm: robot.tool_pose(arm) for arm in ARMS}
    low = {arm: pose for arm, pose in poses.items() if pose[2] < CLEAR_Z_M[0]}
    trouble = None
    for height in CLEAR_Z_M:
        goals = {arm: (*pose[:2], max(height, pose[2]), *pose[3:]) for arm, pose in low.items()}
        try:
            robot.move_poses(goals, UP_SPEED)
            return
        except Unreachable as error:  # nothing has moved yet
            trouble = error
    notes.append(f'retreat: no straight line up ({trouble}): lifted in joint space')
    robot.lift(LIFT_M, tuple(low), CAREFUL_SPEED)


def _try(notes, what, call):
    try:
        call()
    except MotionRefused as error:
        notes.append(f'retreat: {what} was refused: {error}')
    except MotionError as error:
        notes.append(f'retreat: {what}: {error}')
    else:
        return True
    return False


def judge(look, robot, log):
    """Return the Judgement of ``look()``; where it can't tell, wait a little and look again, 3 times.

    An exception in the verifier counts as "can't tell": what it looks at is the policy's work.
    ``log(text)`` gets its traceback.
    """
    judgement = Judgement(UNKNOWN, math.nan, 'nobody looked')
    for again in range(LOOKS):
        if again:
            try:
                robot.wait(LOOK_AGAIN_S)
            except MotionRefused as error:
                log(f'waiting before another look was refused: {error}')
        try:
            judgement = look()
        except (StationFault, Cancelled):
            raise
        except Exception as error:  # told as "unknown" and logged; see above
            log(f'exception in the verifier:\n{traceback.format_exc()}')
            judgement = Judgement(UNKNOWN, math.nan, f'the verifier raised {type(error).__name__}: {error}')
        if judgement.answer != UNKNOWN:
            return judgement
    return judgement

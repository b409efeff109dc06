"""Brings the T to its start pose with the arms: find, grasp, carry, lay down, retreat, look.

Written against the Robot protocol; sees nothing but the top camera. What it relies on: nominal
kinematics, good to a few millimetres, which the jaws' width takes up. Not covered: a T that has left
the tray, or that stands on an edge so that its top does not show: SceneNotFound.
"""

import math

import numpy as np
from enpire_core.errors import Unreachable
from enpire_tasks.types import SceneNotFound

from . import geometry as g
from . import grasps, reach
from .marks import locate_camera
from .verifier import look
from .vision import blobs

# Speeds in m/s: free, near the T, with it.
SPEED_AIR, SPEED_NEAR, SPEED_CARRY = 0.30, 0.10, 0.25
# The tool's height where it passes over everything that lies in the tray [m].
HOVER_Z = 0.110
# 18 mm to spare on either side of what is grasped [m]; a force that holds the T without a droop [N].
OPENING, GRASP_FORCE = 0.066, 12.0
# A closed gripper on a T that lies on the rim presses on it at this height, and pulls it this far [m].
PRESS_Z, DRAG = g.TOP_Z + 0.004, 0.06
# A T on the rim has one side 12 mm up: it is grasped a little higher than one that lies flat.
RAISED = 0.006
RESCUES = 2
# Looks and carries of one try; what is nearer to the start than this is left alone [m, rad].
ROUNDS, GOOD_POSITION, GOOD_ANGLE = 2, 0.006, math.radians(4.0)
MAX_STEP_TURN = math.radians(60.0)

# Joint angles with the gripper straight down beside the tray, 0.30 m in front of the arm's base: from
# there lines lead over the tray, and from there it is a free way home.
READY = (0.0, 1.68, 1.35, -1.24, 0.0, 0.0)


def come(robot, arm):
    """Bring ``arm`` from home to where lines over the tray begin."""
    robot.move_joints({arm: READY})


def leave(robot, arm):
    """Bring ``arm`` home with a closed gripper, from above the tray."""
    robot.release(arm, 0.0)
    robot.move_joints({arm: READY})
    robot.home((arm,))


def travel(robot, arm, x, y, z, yaw, speed):
    """Move the tool of ``arm`` in a line to (x, y, z) with ``yaw``, turning joint 6 the way that it can.

    Long turns are cut into pieces, so that no piece is ambiguous.
    """
    px, py, pz, _, _, current = robot.tool_pose(arm)
    start = reach.turn_for(arm, px, py, current)
    end = reach.turn_for(arm, x, y, yaw)
    pieces = max(1, math.ceil(abs(end - start) / MAX_STEP_TURN))
    for k in range(1, pieces + 1):
        share = k / pieces
        mx, my, mz = px + (x - px) * share, py + (y - py) * share, pz + (z - pz) * share
        turn = start + (end - start) * share
        lean = reach.lean_for(arm, mx, my, max(mz, grasps.LIFT_Z))
        pose = reach.tool_pose(arm, mx, my, mz, reach.bearing(arm, mx, my) + turn, lean)
        robot.move_to_pose(*pose, speed=speed, arm=arm)


def retreat(robot):
    """Lift what is low, then bring both arms home."""
    for arm in ('left', 'right'):
        x, y, z, roll, pitch, yaw = robot.tool_pose(arm)
        if z < HOVER_Z:
            try:
                robot.move_to_pose(x, y, HOVER_Z, roll, pitch, yaw, speed=SPEED_NEAR, arm=arm)
            except Unreachable:
                # No straight way up from there: the way home through joint space is what is left.
                continue
    robot.home()


def find(robot):
    """Return the pose (x, y, yaw) of the T that lies flat; SceneNotFound says what is seen instead.

    A T that lies on the rim or leans on something is brought into the middle of the tray first.
    """
    trouble = ''
    for _ in range(RESCUES + 1):
        frame, info = robot.capture('top_camera'), robot.camera_info('top_camera')
        sighting, trouble = look(frame.color, info)
        if not trouble:
            return sighting.pose
        if sighting is None or not rescue(robot, sighting.pose):
            if not drag(robot, frame.color, info):
                break
    raise SceneNotFound(f'expected one flat T on the tray in the top camera; {trouble}')


def rescue(robot, pose):
    """Take a T that does not lie flat, about at ``pose``, and let it go low over the tray's middle.

    False, with nothing done, where no arm can take it; True does not say that it was caught.
    """
    carries = [grasps.best_carry(pose, stop) for stop in grasps.stops()]
    cost, carry = min(carries, key=lambda found: found[0])
    if carry is None:
        return False
    carry_out(robot, carry, RAISED)
    return True


def drag(robot, color, info):
    """Pull a T that no arm can take towards the middle; False where nothing orange is seen.

    A closed gripper comes down on top of it and moves inwards: friction takes it along.
    """
    camera = locate_camera(color, info)
    found = blobs(color, camera) if camera is not None else []
    if not found:
        return False
    rows, columns = np.nonzero(found[0][1])
    centre = camera.to_plane(np.array([[columns.mean(), rows.mean()]]), g.TOP_Z)[0]
    middle = np.array(g.TRAY_CENTRE)
    inward = (middle - centre) / max(np.linalg.norm(middle - centre), 1e-6)
    end = centre + DRAG * inward
    arm = 'left' if centre[1] > 0 else 'right'
    yaw = reach.bearing(arm, *centre)
    come(robot, arm)
    travel(robot, arm, *centre, HOVER_Z, yaw, SPEED_AIR)
    travel(robot, arm, *centre, PRESS_Z, yaw, SPEED_NEAR)
    travel(robot, arm, *end, PRESS_Z, yaw, SPEED_NEAR)
    travel(robot, arm, *end, HOVER_Z, yaw, SPEED_NEAR)
    leave(robot, arm)
    return True


def carry_out(robot, carry, raised=0.0):
    """Do one Carry of a T that lies ``raised`` [m] above the floor; False: the jaws closed on nothing.

    A raised T is not pressed onto the floor: it is let go where its lower side may touch it.
    """
    arm = carry.arm
    x, y, yaw = carry.tool(carry.pick)
    come(robot, arm)
    robot.release(arm, OPENING)
    travel(robot, arm, x, y, HOVER_Z, yaw, SPEED_AIR)
    travel(robot, arm, x, y, grasps.GRASP_Z + raised, yaw, SPEED_NEAR)
    held = robot.grasp(GRASP_FORCE, arm)
    if held:
        travel(robot, arm, x, y, grasps.LIFT_Z + raised, yaw, SPEED_NEAR)
        x, y, yaw = carry.tool(carry.place)
        travel(robot, arm, x, y, grasps.LIFT_Z + raised, yaw, SPEED_CARRY)
        travel(robot, arm, x, y, grasps.GRASP_Z + raised, yaw, SPEED_NEAR)
    robot.release(arm, OPENING)
    travel(robot, arm, x, y, HOVER_Z, yaw, SPEED_NEAR)
    leave(robot, arm)
    return held


def reset(robot, start, attempt):
    """Bring the T to ``start`` (x, y, yaw), looking again after each carry, at most ROUNDS times.

    ``attempt`` counts from 1 and changes nothing: each try looks for itself. SceneNotFound where the T
    is not seen or lies where no arm can take it; Unreachable and MotionRefused pass through.
    """
    del attempt
    retreat(robot)
    for _ in range(ROUNDS):
        pose = find(robot)
        distance, angle = g.pose_error(pose, start)
        if distance <= GOOD_POSITION and angle <= GOOD_ANGLE:
            return
        carries = grasps.plan(pose, start)
        if not carries:
            raise SceneNotFound(
                f'the T lies at x={pose[0]:.3f}, y={pose[1]:.3f}, yaw={math.degrees(pose[2]):.0f} degrees, '
                'where no arm can take it')
        carry_out(robot, carries[0])
        if len(carries) == 2:
            onward = grasps.plan(find(robot), start)
            if len(onward) == 1:
                carry_out(robot, onward[0])

"""Start policy of Push-T: look, turn the T by its bar, push it through its middle, look again.

It finds the T by colour in the top camera, takes its place and angle from the moments of the coloured
pixels, and alternates two kinds of pushes with the closed gripper of the nearer arm until the T looks
right or the time is up. See brief.md for what it does not do.
"""

import math

import cv2
import numpy as np
from enpire_policy import Unreachable

GOAL_X, GOAL_Y, GOAL_ANGLE = 0.32, 0.0, math.pi / 4
FLOOR, T_TOP = 0.010, 0.040
MARKS = {0: (0.436, 0.176), 1: (0.436, -0.176), 2: (0.32, 0.176), 3: (0.32, -0.176), 4: (0.204, 0.176),
         5: (0.204, -0.176)}
PUSH_HEIGHT = 0.027
TRAVEL_HEIGHT = 0.075
BESIDE = {'left': (0.25, 0.27), 'right': (0.25, -0.27)}
# From the middle of the T (its centroid) to the middle of its bar, and from there to the bar's ends.
TO_BAR, TO_END = 0.026, 0.050
TOOL = 0.012
# Forward lean of the gripper [rad] where straight down is out of reach.
LEAN = 0.35


def to_table(info, pixels, height):
    """Return the points (N, 2) at ``height`` that ``pixels`` (N, 2) show, by the nominal camera."""
    rays = np.linalg.inv(info.matrix) @ np.c_[pixels, np.ones(len(pixels))].T
    rays = info.pose[:3, :3] @ rays
    return (info.pose[:3, 3:] + rays * (height - info.pose[2, 3]) / rays[2])[:2].T


def camera_shift(image, info):
    """Return by how much (x, y) the marks seem to lie off their places, 0 where none is seen."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    corners, names, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(image)
    off = [to_table(info, quad[0], FLOOR).mean(axis=0) - MARKS[name] for quad, name in
           zip(corners, [] if names is None else names.ravel()) if name in MARKS]
    return np.mean(off, axis=0) if off else np.zeros(2)


def find_t(robot):
    """Return (orange points (N, 2), middle (2,), angle) of the T in the tray, or None."""
    frame, info = robot.capture('top_camera'), robot.camera_info('top_camera')
    image = frame.color.astype(int)
    rows, columns = np.nonzero(image[:, :, 0] - image[:, :, 2] > 100)
    points = to_table(info, np.c_[columns, rows], T_TOP) - camera_shift(frame.color, info)
    # Only the tray: other things may be orange, too.
    points = points[(abs(points[:, 0] - GOAL_X) < 0.15) & (abs(points[:, 1]) < 0.21)]
    if len(points) < 100:
        return None
    middle = points.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((points - middle).T))
    # The T is longest along its stem, and the stem is the thin end: the far tail of the pixels.
    stem = axes[:, np.argmax(spread)]
    if (((points - middle) @ stem) ** 3).sum() < 0:
        stem = -stem
    return points, middle, math.atan2(stem[1], stem[0]) + math.pi / 2


def difference(angle, other):
    """Return angle - other, between -pi and pi."""
    return (angle - other + math.pi) % (2 * math.pi) - math.pi


def push(robot, start, end):
    """Push from ``start`` to ``end`` (x, y) with the nearer arm; leaning, or with the other, if need be."""
    arms = ('left', 'right') if start[1] + end[1] > 0 else ('right', 'left')
    for lean, arm in ((0.0, arms[0]), (0.0, arms[1]), (LEAN, arms[0]), (LEAN, arms[1])):
        try:
            for x, y, z, speed in ((*BESIDE[arm], TRAVEL_HEIGHT, 0.2), (*start, TRAVEL_HEIGHT, 0.2),
                                   (*start, PUSH_HEIGHT, 0.1), (*end, PUSH_HEIGHT, 0.05),
                                   (*end, TRAVEL_HEIGHT, 0.1)):
                robot.move_to_pose(x, y, z, math.pi, -lean, 0.0, speed=speed, arm=arm)
            break
        except Unreachable:
            continue
    robot.home()


def turning_push(robot, middle, angle, error):
    """Turn the T by ``error`` [rad] with a push on one end of its bar, from the outer side."""
    along = np.array([math.cos(angle), math.sin(angle)])
    outward = np.array([-math.sin(angle), math.cos(angle)])
    end_of_bar = along * TO_END * (1 if error < 0 else -1)
    contact = middle + outward * (TO_BAR + 0.015 + TOOL) + end_of_bar
    push(robot, contact + outward * 0.03, contact - outward * TO_END * abs(math.sin(error)))


def straight_push(robot, points, middle, way):
    """Push the T by ``way`` (2,) [m], through its middle, from the edge that lies behind it."""
    distance = np.linalg.norm(way)
    towards = way / distance
    along, across = (points - middle) @ towards, (points - middle) @ (-towards[1], towards[0])
    edge = middle + towards * (along[abs(across) < 0.006].min() - TOOL)
    push(robot, edge - towards * 0.03, edge + towards * distance)


def run(robot):
    """Push until the T looks right."""
    robot.home()
    turn = True
    while robot.time_left > 12.0:
        robot.wait(0.1)
        seen = find_t(robot)
        if seen is None:
            return
        points, middle, angle = seen
        way = np.array([GOAL_X, GOAL_Y]) - middle
        error = difference(GOAL_ANGLE, angle)
        if np.linalg.norm(way) < 0.005 and abs(error) < math.radians(3):
            return
        if turn:
            turning_push(robot, middle, angle, error)
        else:
            straight_push(robot, points, middle, way)
        turn = not turn

"""Geometry of Push-T: the T, the tray, the marks, the goal. Metres and radians, frame `station`.

The T is that of the public Push-T environments with one pixel taken as one millimetre. A pose of the
T is (x, y, yaw) of its centroid; in the T's own frame x runs along the bar, and the stem points to -y.
Pure: numpy and shapely only. Not covered: a T that is tilted or lies on something.
"""

import math

import numpy as np
from shapely.geometry import Polygon

BAR = (0.120, 0.030)
STEM = (0.030, 0.090)
THICKNESS = 0.030
CENTROID_BELOW_TOP = (BAR[0] * BAR[1] * BAR[1] / 2 + STEM[0] * STEM[1] * (BAR[1] + STEM[1] / 2)) / (
    BAR[0] * BAR[1] + STEM[0] * STEM[1])
BAR_TOP = CENTROID_BELOW_TOP
BAR_BOTTOM = BAR_TOP - BAR[1]
STEM_BOTTOM = BAR_BOTTOM - STEM[1]

# Corners of the outline in the frame of the T, counter-clockwise.
OUTLINE = np.array([
    (-BAR[0] / 2, BAR_TOP), (-BAR[0] / 2, BAR_BOTTOM), (-STEM[0] / 2, BAR_BOTTOM),
    (-STEM[0] / 2, STEM_BOTTOM), (STEM[0] / 2, STEM_BOTTOM), (STEM[0] / 2, BAR_BOTTOM),
    (BAR[0] / 2, BAR_BOTTOM), (BAR[0] / 2, BAR_TOP)])
AREA = BAR[0] * BAR[1] + STEM[0] * STEM[1]

FLOOR_Z = 0.010
TOP_Z = FLOOR_Z + THICKNESS
# The printed sheet lies this much above the floor in the picture, so that the two do not flicker.
PRINT_Z = FLOOR_Z + 0.0002
TRAY_CENTRE = (0.32, 0.0)
TRAY_SIZE = (0.30, 0.42)
RIM_HEIGHT = 0.012

GOAL = (*TRAY_CENTRE, math.pi / 4)
POSITION_TOLERANCE = 0.005
ANGLE_TOLERANCE = math.radians(3.0)

# ArUco marks of DICT_4X4_50 on the tray floor: identifier -> centre (x, y); axis-aligned.
MARK_SIDE = 0.048
MARK_QUIET = 0.008
_MX, _MY = TRAY_SIZE[0] / 2 - 0.034, TRAY_SIZE[1] / 2 - 0.034
MARKS = {
    0: (TRAY_CENTRE[0] + _MX, TRAY_CENTRE[1] + _MY), 1: (TRAY_CENTRE[0] + _MX, TRAY_CENTRE[1] - _MY),
    2: (TRAY_CENTRE[0], TRAY_CENTRE[1] + _MY), 3: (TRAY_CENTRE[0], TRAY_CENTRE[1] - _MY),
    4: (TRAY_CENTRE[0] - _MX, TRAY_CENTRE[1] + _MY), 5: (TRAY_CENTRE[0] - _MX, TRAY_CENTRE[1] - _MY)}


def wrap(angle):
    """Return ``angle`` [rad] brought into [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def rotation(angle):
    """Return the (2, 2) matrix that turns by ``angle`` [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([(c, -s), (s, c)])


def place(points, pose):
    """Return ``points`` (N, 2) of the T's frame in frame station, for the T at ``pose``."""
    return np.asarray(points) @ rotation(pose[2]).T + np.asarray(pose[:2])


def outline(pose):
    """Return the eight corners (8, 2) of the T at ``pose``, counter-clockwise."""
    return place(OUTLINE, pose)


def coverage(pose, goal=GOAL):
    """Return the covered share of the goal's area, 0..1, for a T lying flat at ``pose``."""
    return Polygon(outline(pose)).intersection(Polygon(outline(goal))).area / AREA


def pose_error(pose, goal=GOAL):
    """Return (distance of the centroids [m], unsigned difference of the angles [rad])."""
    return (math.hypot(pose[0] - goal[0], pose[1] - goal[1]), abs(wrap(pose[2] - goal[2])))


def inside_tray(pose, margin=0.0):
    """Return True when all corners of the T are at least ``margin`` [m] inside the rim."""
    off = np.abs(outline(pose) - np.asarray(TRAY_CENTRE))
    return bool(np.all(off <= np.asarray(TRAY_SIZE) / 2 - margin))


def mark_corners(identifier):
    """Return the corners (4, 3) of a mark in OpenCV's order: first the image's top left.

    Seen from above with x pointing up in the picture and y to the left, which is how the top camera
    sees the tray, a mark stands upright.
    """
    x, y = MARKS[identifier]
    h = MARK_SIDE / 2
    return np.array([(x + h, y + h, PRINT_Z), (x + h, y - h, PRINT_Z),
                     (x - h, y - h, PRINT_Z), (x - h, y + h, PRINT_Z)])

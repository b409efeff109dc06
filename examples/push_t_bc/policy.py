"""Push-T by behaviour cloning: see the T, ask the network for a push, make it, look again. Needs what train.py made.

    enpire trial examples/push_t_bc/policy.py --artifact enpire_runs/<run>/campaign/artifacts/<SHA-256>.onnx

What is learned is which push to make: where the tool touches the T and where the push ends. Written by hand is how
to see the T, how to hold the tool so that a corner leads, which arm reaches, and when to stop.
"""

import math
import random

import cv2
import numpy as np
from enpire_policy import Unreachable, load_artifact
from scipy.optimize import least_squares

GOAL = np.array([0.32, 0.0, math.pi / 4])
TRAY_CENTRE, TRAY_HALF, FLOOR, TOP = np.array([0.32, 0.0]), np.array([0.15, 0.21]), 0.010, 0.040
MARKS = {0: (0.436, 0.176), 1: (0.436, -0.176), 2: (0.32, 0.176), 3: (0.32, -0.176), 4: (0.204, 0.176),
         5: (0.204, -0.176)}
MARK_HALF, UP = 0.024, 3
BAR_TOP = 0.0407
OUTLINE = np.array([(-60, 0), (-60, -30), (-15, -30), (-15, -120), (15, -120), (15, -30), (60, -30),
                    (60, 0)]) / 1e3 + (0, BAR_TOP)
BASES = {'left': np.array([0.0, 0.305]), 'right': np.array([0.0, -0.305])}
READY = (0.0, 1.68, 1.35, -1.24, 0.0, 0.0)
# The closed jaws are a block of 25 x 12.4 mm; corner k points along this angle of the tool.
CORNERS = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * (0.0125, 0.0062)
CORNER_ANGLES = (math.pi / 4, 3 * math.pi / 4, -3 * math.pi / 4, -math.pi / 4)
PUSH_Z, HOVER_Z, LONGEST_LEAN = FLOOR + 0.017, 0.062, math.radians(24)
GOOD_M, GOOD_RAD = 0.0030, math.radians(1.7)
# Turning one radian counts as so much way.
TURN_M = 0.070

NET = load_artifact()


def turned(points, angle):
    """Turn points (..., 2) by ``angle`` [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    return np.asarray(points) @ np.array([(c, s), (-s, c)])


def wrap(angle):
    """Bring an angle into [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


# ---- seeing --------------------------------------------------------------------------------
def station_in_camera(color, info):
    """Return (rotation, translation) of frame station as the camera sees it, by the tray's marks; None without 3."""
    grey = cv2.resize(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), None, fx=UP, fy=UP, interpolation=cv2.INTER_CUBIC)
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), settings)
    quads, names, _ = detector.detectMarkers(grey)
    world, pixels = [], []
    for quad, name in zip(quads, [] if names is None else names.ravel()):
        if int(name) in MARKS:
            x, y = MARKS[int(name)]
            world += [(x + sx * MARK_HALF, y + sy * MARK_HALF, FLOOR)
                      for sx, sy in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
            pixels.append((quad.reshape(4, 2) + 0.5) / UP - 0.5)
    if len(pixels) < 3:
        return None
    nominal = np.linalg.inv(info.pose)
    turn, shift = cv2.solvePnPRefineLM(np.array(world), np.concatenate(pixels), info.matrix, None,
                                       cv2.Rodrigues(nominal[:3, :3])[0], nominal[:3, 3:].copy())
    return cv2.Rodrigues(turn)[0], shift.ravel()


def border_of_t(color, info, rotation, translation):
    """Return points (N, 2) of the border of the T's orange top, in frame station."""
    orange = color[..., 0].astype(np.int16) - color[..., 2]
    corners = np.array([(*(TRAY_CENTRE + TRAY_HALF * s), TOP) for s in ((1, 1), (1, -1), (-1, -1), (-1, 1))])
    pixels = (corners @ rotation.T + translation) @ info.matrix.T
    tray = np.zeros(orange.shape, np.uint8)
    cv2.fillConvexPoly(tray, np.round(pixels[:, :2] / pixels[:, 2:]).astype(np.int32), 1)
    contours, _ = cv2.findContours(((orange > 110) & (tray > 0)).astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.empty((0, 2))
    border = max(contours, key=cv2.contourArea).reshape(-1, 2).astype(float)
    rays = rotation.T @ np.linalg.solve(info.matrix, np.c_[border, np.ones(len(border))].T)
    eye = -rotation.T @ translation
    return (eye[:, None] + rays * ((TOP - eye[2]) / rays[2]))[:2].T


def distance_to_t(points):
    """Return signed distances (N,) of points in the T's frame from its outline, negative inside."""
    along = np.roll(OUTLINE, -1, axis=0) - OUTLINE
    share = np.einsum('nki,ki->nk', points[:, None] - OUTLINE, along) / (along ** 2).sum(1)
    nearest = OUTLINE + np.clip(share, 0, 1)[..., None] * along
    distance = np.linalg.norm(points[:, None] - nearest, axis=2).min(1)
    bar = (np.abs(points[:, 0]) < 0.06) & (np.abs(points[:, 1] - BAR_TOP + 0.015) < 0.015)
    stem = (np.abs(points[:, 0]) < 0.015) & (np.abs(points[:, 1] - BAR_TOP + 0.075) < 0.0451)
    return np.where(bar | stem, -distance, distance)


def look(robot):
    """Return the T's pose (x, y, yaw), or None where it isn't seen well."""
    frame, info = robot.capture('top_camera'), robot.camera_info('top_camera')
    camera = station_in_camera(frame.color, info)
    points = np.empty((0, 2)) if camera is None else border_of_t(frame.color, info, *camera)
    if len(points) < 60:
        return None

    def residual(pose):
        # A pixel counts as orange from its middle on: the border is a little inside.
        return distance_to_t(turned(points - pose[:2], -pose[2])) + 0.0006
    middle = (points.max(0) + points.min(0)) / 2
    coarse = min((least_squares(residual, (*middle, k * math.pi / 6), loss='soft_l1', f_scale=0.002, max_nfev=12)
                  for k in range(12)), key=lambda found: found.cost)
    fine = least_squares(residual, coarse.x, loss='soft_l1', f_scale=0.001)
    return np.array([*fine.x[:2], wrap(fine.x[2])]) if np.abs(fine.fun).mean() < 0.0025 else None


# ---- pushing -------------------------------------------------------------------------------
def proposals(pose, draw):
    """Yield pushes (start (2,), end (2,)) of the tool's corner in frame station, the likeliest first.

    ``draw``: a random.Random; with one the order is drawn by how likely they are, None: it is not.
    """
    turn = GOAL[2] - pose[2]
    wish = [[*turned(GOAL[:2] - pose[:2], -pose[2]), math.cos(turn), math.sin(turn)]]
    answer = NET.run(wish=wish)
    order = -answer['weights'][0]
    if draw is not None:
        order = np.array([draw.expovariate(1.0) / max(weight, 1e-9) for weight in answer['weights'][0]])
    for kind in np.argsort(order):
        if answer['weights'][0][kind] >= 0.02:
            start, end = answer['pushes'][0][kind].reshape(2, 2)
            yield pose[:2] + turned(start, pose[2]), pose[:2] + turned(end, pose[2])


def lean_at(arm, point):
    """Return the outward lean [rad] with which ``arm`` reaches ``point`` at pushing height."""
    return math.radians(max(0.0, np.linalg.norm(point - BASES[arm]) - 0.480) / 0.0044)


def tool_at(arm, point, z, yaw, lean):
    """Return (x, y, z, roll, pitch, yaw) of a tool that points down and leans outward."""
    b = math.atan2(*(point - BASES[arm])[::-1])
    frame = np.array([(math.cos(b), -math.sin(b), 0), (math.sin(b), math.cos(b), 0), (0, 0, 1)])
    tilt = np.array([(math.cos(lean), 0, -math.sin(lean)), (0, 1, 0), (math.sin(lean), 0, math.cos(lean))])
    down = np.array([(math.cos(yaw), math.sin(yaw), 0), (math.sin(yaw), -math.cos(yaw), 0), (0, 0, -1)])
    m = frame @ tilt @ frame.T @ down
    return (*point, z, math.atan2(m[2, 1], m[2, 2]), math.asin(np.clip(-m[2, 0], -1, 1)), math.atan2(m[1, 0], m[0, 0]))


def clear(point, yaw, pose):
    """Return whether the tool's block at ``point``, grown by a millimetre, is clear of the T."""
    grid = np.array([(x, y) for x in np.linspace(-1, 1, 7) for y in np.linspace(-1, 1, 5)]) * (0.0135, 0.0072)
    return bool((distance_to_t(turned(point + turned(grid, yaw) - pose[:2], -pose[2])) > 0).all())


def plan(pose, start, end):
    """Yield (arm, yaw, lean, start, end) of the tool's middle: ways to make a push, the easiest first."""
    heading = end - start
    length = np.linalg.norm(heading)
    heading = heading / max(length, 1e-6)
    found = []
    for arm, base in BASES.items():
        bearing = math.atan2(*(start - base)[::-1])
        ways = [wrap(math.atan2(heading[1], heading[0]) - angle - bearing) for angle in CORNER_ANGLES]
        which = int(np.argmin(np.abs(ways)))
        yaw = ways[which] + bearing
        offset = turned(CORNERS[which], yaw)
        lean = max(lean_at(arm, start), lean_at(arm, end))
        # Begin farther back where the tool would come down on the T.
        middle = next((start - offset - back * heading for back in np.arange(0.0, 0.02, 0.002)
                       if clear(start - offset - back * heading, yaw, pose)), None)
        if middle is not None and lean <= LONGEST_LEAN:
            found.append((lean, arm, yaw, middle, end - offset))
    for lean, arm, yaw, first, last in sorted(found, key=lambda one: one[0]):
        yield arm, yaw, lean, first, last


def push(robot, arm, yaw, lean, first, last):
    """Over the start, down, along, up, away."""
    heading = (last - first) / max(np.linalg.norm(last - first), 1e-6)
    for point, z, speed in ((first, HOVER_Z, 0.45), (first, PUSH_Z, 0.25), (last, PUSH_Z, 0.09),
                            (last - 0.004 * heading, HOVER_Z, 0.25)):
        robot.move_to_pose(*tool_at(arm, point, z, yaw, lean), speed=speed, arm=arm)


def push_once(robot, pose, draw):
    """Make the first push of `proposals` that an arm can make; return whether there was one."""
    for start, end in proposals(pose, draw):
        for way in plan(pose, start, end):
            try:
                push(robot, *way)
                return True
            except Unreachable:
                robot.lift(0.05, (way[0],))
    return False


def run(robot):
    """Push until the T lies on the goal or the time is up."""
    robot.move_joints({'left': READY, 'right': READY}, speed=1.2)
    best = math.inf
    while robot.time_left > 8.0:
        robot.wait(0.1)
        pose = look(robot)
        if pose is None:
            return
        if math.dist(pose[:2], GOAL[:2]) <= GOOD_M and abs(wrap(pose[2] - GOAL[2])) <= GOOD_RAD:
            return
        # What didn't help would not help again: where the last push was no gain, another one is drawn.
        off = math.dist(pose[:2], GOAL[:2]) + TURN_M * abs(wrap(pose[2] - GOAL[2]))
        if not push_once(robot, pose, None if off < best else random):
            return
        best = min(best, off)
        robot.move_joints({'left': READY, 'right': READY}, speed=1.2)

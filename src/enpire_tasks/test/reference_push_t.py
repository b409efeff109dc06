"""Reference policy for Push-T, for tests only: closed loop, with a quasi-static model of pushing.

Looks, fits the T's pose relative to the marks, tries some thousands of pushes (and a second push after
the best of them) on a model, does the best one, takes the arm away, looks again. The model: a T that
slides on an ellipsoid as limit surface, pushed at a point that sticks. Where a push ended, the T's edge
shows where the tool really is: that is learned for each arm.
"""

import itertools
import math

import cv2
import numpy as np
from enpire_policy import Unreachable
from scipy.optimize import least_squares

CENTRE, SIZE, FLOOR = np.array([0.32, 0.0]), np.array([0.30, 0.42]), 0.010
TOP = FLOOR + 0.030
GOAL = np.array([0.32, 0.0, math.pi / 4])
MARK_SIDE = 0.048
MARKS = {i: (x, y) for i, (x, y) in enumerate(itertools.product((0.436, 0.32, 0.204), (0.176, -0.176)))}
BAR_TOP = 0.040714285714
OUTLINE = np.array([(-60, 0), (-60, -30), (-15, -30), (-15, -120), (15, -120), (15, -30), (60, -30),
                    (60, 0)]) / 1e3 + (0, BAR_TOP)
BASES = {'left': np.array([0.0, 0.305]), 'right': np.array([0.0, -0.305])}
READY = (0.0, 1.68, 1.35, -1.24, 0.0, 0.0)

# The tool: closed jaws, a block of 25 x 12.4 mm where it meets the T; a corner of it leads.
TOOL_HALF = np.array([0.0125, 0.0062])
CORNERS = [np.array([sx, sy]) * TOOL_HALF for sx, sy in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
PUSH_Z, CONTACT_Z, HOVER_Z = FLOOR + 0.0170, FLOOR + 0.027, 0.062
# Turning one radian counts as 70 mm. FRICTION_RADIUS: largest moment over largest force of the floor.
TURN_ARM, FRICTION_RADIUS = 0.070, 0.052
STEP, MAX_PUSH, BACK_OFF = 0.0015, 0.100, 0.010
SLANTS = np.radians([-24, -12, 0, 12, 24])
MAX_SLANT = math.radians(34)
GOOD, FINE = (0.0028, math.radians(1.6)), (0.0040, math.radians(2.3))


def turned(points, angle):
    """Turn points (..., 2) by ``angle``, a number or an array that fits."""
    c, s = np.cos(angle), np.sin(angle)
    points = np.asarray(points)
    return np.stack([c * points[..., 0] - s * points[..., 1], s * points[..., 0] + c * points[..., 1]], -1)


def wrap(angle):
    """Bring an angle into [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


# ---- looking ---------------------------------------------------------------------------------


def camera_from_marks(color, info):
    """Return (rotation, translation) of frame station in the optical frame, or None."""
    grey = cv2.resize(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), None, fx=3, fy=3,
                      interpolation=cv2.INTER_CUBIC)
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    settings.cornerRefinementWinSize = 4
    detector = cv2.aruco.ArucoDetector(
        cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), settings)
    quads, found, _ = detector.detectMarkers(grey)
    world, pixels = [], []
    for quad, identifier in zip(quads, [] if found is None else found.ravel()):
        if int(identifier) in MARKS:
            x, y = MARKS[int(identifier)]
            h = MARK_SIDE / 2
            world += [(x + h, y + h, FLOOR), (x + h, y - h, FLOOR), (x - h, y - h, FLOOR), (x - h, y + h, FLOOR)]
            pixels.append((quad.reshape(4, 2) + 0.5) / 3 - 0.5)
    if len(pixels) < 3:
        return None
    nominal = np.linalg.inv(info.pose)
    turn, shift = cv2.solvePnPRefineLM(
        np.array(world), np.concatenate(pixels), info.matrix, None,
        cv2.Rodrigues(nominal[:3, :3])[0], nominal[:3, 3:].copy())
    return cv2.Rodrigues(turn)[0], shift.ravel()


def outline_points(color, info, camera):
    """Return points (N, 2) of the border of the orange top face, in frame station; and its area [m2]."""
    values = color[..., 0].astype(np.int16) - color[..., 2]
    rotation, translation = camera
    corners = np.array([(*(CENTRE + s * SIZE / 2), TOP) for s in ((1, 1), (1, -1), (-1, -1), (-1, 1))])
    pixels = (corners @ rotation.T + translation) @ info.matrix.T
    tray = np.zeros(values.shape, np.uint8)
    cv2.fillConvexPoly(tray, np.round(pixels[:, :2] / pixels[:, 2:]).astype(np.int32), 1)
    mask = ((values > 110) & (tray > 0)).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.empty((0, 2))
    border = max(contours, key=cv2.contourArea).reshape(-1, 2).astype(float)
    rays = np.linalg.solve(info.matrix, np.c_[border, np.ones(len(border))].T)
    rays, eye = rotation.T @ rays, -rotation.T @ translation
    return (eye[:, None] + rays * ((TOP - eye[2]) / rays[2]))[:2].T


def signed_distance(points):
    """Return distances (N,) of points in the T's frame from its outline, negative inside."""
    ends = np.roll(OUTLINE, -1, axis=0)
    along = ends - OUTLINE
    share = np.einsum('nki,ki->nk', points[:, None] - OUTLINE, along) / (along ** 2).sum(1)
    nearest = OUTLINE + np.clip(share, 0, 1)[..., None] * along
    distance = np.linalg.norm(points[:, None] - nearest, axis=2).min(1)
    in_bar = (np.abs(points[:, 0]) < 0.06) & (np.abs(points[:, 1] - BAR_TOP + 0.015) < 0.015)
    in_stem = (np.abs(points[:, 0]) < 0.015) & (np.abs(points[:, 1] - BAR_TOP + 0.075) < 0.0451)
    return np.where(in_bar | in_stem, -distance, distance)


def fit_pose(points, near=None):
    """Return (pose (3,), mean distance) of the T whose outline the points lie on."""
    def residual(pose):
        return signed_distance(turned(points - pose[:2], -pose[2])) + 0.0006

    middle = (points.max(0) + points.min(0)) / 2
    guesses = [near] if near is not None else [(*middle, k * math.pi / 8) for k in range(16)]
    ranked = sorted((least_squares(residual, guess, loss='soft_l1', f_scale=0.002, max_nfev=12)
                     for guess in guesses), key=lambda found: found.cost)
    best = least_squares(residual, ranked[0].x, loss='soft_l1', f_scale=0.001)
    return np.array([*best.x[:2], wrap(best.x[2])]), float(np.abs(best.fun).mean())


def look(robot, near=None):
    """Return the T's pose (3,), or None where it isn't seen well."""
    frame, info = robot.capture('top_camera'), robot.camera_info('top_camera')
    camera = camera_from_marks(frame.color, info)
    if camera is None:
        return None
    points = outline_points(frame.color, info, camera)
    if len(points) < 60:
        return None
    if near is not None:
        pose, error = fit_pose(points, near)
        if error < 0.0010:
            return pose
    pose, error = fit_pose(points)
    return pose if error < 0.0025 else None


# ---- pushing, as a model ----------------------------------------------------------------------


def contacts():
    """Return contact points (N, 2) on the outline and inward normals (N, 2), in the T's frame."""
    points, normals = [], []
    for start, end in zip(OUTLINE, np.roll(OUTLINE, -1, axis=0)):
        length = np.linalg.norm(end - start)
        along = (end - start) / length
        for s in np.linspace(0.005, length - 0.005, max(3, round(length / 0.008))):
            points.append(start + s * along)
            normals.append((-along[1], along[0]))
    return np.array(points), np.array(normals)


POINTS, NORMALS = contacts()
PATH_POINTS = np.repeat(POINTS, len(SLANTS), axis=0)
PATH_NORMALS = np.repeat(NORMALS, len(SLANTS), axis=0)
PATH_SLANTS = np.tile(SLANTS, len(POINTS))


def roll_out(poses):
    """Push from each of ``poses`` (M, 3) along all paths; return poses (M, P, S, 3), all steps.

    A step whose force would leave the cone in which the contact sticks is NaN, as is all after it.
    """
    count = int(MAX_PUSH / STEP)
    now = np.repeat(np.asarray(poses)[:, None, :], len(PATH_POINTS), axis=1)
    heading = turned(turned(PATH_NORMALS, PATH_SLANTS)[None], now[..., 2])
    result = np.full((*now.shape[:2], count, 3), np.nan)
    c2 = FRICTION_RADIUS ** 2
    alive = np.ones(now.shape[:2], bool)
    for k in range(count):
        arm = turned(PATH_POINTS[None], now[..., 2])
        normal = turned(PATH_NORMALS[None], now[..., 2])
        x, y, ux, uy = arm[..., 0], arm[..., 1], heading[..., 0], heading[..., 1]
        scale = STEP / (c2 + x * x + y * y)
        vx = ((c2 + x * x) * ux + x * y * uy) * scale
        vy = (x * y * ux + (c2 + y * y) * uy) * scale
        inward = vx * normal[..., 0] + vy * normal[..., 1]
        alive &= inward > math.cos(MAX_SLANT) * np.hypot(vx, vy)
        now = now + np.stack([vx, vy, (x * vy - y * vx) / c2], -1)
        result[:, :, k] = np.where(alive[..., None], now, np.nan)
    return result


def cost(poses):
    """Return how far poses (..., 3) are from the goal [m]; out of the tray is infinite."""
    off = poses - GOAL
    value = np.sqrt((off[..., :2] ** 2).sum(-1) + (TURN_ARM * wrap(off[..., 2])) ** 2)
    reach = np.abs(turned(OUTLINE, poses[..., 2, None]) + poses[..., None, :2] - CENTRE)
    inside = (reach <= SIZE / 2 - 0.004).all((-1, -2))
    return np.where(np.isfinite(value) & inside, value, np.inf)


# ---- what an arm can do ------------------------------------------------------------------------


def lean_for(arm, point):
    """Return the outward lean [rad] with which ``arm`` reaches ``point`` at pushing height."""
    return math.radians(max(0.0, np.linalg.norm(point - BASES[arm]) - 0.480) / 0.0044)


def tool_pose(arm, point, z, yaw, lean):
    """Return (x, y, z, roll, pitch, yaw): pointing down, leaning outward."""
    out = point - BASES[arm]
    b = math.atan2(out[1], out[0])
    frame = np.array([(math.cos(b), -math.sin(b), 0), (math.sin(b), math.cos(b), 0), (0, 0, 1)])
    tilt = np.array([(math.cos(lean), 0, -math.sin(lean)), (0, 1, 0), (math.sin(lean), 0, math.cos(lean))])
    down = np.array([(math.cos(yaw), math.sin(yaw), 0), (math.sin(yaw), -math.cos(yaw), 0), (0, 0, -1)])
    m = frame @ tilt @ frame.T @ down
    return (*point, z, math.atan2(m[2, 1], m[2, 2]), math.asin(np.clip(-m[2, 0], -1, 1)),
            math.atan2(m[1, 0], m[0, 0]))


def overlaps(centre, yaw, pose, grow):
    """Return True when the tool's block, grown by ``grow`` [m], meets the T at ``pose``."""
    half = TOOL_HALF + grow
    grid = np.array([(x, y) for x in np.linspace(-1, 1, 7) for y in np.linspace(-1, 1, 5)]) * half
    local = turned(centre + turned(grid, yaw) - pose[:2], -pose[2])
    if (signed_distance(local) < 0).any():
        return True
    corners = turned(turned(OUTLINE, pose[2]) + pose[:2] - centre, -yaw)
    return bool((np.abs(corners) < half).all(1).any())


class Push:
    """One push by one arm: where the tool starts and ends, seen from the tool's centre."""

    def __init__(self, arm, pose, path, steps, predicted, learned):
        self.arm, self.path, self.predicted = arm, path, predicted
        normal = turned(PATH_NORMALS[path], pose[2])
        self.heading = turned(normal, PATH_SLANTS[path])
        self.normal_after = turned(PATH_NORMALS[path], predicted[2])
        contact = pose[:2] + turned(PATH_POINTS[path], pose[2])
        self.contact_after = predicted[:2] + turned(PATH_POINTS[path], predicted[2])
        self.local, self.local_normal = PATH_POINTS[path], PATH_NORMALS[path]
        self.length = steps * STEP
        bearing = math.atan2(*(contact - BASES[arm])[::-1])
        # A corner leads, 45 degrees to its two faces, by the yaw that turns joint 6 least.
        towards = math.atan2(self.heading[1], self.heading[0])
        options = [(abs(wrap(towards - corner_at - bearing)), towards - corner_at, k) for k, corner_at in
                   enumerate((math.pi / 4, 3 * math.pi / 4, -3 * math.pi / 4, -math.pi / 4))]
        _, self.yaw, which = min(options)
        # A gripper that points down is mirrored, but its block is symmetric: the same four corners.
        self.corner = turned(CORNERS[which], self.yaw)
        out = (contact - BASES[arm]) / np.linalg.norm(contact - BASES[arm])
        self.lean = max(lean_for(arm, contact - BACK_OFF * self.heading),
                        lean_for(arm, contact + self.length * self.heading))
        inclined = math.tan(self.lean) * (CONTACT_Z - PUSH_Z) * out
        self.offset = self.corner - inclined + learned
        self.touch = contact - self.offset
        self.start = self.touch - BACK_OFF * self.heading
        self.end = self.touch + self.length * self.heading
        self.real_start = self.start + self.offset - self.corner
        self.real_touch = contact - self.corner

    def fits(self, pose):
        """Return True when the tool can go down at the start and clears the T but for its corner."""
        return (self.lean <= math.radians(24) and not overlaps(self.real_start, self.yaw, pose, 0.003)
                and not overlaps(self.real_touch - 0.001 * self.heading, self.yaw, pose, -0.0005))


class Planner:
    """Chooses pushes; keeps what was learned about each arm's tool (2,) [m] and how well [m2]."""

    def __init__(self):
        self.learned = {arm: np.zeros(2) for arm in BASES}
        self.spread = {arm: np.eye(2) * 0.0025 ** 2 for arm in BASES}

    def choose(self, pose, last_arm, banned):
        """Return the Push to do at ``pose``, or None when none helps."""
        paths = roll_out(pose[None])[0]
        first = cost(paths)
        steps = np.argmin(first, axis=1)
        best = first[np.arange(len(first)), steps]
        order = [p for p in np.argsort(best) if np.isfinite(best[p])][:150]
        chosen, firsts = [], []
        for path in order:
            push = self._by_an_arm(pose, path, steps[path] + 1, paths[path, steps[path]], last_arm, banned)
            if push is not None:
                chosen.append(push)
                firsts.append(best[path] + (0.004 if push.arm != last_arm else 0.0) + 0.03 * push.length)
            if len(chosen) == 24:
                break
        if not chosen:
            return None
        second = cost(roll_out(np.array([push.predicted for push in chosen]))).min((1, 2))
        total = np.array(firsts) * 0.5 + second
        return chosen[int(np.argmin(total))]

    def _by_an_arm(self, pose, path, steps, predicted, last_arm, banned):
        pushes = [Push(arm, pose, path, steps, predicted, self.learned[arm]) for arm in BASES
                  if (arm, path) not in banned]
        pushes = [push for push in pushes if push.fits(pose)]
        return min(pushes, key=lambda push: push.lean + (0.15 if push.arm != last_arm else 0.0), default=None)

    def learn(self, push, seen):
        """Take from the T's pose after ``push`` where its tool really was."""
        normal = turned(push.local_normal, seen[2])
        edge = seen[:2] + turned(push.local, seen[2])
        gap = float((push.end + push.offset - edge) @ normal)
        if not abs(gap) < 0.008:
            return
        arm, noise = push.arm, 0.0007 ** 2
        spread = self.spread[arm] + np.eye(2) * 0.0003 ** 2
        gain = spread @ normal / (normal @ spread @ normal + noise)
        self.learned[arm] = self.learned[arm] - gain * gap
        self.spread[arm] = spread - np.outer(gain, normal @ spread)


# ---- the policy --------------------------------------------------------------------------------


def do(robot, push):
    """Execute a push: over its start, down, along, up, away."""
    arm = push.arm
    high = tool_pose(arm, push.start, HOVER_Z, push.yaw, push.lean)
    robot.move_to_pose(*high, speed=0.45, arm=arm)
    robot.move_to_pose(*tool_pose(arm, push.start, PUSH_Z, push.yaw, push.lean), speed=0.25, arm=arm)
    robot.move_to_pose(*tool_pose(arm, push.end, PUSH_Z, push.yaw, push.lean), speed=0.09, arm=arm)
    robot.move_to_pose(*tool_pose(arm, push.end - 0.004 * push.heading, HOVER_Z, push.yaw, push.lean),
                       speed=0.25, arm=arm)


def good_enough(pose, limits):
    """Return True when the T is within ``limits`` (m, rad) of the goal."""
    return math.dist(pose[:2], GOAL[:2]) <= limits[0] and abs(wrap(pose[2] - GOAL[2])) <= limits[1]


def run(robot):
    """Push the T onto the goal."""
    planner, last, near, banned = Planner(), None, None, set()
    robot.move_joints({'left': READY, 'right': READY}, speed=1.2)
    while robot.time_left > 8.0:
        robot.wait(0.1)
        pose = look(robot, near)
        if pose is None:
            near = None
            robot.move_joints({'left': READY, 'right': READY}, speed=1.2)
            pose = look(robot)
            if pose is None:
                return
        if last is not None:
            planner.learn(last, pose)
        if good_enough(pose, GOOD):
            return
        push = planner.choose(pose, last.arm if last else None, banned)
        if push is None or (good_enough(pose, FINE) and cost(push.predicted[None])[0] > 0.6 * cost(pose[None])[0]):
            return
        try:
            do(robot, push)
            banned.clear()
            last, near = push, push.predicted
        except Unreachable:
            banned.add((push.arm, push.path))
            last, near = None, None
        robot.move_joints({push.arm: READY}, speed=1.2)

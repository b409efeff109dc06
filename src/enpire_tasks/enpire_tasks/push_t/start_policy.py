"""Start policy of Push-T: look, turn the T by its bar, push it through its middle, look again.

It finds the T by colour in the top camera, takes its place and angle from the moments of the coloured
pixels, and alternates two kinds of pushes with the closed gripper of the nearer arm until the T looks
right, it has pushed twelve times, or the time is up. See brief.md for what it does not do.

VARY is for whoever improves it, a search too: constants with their ranges, and names of functions that do a
part of the work another way. Those were written down next to the first ones and not tuned: what stands in
the file is the policy, the rest are ideas.
"""

import contextlib
import math
from collections import namedtuple

import cv2
import numpy as np
from enpire_policy import Unreachable

# ---- what may vary: which function does a part of the work (see BLOCKS), and how much ------------
CHOOSE = 'by_turns'
GRIP = 'plain'
LEARN = 'nothing'
LEAN = 'fixed'
CAMERA = 'shift'
# Content with the T when it is as near as this to the goal [m, degrees]: what is judged.
CONTENT_M = 0.005
CONTENT_DEG = 3.0
# What turning by one radian counts as, where it is weighed against shifting: the T is 120 mm long [m].
TURN_M = 0.120
# Largest moment over largest force of the floor on the T: it reaches 80 mm from its middle [m].
FRICTION_M = 0.080
# How far before the T the tool goes down [m].
BEFORE_M = 0.030
# How far a planned push goes at most: not far, the model is a rough one [m].
LONGEST_M = 0.038
# It gives up after so many pushes.
MOST_PUSHES = 12
# Speeds of the gripper on its way and while it pushes [m/s], and of the joints on their way home [rad/s].
TRAVEL_SPEED = 0.33
PUSH_SPEED = 0.12
HOME_SPEED = 1.5
# Share of a gap between tool and T that is learned at once.
LEARN_SHARE = 0.2

VARY = {
    'CHOOSE': {'options': ['by_turns', 'larger_error', 'by_plan'], 'helps': ['far', 'both', 'turned', 'beside']},
    'GRIP': {'options': ['plain', 'corner_first'], 'helps': ['both', 'beside', 'turned', 'near']},
    'LEARN': {'options': ['nothing', 'from_ends'], 'helps': ['both', 'beside', 'near']},
    'LEAN': {'options': ['fixed', 'by_distance'], 'helps': ['far', 'both']},
    'CAMERA': {'options': ['shift', 'pose'], 'helps': ['beside', 'turned', 'near']},
    'CONTENT_M': {'low': 0.0012, 'high': 0.030, 'log': True, 'helps': ['beside', 'near']},
    'CONTENT_DEG': {'low': 0.4, 'high': 15.0, 'log': True, 'helps': ['turned', 'near']},
    'TURN_M': {'low': 0.035, 'high': 0.300, 'log': True, 'helps': ['far', 'both', 'turned', 'beside'],
               'when': {'CHOOSE': ['larger_error', 'by_plan']}},
    'FRICTION_M': {'low': 0.035, 'high': 0.250, 'log': True, 'helps': ['far', 'both', 'turned'],
                   'when': {'CHOOSE': ['by_plan']}},
    'BEFORE_M': {'low': 0.004, 'high': 0.070, 'log': True, 'helps': ['far', 'both', 'refused']},
    'LONGEST_M': {'low': 0.006, 'high': 0.120, 'log': True, 'helps': ['far', 'both', 'turned', 'beside'],
                  'when': {'CHOOSE': ['by_plan']}},
    'MOST_PUSHES': {'low': 4, 'high': 40, 'log': True, 'helps': ['far', 'both', 'turned', 'beside', 'near']},
    'PUSH_SPEED': {'low': 0.02, 'high': 0.20, 'log': True, 'helps': ['far', 'both', 'turned']},
    'LEARN_SHARE': {'low': 0.02, 'high': 0.95, 'helps': ['both', 'beside', 'near'],
                    'when': {'LEARN': ['from_ends']}},
}

GOAL = np.array([0.32, 0.0, math.pi / 4])
FLOOR, T_TOP = 0.010, 0.040
MARKS = {0: (0.436, 0.176), 1: (0.436, -0.176), 2: (0.32, 0.176), 3: (0.32, -0.176), 4: (0.204, 0.176),
         5: (0.204, -0.176)}
MARK_SIDE = 0.048
# Corners of the T about its middle (the centroid), counter-clockwise [m]; from the middle of its bar to near an end.
CORNERS = np.array([(-60, 40.7), (-60, 10.7), (-15, 10.7), (-15, -79.3), (15, -79.3), (15, 10.7), (60, 10.7),
                    (60, 40.7)]) / 1e3
TO_END = 0.050
STEP = 0.002
BASES = {'left': np.array([0.0, 0.305]), 'right': np.array([0.0, -0.305])}
PUSH_HEIGHT, TRAVEL_HEIGHT = 0.027, 0.075
# The closed jaws [m]: as if they were a round rod, and as the block that they are, with its corners.
TOOL = 0.012
JAWS = np.array([0.025, 0.0124])
SIGNS = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
# Forward lean of the gripper [rad] where straight down is out of reach.
FIXED_LEAN = 0.35
# Leaning by distance: begins so far from the arm's base [m], grows by [rad/m], up to [rad]. The T is met a little
# above the tcp [m], which a lean moves.
UPRIGHT_REACH, LEAN_PER_M, MOST_LEAN = 0.48, 4.0, 0.42
ABOVE_TCP = 0.010

# A push: the tool's foremost point starts at ``contact`` on the T, whose inward ``normal`` is there, and goes
# by ``length`` towards ``heading``.
Push = namedtuple('Push', 'contact normal heading length')


def turned(points, angle):
    """Return points (..., 2) turned by ``angle``."""
    c, s = np.cos(angle), np.sin(angle)
    x, y = np.moveaxis(np.asarray(points, float), -1, 0)
    return np.stack([c * x - s * y, s * x + c * y], -1)


def wrap(angle):
    """Return ``angle`` between -pi and pi."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


# ---- looking -----------------------------------------------------------------------------------


def to_table(info, camera, pixels, height):
    """Return the points (N, 2) at ``height`` that ``pixels`` (N, 2) show, by the pose (4, 4) of the camera."""
    rays = camera[:3, :3] @ np.linalg.solve(info.matrix, np.c_[pixels, np.ones(len(pixels))].T)
    return (camera[:3, 3:] + rays * (height - camera[2, 3]) / rays[2])[:2].T


def find_marks(image):
    """Return {name: corners (4, 2)} of the marks in ``image``."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    corners, names, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(image)
    return {name: quad[0] for quad, name in zip(corners, [] if names is None else names.ravel()) if name in MARKS}


def camera_by_shift(image, info):
    """Return the nominal pose of the camera, shifted by what the marks seem to lie off their places."""
    off = [to_table(info, info.pose, quad, FLOOR).mean(axis=0) - MARKS[name] for name, quad in
           find_marks(image).items()]
    camera = info.pose.copy()
    if off:
        camera[:2, 3] -= np.mean(off, axis=0)
    return camera


def camera_by_pose(image, info):
    """Return the pose of the camera from the corners of the marks, in a picture three times as large."""
    marks = find_marks(cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
    if len(marks) < 3:
        return camera_by_shift(image, info)
    h = MARK_SIDE / 2
    world = np.array([(MARKS[name][0] + sx * h, MARKS[name][1] + sy * h, FLOOR) for name in marks
                      for sx, sy in ((1, 1), (1, -1), (-1, -1), (-1, 1))])
    pixels = (np.concatenate(list(marks.values())) + 0.5) / 3 - 0.5
    nominal = np.linalg.inv(info.pose)
    turn, shift = cv2.solvePnPRefineLM(world, pixels.astype(float), info.matrix, None,
                                       cv2.Rodrigues(nominal[:3, :3])[0], nominal[:3, 3:].copy())
    camera = np.eye(4)
    camera[:3, :3] = cv2.Rodrigues(turn)[0].T
    camera[:3, 3:] = -camera[:3, :3] @ shift
    return camera


def find_t(robot, camera_by):
    """Return the pose (x, y, angle) of the T in the tray, or None."""
    frame, info = robot.capture('top_camera'), robot.camera_info('top_camera')
    image = frame.color.astype(int)
    rows, columns = np.nonzero(image[:, :, 0] - image[:, :, 2] > 100)
    points = to_table(info, camera_by(frame.color, info), np.c_[columns, rows], T_TOP)
    # Only the tray: other things may be orange, too.
    points = points[(abs(points[:, 0] - GOAL[0]) < 0.15) & (abs(points[:, 1]) < 0.21)]
    if len(points) < 100:
        return None
    middle = points.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((points - middle).T))
    # The T is longest along its stem, and the stem is the thin end: the far tail of the pixels.
    stem = axes[:, np.argmax(spread)]
    if (((points - middle) @ stem) ** 3).sum() < 0:
        stem = -stem
    return np.array([*middle, wrap(math.atan2(stem[1], stem[0]) + math.pi / 2)])


# ---- choosing: functions of (pose, number of pushes done) that return pushes, the best first -----


def edge_points():
    """Return points (N, 2) on the T's outline, about every 3 mm, and the inward normals (N, 2) there."""
    points, normals = [], []
    for start, end in zip(CORNERS, np.roll(CORNERS, -1, axis=0)):
        length = np.linalg.norm(end - start)
        along = (end - start) / length
        for s in np.linspace(0.005, length - 0.005, math.ceil(length / 0.003)):
            points.append(start + s * along)
            normals.append((-along[1], along[0]))
    return np.array(points), np.array(normals)


EDGE, EDGE_NORMALS = edge_points()
# Where and how a planned push may begin: each third point, straight or at a slant to either side.
POINTS, NORMALS = (np.repeat(part[::3], 3, axis=0) for part in (EDGE, EDGE_NORMALS))
SLANTS = np.tile(np.radians([-18, 0, 18]), len(POINTS) // 3)


def turning_push(pose):
    """Return the push on one end of the bar, from the outer side, that makes the angle right."""
    error = wrap(GOAL[2] - pose[2])
    contact = turned((TO_END * (1 if error < 0 else -1), CORNERS[0, 1]), pose[2]) + pose[:2]
    inward = turned((0.0, -1.0), pose[2])
    return Push(contact, inward, inward, TO_END * abs(math.sin(error)))


def straight_push(pose):
    """Return the push through the T's middle, from the edge that lies behind it, that makes the place right."""
    way = GOAL[:2] - pose[:2]
    distance = np.linalg.norm(way)
    towards = way / distance
    edge = turned(EDGE, pose[2])
    along, across = edge @ towards, edge @ (-towards[1], towards[0])
    behind = np.argmin(np.where(abs(across) < 0.006, along, 1.0))
    return Push(pose[:2] + along[behind] * towards, turned(EDGE_NORMALS[behind], pose[2]), towards, distance)


def choose_by_turns(pose, done):
    """Turn and shift, one after the other."""
    return [straight_push(pose) if done % 2 else turning_push(pose)]


def choose_larger_error(pose, _done):
    """Turn or shift, whichever is more wrong."""
    error = abs(wrap(GOAL[2] - pose[2]))
    return [turning_push(pose) if TURN_M * error > math.dist(pose[:2], GOAL[:2]) else straight_push(pose)]


def cost(poses):
    """Return how far poses (..., 3) are from the goal [m]; infinite where the T would leave the tray."""
    off = poses - GOAL
    value = np.sqrt(off[..., 0] ** 2 + off[..., 1] ** 2 + (TURN_M * wrap(off[..., 2])) ** 2)
    corners = abs(turned(CORNERS, poses[..., 2, None]) + poses[..., None, :2] - GOAL[:2])
    return np.where((corners < (0.146, 0.206)).all(axis=(-1, -2)), value, np.inf)


def model(pose, headings):
    """Return the poses (S, P, 3) of the T after each step along P pushes; NaN where the tool would slip.

    Force and moment of the floor lie on an ellipsoid (limit surface); the tool sticks to its point of the T.
    """
    now, poses = np.repeat(pose[None], len(POINTS), axis=0), []
    sticks, square = np.ones(len(POINTS), bool), FRICTION_M ** 2
    for _ in range(round(LONGEST_M / STEP)):
        arm = turned(POINTS, now[:, 2])
        # The point moves by STEP along its heading: so much of it by turning, the rest by sliding.
        moment = arm[:, 0] * headings[:, 1] - arm[:, 1] * headings[:, 0]
        across = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
        turn = STEP * moment / (square + (arm ** 2).sum(axis=1))
        slide = STEP * headings - turn[:, None] * across
        sticks &= (slide * turned(NORMALS, now[:, 2])).sum(axis=1) > 0.83 * np.linalg.norm(slide, axis=1)
        now = now + np.c_[slide, turn]
        poses.append(np.where(sticks[:, None], now, np.nan))
    return np.array(poses)


def choose_by_plan(pose, _done):
    """Try all edges and some slants on the model; return the pushes that bring the T nearest to the goal."""
    headings, normals = turned(turned(NORMALS, SLANTS), pose[2]), turned(NORMALS, pose[2])
    contacts = turned(POINTS, pose[2]) + pose[:2]
    costs = cost(model(pose, headings))
    steps, best = costs.argmin(axis=0), costs.min(axis=0)
    # The tool needs room where it goes down.
    starts = contacts - headings * (BEFORE_M + TOOL)
    room = np.linalg.norm(starts[:, None] - turned(EDGE, pose[2]) - pose[:2], axis=2).min(axis=1)
    best[room < 0.017] = np.inf
    return [Push(contacts[k], normals[k], headings[k], STEP * (steps[k] + 1)) for k in np.argsort(best)[:4]]


# ---- pushing -----------------------------------------------------------------------------------


def hold_plain(push, _arm):
    """The gripper as it is, taken for a round rod: return (yaw, way (2,) from its middle to its foremost point)."""
    return 0.0, TOOL * push.heading


def hold_corner_first(push, arm):
    """The gripper turned so that a corner of its jaws leads."""
    towards = math.atan2(push.heading[1], push.heading[0])
    outward = math.atan2(*(push.contact - BASES[arm])[::-1])
    yaws = [towards - math.atan2(sy, sx) for sx, sy in SIGNS]
    k = int(np.argmin([abs(wrap(yaw - outward)) for yaw in yaws]))
    return yaws[k], turned(JAWS / 2 * SIGNS[k], yaws[k])


def lean_fixed(_arm, _points):
    """Straight down, or else forward by a fixed angle: return [(direction, angle, shift (2,) at the T)]."""
    return [(0.0, 0.0, np.zeros(2)), (0.0, FIXED_LEAN, np.zeros(2))]


def lean_by_distance(arm, points):
    """Outward from the arm's base, by what the farthest of ``points`` takes; none where that is too much."""
    away = points[-1] - BASES[arm]
    direction = math.atan2(away[1], away[0])
    lean = LEAN_PER_M * max(0.0, max(math.dist(point, BASES[arm]) for point in points) - UPRIGHT_REACH)
    shift = -math.tan(min(lean, MOST_LEAN)) * ABOVE_TCP * turned((1.0, 0.0), direction)
    return [(direction, lean, shift)] if lean <= MOST_LEAN else []


def tool_pose(point, height, yaw, direction, lean):
    """Return (x, y, z, roll, pitch, yaw) of a gripper that points down, then leans by ``lean`` to ``direction``."""
    down = np.array([(math.cos(yaw), math.sin(yaw), 0), (math.sin(yaw), -math.cos(yaw), 0), (0, 0, -1)])
    m = cv2.Rodrigues(lean * np.array([math.sin(direction), -math.cos(direction), 0]))[0] @ down
    return (*point, height, math.atan2(m[2, 1], m[2, 2]), math.asin(np.clip(-m[2, 0], -1, 1)),
            math.atan2(m[1, 0], m[0, 0]))


def do(robot, push, blocks, learned):
    """Push with the nearer arm; leaning, or with the other, if need be; return (arm, end (2,)), or None.

    ``end``: where the tool's foremost point should have come to lie.
    """
    first, last = push.contact - BEFORE_M * push.heading, push.contact + push.length * push.heading
    arms = ('left', 'right') if first[1] + last[1] > 0 else ('right', 'left')
    tries = [(arm, *lean) for arm in arms for lean in blocks['LEAN'](arm, (first, last))]
    for arm, direction, lean, shift in sorted(tries, key=lambda one: one[2]):
        yaw, foremost = blocks['GRIP'](push, arm)
        offset = foremost + shift + learned[arm]

        def go(point, height, speed, arm=arm, yaw=yaw, direction=direction, lean=lean):
            robot.move_to_pose(*tool_pose(point, height, yaw, direction, lean), speed=speed, arm=arm)
        try:
            go(first - offset, TRAVEL_HEIGHT, TRAVEL_SPEED)
            go(first - offset, PUSH_HEIGHT, TRAVEL_SPEED / 2)
            go(last - offset, PUSH_HEIGHT, PUSH_SPEED)
        except Unreachable:
            # Out of the other arm's way.
            robot.home(speed=HOME_SPEED)
            continue
        # Far out an arm can't rise straight up; its way home leads up, too.
        with contextlib.suppress(Unreachable):
            go(last - offset, TRAVEL_HEIGHT, TRAVEL_SPEED / 2)
        return arm, last
    return None


# ---- learning where the tool really is ----------------------------------------------------------


def learn_nothing(_learned, _arm, _gap, _normal):
    """Trust the arm."""


def learn_from_ends(learned, arm, gap, normal):
    """The T lies where the tool let it: ``gap`` [m] is by how much the tool should have come farther than that."""
    if abs(gap) < 0.010:
        learned[arm] -= LEARN_SHARE * gap * normal


BLOCKS = {
    'CHOOSE': {'by_turns': choose_by_turns, 'larger_error': choose_larger_error, 'by_plan': choose_by_plan},
    'GRIP': {'plain': hold_plain, 'corner_first': hold_corner_first},
    'LEARN': {'nothing': learn_nothing, 'from_ends': learn_from_ends},
    'LEAN': {'fixed': lean_fixed, 'by_distance': lean_by_distance},
    'CAMERA': {'shift': camera_by_shift, 'pose': camera_by_pose},
}


def chosen_blocks():
    """Return {name: function} of the blocks that the names above ask for; ValueError for one that is not there."""
    blocks = {}
    for name, known in BLOCKS.items():
        if globals()[name] not in known:
            raise ValueError(f'{name}: expected one of {", ".join(known)}, got {globals()[name]!r}')
        blocks[name] = known[globals()[name]]
    return blocks


def run(robot):
    """Push until the T looks right."""
    blocks = chosen_blocks()
    learned, done, last = {arm: np.zeros(2) for arm in BASES}, 0, None
    robot.home(speed=HOME_SPEED)
    while done < MOST_PUSHES and robot.time_left > 12.0:
        robot.wait(0.1)
        pose = find_t(robot, blocks['CAMERA'])
        if pose is None:
            return
        if last is not None:
            (arm, end), point, normal = last
            normal = turned(normal, pose[2])
            blocks['LEARN'](learned, arm, (end - pose[:2] - turned(point, pose[2])) @ normal, normal)
        if math.dist(pose[:2], GOAL[:2]) < CONTENT_M and abs(wrap(pose[2] - GOAL[2])) < math.radians(CONTENT_DEG):
            return
        last = None
        for push in blocks['CHOOSE'](pose, done):
            pushed = do(robot, push, blocks, learned)
            if pushed:
                last = (pushed, turned(push.contact - pose[:2], -pose[2]), turned(push.normal, -pose[2]))
                break
        robot.home(speed=HOME_SPEED)
        done += 1

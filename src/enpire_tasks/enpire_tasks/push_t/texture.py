"""The picture printed on the tray floor: marks, goal, light floor. Drawn by code, the same bytes always.

Image x (columns) runs to station -y, image y (rows) to station -x: the picture looks as the top camera
sees it. The goal's green has as much red as blue, so that it vanishes in the red minus blue picture in
which the T is found.
"""

import cv2
import numpy as np

from . import geometry as g

PIXELS_PER_METRE = 2000
FLOOR_GREY = 214
GOAL_FILL = (196, 222, 196)
GOAL_LINE = (96, 150, 96)
GOAL_LINE_WIDTH = 0.003


def to_pixels(points):
    """Return (N, 2) points of frame station as (column, row) in the texture, edges at 0 and size."""
    points = np.asarray(points, float)
    column = (g.TRAY_CENTRE[1] + g.TRAY_SIZE[1] / 2 - points[:, 1]) * PIXELS_PER_METRE
    row = (g.TRAY_CENTRE[0] + g.TRAY_SIZE[0] / 2 - points[:, 0]) * PIXELS_PER_METRE
    return np.stack([column, row], 1)


def _fill(image, points, colour):
    fixed = np.round((to_pixels(points) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(image, [fixed], colour, lineType=cv2.LINE_AA, shift=4)


def floor_texture():
    """Return the floor picture as (H, W, 3) uint8 RGB."""
    shape = (round(g.TRAY_SIZE[0] * PIXELS_PER_METRE), round(g.TRAY_SIZE[1] * PIXELS_PER_METRE), 3)
    image = np.full(shape, FLOOR_GREY, np.uint8)
    goal = g.outline(g.GOAL)
    _fill(image, goal, GOAL_FILL)
    closed = np.round((to_pixels(goal) - 0.5) * 16).astype(np.int32)
    cv2.polylines(image, [closed], True, GOAL_LINE, round(GOAL_LINE_WIDTH * PIXELS_PER_METRE),
                  cv2.LINE_AA, shift=4)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    side = round(g.MARK_SIDE * PIXELS_PER_METRE)
    quiet = round(g.MARK_QUIET * PIXELS_PER_METRE)
    for identifier in g.MARKS:
        mark = cv2.aruco.generateImageMarker(dictionary, identifier, side)
        left, top = np.round(to_pixels(g.mark_corners(identifier)[:1, :2])[0]).astype(int)
        image[top - quiet:top + side + quiet, left - quiet:left + side + quiet] = 255
        image[top:top + side, left:left + side] = mark[:, :, None]
    return image


def floor_png():
    """Return the floor picture as PNG bytes."""
    done, data = cv2.imencode('.png', cv2.cvtColor(floor_texture(), cv2.COLOR_RGB2BGR))
    if not done:
        raise RuntimeError('expected OpenCV to encode the floor picture as PNG, it refused')
    return data.tobytes()

"""The start distribution of Push-T: seeds to poses of the T. Pure."""

import math

import numpy as np

from . import geometry as g

# Clear of the rim by what a reset may be off its mark, so that each start can really be laid there.
RIM_MARGIN = 0.012
MIN_DISTANCE = 0.060
MIN_ANGLE = math.radians(30.0)


def is_start(pose):
    """Return True for a pose (x, y, yaw) that the distribution can draw."""
    distance, angle = g.pose_error(pose)
    return g.inside_tray(pose, RIM_MARGIN) and (distance >= MIN_DISTANCE or angle >= MIN_ANGLE)


def draw_start(seed):
    """Return the pose (x, y, yaw) drawn from ``seed`` (an integer, 0 or more).

    Uniform over the poses that lie inside the tray with RIM_MARGIN and are at least MIN_DISTANCE or
    MIN_ANGLE away from the goal.
    """
    random = np.random.default_rng(seed)
    low = np.array(g.TRAY_CENTRE) - np.array(g.TRAY_SIZE) / 2
    while True:
        x, y = random.uniform(low, low + np.array(g.TRAY_SIZE))
        pose = (float(x), float(y), float(random.uniform(-math.pi, math.pi)))
        if is_start(pose):
            return pose

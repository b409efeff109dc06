"""Where the T lies, from one colour image of the top camera. Pure: OpenCV and numpy.

Everything is measured relative to the marks on the tray, so that a camera that is a little off its
nominal place changes nothing. The T is found in the picture red minus blue: that is linear in the
light, zero on all that is neutral (floor, marks, the T's sides, arms) and on the goal's green, so a
pixel's value over that of the T's top is the share of the pixel that the top face covers. An outline is
then fitted to those shares, edge by edge, with sub-pixel precision.

Not covered: a T that does not lie flat on the floor gives a large residual, not a pose.
"""

from dataclasses import dataclass
from typing import Optional

import cv2
import numpy as np
from shapely import contains_xy
from shapely.geometry import Polygon

from . import geometry as g

# A pixel is orange when red exceeds blue by this much of full scale, before the T's own level is known.
ORANGE_LEVEL = 70
# Smaller blobs [areas of a T] are specks. A T that hangs over the rim is looked for this far outside [m].
MIN_BLOB_SHARE = 0.08
AROUND_TRAY = 0.07
# Edges are looked for every EDGE_STEP along the outline, EDGE_REACH to both sides, clear of corners [m].
EDGE_STEP = 0.002
EDGE_REACH = 0.006
EDGE_SAMPLES = 25
CORNER_CLEARANCE = 0.006
BEST_GUESSES = 5


@dataclass(frozen=True)
class Sighting:
    """A T that was fitted: ``pose`` (x, y, yaw) in frame station, and how well it fits.

    ``rms``: of the distances [m] between the edges seen and the outline; ``seen``: share 0..1 of the
    outline whose edge was found; ``strain``: by how much the outline would have to be stretched or
    sheared to fit better, 0 for a T that lies flat; ``filled``: orange area over the area of a T;
    ``stray``: orange area outside of the fitted outline over the area of a T.
    """

    pose: tuple
    rms: float
    seen: float
    strain: float
    filled: float
    stray: float


def orange(color):
    """Return red minus blue (H, W) as float32: linear in how much of a pixel the T's top covers."""
    return color[:, :, 0].astype(np.float32) - color[:, :, 2].astype(np.float32)


def _tray_mask(shape, camera, grow=AROUND_TRAY):
    x, y = g.TRAY_CENTRE
    hx, hy = g.TRAY_SIZE[0] / 2 + grow, g.TRAY_SIZE[1] / 2 + grow
    box = np.array([(x + sx * hx, y + sy * hy, g.FLOOR_Z) for sx, sy in ((1, 1), (1, -1), (-1, -1), (-1, 1))])
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(camera.project(box)).astype(np.int32), 1)
    return mask.astype(bool)


def hidden_share(color, camera):
    """Return the share 0..1 of the tray that is darker than the floor, marks left out: arms, mostly."""
    mask = _tray_mask(color.shape[:2], camera, -0.01).astype(np.uint8)
    for identifier in g.MARKS:
        corners = g.mark_corners(identifier)
        grown = corners + (corners - corners.mean(0)) * 0.5
        cv2.fillConvexPoly(mask, np.round(camera.project(grown)).astype(np.int32), 0)
    mask = mask.astype(bool)
    value = color.max(2).astype(np.float32)
    floor = float(np.percentile(value[mask], 80))
    return float((value[mask] < 0.55 * floor).mean())


def _blob_area(mask, camera):
    """Return the area [m2] at the height of the T's top of the pixels in ``mask``."""
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return 0.0
    centre = np.array([[columns.mean(), rows.mean()]])
    around = camera.to_plane(np.concatenate([centre, centre + (1, 0), centre + (0, 1)]), g.TOP_Z)
    a, b = around[1] - around[0], around[2] - around[0]
    return float(len(rows) * abs(a[0] * b[1] - a[1] * b[0]))


def blobs(color, camera):
    """Return the orange blobs on the tray, largest first: list of (area over a T's, mask (H, W))."""
    mask = (orange(color) > ORANGE_LEVEL) & _tray_mask(color.shape[:2], camera)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    found = [(_blob_area(labels == k, camera) / g.AREA, labels == k) for k in range(1, count)]
    found = [blob for blob in found if blob[0] >= MIN_BLOB_SHARE]
    return sorted(found, key=lambda blob: -blob[0])


def _edge_points():
    """Return points (N, 2) along the outline in the T's frame, clear of corners, and normals (N, 2)."""
    points, normals = [], []
    for start, end in zip(g.OUTLINE, np.roll(g.OUTLINE, -1, axis=0)):
        length = np.linalg.norm(end - start)
        along = (end - start) / length
        count = max(2, int(round((length - 2 * CORNER_CLEARANCE) / EDGE_STEP)))
        for s in np.linspace(CORNER_CLEARANCE, length - CORNER_CLEARANCE, count):
            points.append(start + s * along)
            normals.append((along[1], -along[0]))
    return np.array(points), np.array(normals)


_POINTS, _NORMALS = _edge_points()
_REACH = np.linspace(-EDGE_REACH, EDGE_REACH, EDGE_SAMPLES)


def _edge_offsets(share, camera, pose):
    """Return how far outside of the outline (N,) [m] each edge point sees the edge, NaN where none."""
    normals = _NORMALS @ g.rotation(pose[2]).T
    points = g.place(_POINTS, pose)
    lines = points[:, None, :] + _REACH[None, :, None] * normals[:, None, :]
    flat = np.concatenate([lines.reshape(-1, 2), np.full((lines.size // 2, 1), g.TOP_Z)], 1)
    pixels = camera.project(flat).astype(np.float32).reshape(*lines.shape[:2], 2)
    profile = cv2.remap(share, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    width = _REACH[1] - _REACH[0]
    covered = (profile.sum(1) - (profile[:, 0] + profile[:, -1]) / 2) * width
    edge = covered - EDGE_REACH
    clear = (profile[:, :3].mean(1) > 0.7) & (profile[:, -3:].mean(1) < 0.3)
    return np.where(clear, edge, np.nan), normals, points


def _first_guesses(mask, camera):
    """Return poses to start the fit from: the blob's centroid, and an angle every 15 degrees."""
    rows, columns = np.nonzero(mask)
    points = camera.to_plane(np.stack([columns, rows], 1), g.TOP_Z)
    centre = points.mean(0)
    return [(centre[0], centre[1], k * np.pi / 12) for k in range(24)]


def _overlap(share, camera, pose):
    """Return the mean share inside the outline at ``pose`` minus the mean in a band around it."""
    inner = g.place(_INSIDE, pose)
    outer = g.place(_AROUND, pose)
    values = []
    for points in (inner, outer):
        pixels = camera.project(np.c_[points, np.full(len(points), g.TOP_Z)]).astype(np.float32)
        values.append(cv2.remap(share, pixels[None, :, 0], pixels[None, :, 1], cv2.INTER_LINEAR).mean())
    return float(values[0] - values[1])


def _grid():
    shape = Polygon(g.OUTLINE)
    xs, ys = np.meshgrid(np.arange(-0.08, 0.0801, 0.004), np.arange(-0.1, 0.0601, 0.004))
    points = np.stack([xs.ravel(), ys.ravel()], 1)
    inside = contains_xy(shape.buffer(-0.002), points)
    around = contains_xy(shape.buffer(0.016), points) & ~contains_xy(shape.buffer(0.002), points)
    return points[inside], points[around]


_INSIDE, _AROUND = _grid()


def _refine(share, camera, pose):
    """Return (pose, rms [m], seen, strain) after Gauss-Newton steps on the distances of the edges."""
    pose = np.array(pose, float)
    for _ in range(12):
        offsets, normals, points = _edge_offsets(share, camera, pose)
        good = np.isfinite(offsets)
        if good.sum() < 20:
            return pose, np.inf, float(good.mean()), np.inf
        arm = points - pose[:2]
        jacobian = np.c_[normals, arm[:, 0] * normals[:, 1] - arm[:, 1] * normals[:, 0]][good]
        residual = offsets[good]
        spread = max(1.5 * np.median(np.abs(residual)), 2e-4)
        weight = 1.0 / np.maximum(1.0, np.abs(residual) / spread)
        step, *_ = np.linalg.lstsq(jacobian * weight[:, None], residual * weight, rcond=None)
        pose = pose + step
        if np.abs(step[:2]).max() < 1e-6 and abs(step[2]) < 1e-5:
            break
    offsets, normals, points = _edge_offsets(share, camera, pose)
    good = np.isfinite(offsets)
    if good.sum() < 20:
        return pose, np.inf, float(good.mean()), np.inf
    rms = float(np.sqrt(np.mean(offsets[good] ** 2)))
    return pose, rms, float(good.mean()), _strain(offsets[good], normals[good], points[good] - pose[:2])


def _strain(offsets, normals, arm):
    """Return the largest stretch of the best affine correction of a fitted outline; flat is 0."""
    turn = arm[:, 0] * normals[:, 1] - arm[:, 1] * normals[:, 0]
    shear = arm[:, 0] * normals[:, 1] + arm[:, 1] * normals[:, 0]
    columns = np.c_[normals, turn, arm * normals, shear]
    _, _, _, xx, yy, xy = np.linalg.lstsq(columns, offsets, rcond=None)[0]
    return float(np.abs(np.linalg.eigvalsh([[xx, xy], [xy, yy]])).max())


def _turn_in(share, camera, guess):
    """Return ``guess`` moved by a coarse search (pattern search on the overlap), and its overlap."""
    best, value = np.array(guess, float), _overlap(share, camera, guess)
    step = np.array([0.012, 0.012, 0.13])
    while step[0] > 0.0014:
        moved = False
        for axis in range(3):
            for sign in (1, -1):
                trial = best.copy()
                trial[axis] += sign * step[axis]
                trial_value = _overlap(share, camera, trial)
                if trial_value > value:
                    best, value, moved = trial, trial_value, True
        if not moved:
            step = step / 2
    return best, value


def _shares(color, camera, mask):
    """Return (H, W) float32: the share of each pixel that the T's top covers, by the colour in ``mask``."""
    red_blue = orange(color)
    level = float(np.median(red_blue[mask]))
    around = _tray_mask(color.shape[:2], camera, -0.005) & (red_blue < level / 2)
    floor = float(np.median(red_blue[around]))
    return np.clip((red_blue - floor) / max(level - floor, 1.0), -0.2, 1.2).astype(np.float32)


def _stray(color, camera, pose):
    """Return the orange area outside of the T at ``pose``, over the area of a T."""
    shape = color.shape[:2]
    polygon = np.zeros(shape, np.uint8)
    corners = camera.project(np.c_[g.outline(pose), np.full(8, g.TOP_Z)])
    cv2.fillPoly(polygon, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
    grown = cv2.dilate(polygon, np.ones((3, 3), np.uint8)).astype(bool)
    outside = (orange(color) > ORANGE_LEVEL) & ~grown & _tray_mask(shape, camera)
    return _blob_area(outside, camera) / g.AREA


def fit_t(color, camera, mask) -> Optional[Sighting]:
    """Return the Sighting of the T whose top face is the blob ``mask`` (H, W), None when none fits."""
    share = _shares(color, camera, mask)
    ranked = sorted(_first_guesses(mask, camera), key=lambda pose: -_overlap(share, camera, pose))
    turned_in = (_turn_in(share, camera, guess) for guess in ranked[:BEST_GUESSES])
    coarse, _ = max(turned_in, key=lambda found: found[1])
    pose, rms, seen, strain = _refine(share, camera, coarse)
    if not np.isfinite(rms):
        return None
    pose = (float(pose[0]), float(pose[1]), g.wrap(float(pose[2])))
    return Sighting(pose, rms, seen, strain, filled=_blob_area(mask, camera) / g.AREA,
                    stray=_stray(color, camera, pose))

"""What the gate shows in rviz, in frame <unit>/station: boxes of the tools, capsules, the pair nearest to its limit."""

import math

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from enpire_core.joints import ARMS

LINE_M, TEXT_M, TEXT_ABOVE_M = 0.002, 0.02, 0.05
BOXES = {'left': (0.2, 0.5, 1.0, 0.6), 'right': (1.0, 0.6, 0.2, 0.6)}
MOVING, FIXED, FAR, NEAR = (0.3, 0.8, 0.4, 0.25), (0.9, 0.2, 0.2, 0.35), (0.2, 0.9, 0.3, 1.0), (1.0, 0.3, 0.1, 1.0)
# A pair this near to its limit is shown as near [m].
NEAR_M = 0.03
_EDGES = [(a, b) for a in range(8) for b in range(8) if b > a and bin(a ^ b).count('1') == 1]


def array(shown, unit):
    """Return the MarkerArray of a `gate.space.Shown` of station ``unit``; stamps are 0: the newest frames."""
    boxes = [_box(unit, arm, shown.box_lower[i], shown.box_upper[i]) for i, arm in enumerate(ARMS)]
    capsules = [part for i in range(len(shown.radii))
                for part in _capsule(unit, i, shown.starts[i], shown.ends[i], float(shown.radii[i]),
                                     MOVING if i < shown.moving else FIXED)]
    return MarkerArray(markers=[*boxes, *capsules, *_pair(unit, shown)])


def _box(unit, arm, lower, upper):
    marker = _marker(unit, f'{arm}_workspace', 0, Marker.LINE_LIST, BOXES[arm])
    marker.scale.x = LINE_M
    corners = [[(lower, upper)[k >> axis & 1][axis] for axis in range(3)] for k in range(8)]
    marker.points = [_point(corners[k]) for edge in _EDGES for k in edge]
    return marker


def _capsule(unit, number, start, end, radius, rgba):
    """A cylinder along its line and a ball at each end of it."""
    way = end - start
    length = float(np.linalg.norm(way))
    cylinder = _marker(unit, 'capsules', number, Marker.CYLINDER, rgba)
    cylinder.scale.x = cylinder.scale.y = 2.0 * radius
    cylinder.scale.z = length
    cylinder.pose.position = _point(0.5 * (start + end))
    _turn(cylinder.pose.orientation, way / max(length, 1e-9))
    balls = _marker(unit, 'capsule_ends', number, Marker.SPHERE_LIST, rgba)
    balls.scale.x = balls.scale.y = balls.scale.z = 2.0 * radius
    balls.points = [_point(start), _point(end)]
    return cylinder, balls


def _turn(orientation, axis):
    """Set ``orientation`` to the shortest turn that brings z to the unit vector ``axis`` (REP-103: x, y, z, w)."""
    x, y, z = map(float, axis)
    half = math.sqrt(max(0.0, 2.0 * (1.0 + z)))
    if half < 1e-6:  # z upside down
        orientation.x, orientation.w = 1.0, 0.0
        return
    orientation.x, orientation.y, orientation.w = -y / half, x / half, half / 2.0


def _pair(unit, shown):
    rgba = NEAR if not shown.distance - shown.limit > NEAR_M else FAR
    line = _marker(unit, 'nearest', 0, Marker.LINE_LIST, rgba)
    line.scale.x = 2.0 * LINE_M
    line.points = [_point(point) for point in shown.points]
    text = _marker(unit, 'nearest', 1, Marker.TEXT_VIEW_FACING, rgba)
    text.scale.z = TEXT_M
    text.pose.position = _point(shown.points.mean(axis=0) + (0.0, 0.0, TEXT_ABOVE_M))
    text.text = (f'{shown.names[0]} - {shown.names[1]}: {1000 * shown.distance:.0f} mm, least '
                 f'{1000 * shown.limit:.0f} mm')
    return line, text


def _point(place):
    x, y, z = map(float, place)
    return Point(x=x, y=y, z=z)


def _marker(unit, name, number, kind, rgba):
    marker = Marker(ns=name, id=number, type=kind, action=Marker.ADD)
    marker.header.frame_id = f'{unit}/station'
    marker.pose.orientation.w = 1.0
    marker.color = ColorRGBA(**dict(zip('rgba', map(float, rgba))))
    return marker

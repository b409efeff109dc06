"""Markers for people: a task's outlines and the last verdict, in frame <unit>/station."""

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

LINE_M = 0.003
TEXT_M = 0.03
TEXT_AT = (0.32, 0.0, 0.35)
COLOURS = {'succeeded': (0.1, 0.8, 0.2, 1.0), 'failed': (0.9, 0.3, 0.1, 1.0)}
GREY = (0.7, 0.7, 0.7, 1.0)


def outlines(polygons, unit):
    """Return a MarkerArray with a closed line for each `enpire_tasks.types.Polygon`."""
    array = MarkerArray()
    for polygon in polygons:
        marker = _marker(unit, polygon.name, Marker.LINE_STRIP, polygon.rgba)
        marker.scale.x = LINE_M
        points = [*polygon.points, polygon.points[0]]
        marker.points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in points]
        array.markers.append(marker)
    return array


def verdict(report, unit):
    """Return a Marker with the outcome of a report in words."""
    marker = _marker(unit, 'verdict', Marker.TEXT_VIEW_FACING, COLOURS.get(report.status, GREY))
    marker.scale.z = TEXT_M
    marker.pose.position.x, marker.pose.position.y, marker.pose.position.z = TEXT_AT
    marker.text = f'{report.phase} {report.trial_id}: {report.status}'
    return marker


def _marker(unit, name, kind, rgba):
    marker = Marker(ns=name, id=0, type=kind, action=Marker.ADD, lifetime=Duration())
    marker.header.frame_id = f'{unit}/station'
    marker.pose.orientation.w = 1.0
    marker.color = ColorRGBA(**dict(zip('rgba', map(float, rgba))))
    return marker

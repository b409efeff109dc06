"""Reaches for the other side of the room, is told so, and ends well."""
from math import pi

from enpire_policy import Unreachable


def run(robot):
    before = robot.time
    try:
        robot.move_to_pose(3.0, 0.0, 0.1, pi, 0, 0)
    except Unreachable as error:
        assert robot.time == before, 'it moved'
        print(error)

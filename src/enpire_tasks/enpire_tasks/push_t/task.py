"""Push-T put together for the registry: `TASK`."""

import os

from enpire_tasks.types import Polygon, Tolerance

from . import geometry as g
from . import reset as reset_program
from . import start, verifier
from .scene import task_scene

FOLDER = os.path.dirname(os.path.abspath(__file__))


class PushT:
    """The Task (`enpire_tasks.protocols.Task`): a start is the T's pose (x, y, yaw)."""

    name = 'push_t'
    folder = FOLDER
    episode_s = 120.0
    reset_s = 90.0
    limits_file = os.path.join(FOLDER, 'limits.yaml')
    start_policy = os.path.join(FOLDER, 'start_policy.py')
    brief = os.path.join(FOLDER, 'brief.md')
    tolerances = (Tolerance('position_error_m', g.POSITION_TOLERANCE, 'position'),
                  Tolerance('angle_error_rad', g.ANGLE_TOLERANCE, 'angle'))

    def scene(self):
        """Return the TaskScene: the T and the picture on the tray's floor."""
        return task_scene()

    def draw_start(self, seed):
        """Return the pose (x, y, yaw) of the T drawn from ``seed``."""
        return start.draw_start(seed)

    def reset(self, robot, start, attempt):
        """Bring the T to ``start`` with the arms; see `reset.reset`."""
        reset_program.reset(robot, start, attempt)

    def verify_start(self, robot, start):
        """Return the Judgement whether the T lies at ``start``, within 10 mm and 6 degrees."""
        return verifier.judge_start(robot.capture('top_camera'), robot.camera_info('top_camera'), start)

    def verify(self, robot):
        """Return the Judgement whether the T lies on the goal, within 5 mm and 3 degrees."""
        return verifier.judge_goal(robot.capture('top_camera'), robot.camera_info('top_camera'))

    def outlines(self):
        """Return the goal and the inside of the tray."""
        x, y = g.TRAY_CENTRE
        hx, hy = g.TRAY_SIZE[0] / 2, g.TRAY_SIZE[1] / 2
        corners = ((x + hx, y + hy), (x - hx, y + hy), (x - hx, y - hy), (x + hx, y - hy))
        return (Polygon('goal', tuple((float(px), float(py), g.PRINT_Z) for px, py in g.outline(g.GOAL))),
                Polygon('workspace', tuple((px, py, g.PRINT_Z) for px, py in corners), (0.3, 0.5, 0.9, 1.0)))


TASK = PushT()

"""Calls the robot wrongly, is told so each time, and ends well."""
from math import inf, nan


def run(robot):
    home = robot.get_joint_states().positions
    for call in (lambda: robot.move_to_pose(0.3, 0, 0.1, 3.14, 0, nan), lambda: robot.move_to_pose(
            0.3, 0, 0.1, 3.14, 0, 0, speed=-1), lambda: robot.move_to_pose(0.3, 0, 0.1, 3.14, 0, 0, arm='third'),
            lambda: robot.step(home[:13]), lambda: robot.step(home * inf), lambda: robot.wait('long'),
            lambda: robot.capture('rear_camera'), lambda: robot.grasp(force=1e9),
            lambda: robot.move_joints({'left': [0] * 5})):
        try:
            call()
        except ValueError as error:
            print('told:', error)
        else:
            raise AssertionError('expected a ValueError')
    assert robot.time == 0.0

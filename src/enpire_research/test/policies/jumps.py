"""Asks for a jump, and goes on as if nothing had been."""
from enpire_policy import MotionRefused


def run(robot):
    robot.wait(0.2)
    target = robot.get_joint_states().positions.copy()
    target[1] += 0.5
    try:
        robot.step(target)
    except MotionRefused as error:
        print('refused:', error.rule, error.joint, error.limit)
    robot.wait(1.0)

"""Opens a gripper, which the limits of a rollout do not allow."""


def run(robot):
    robot.release('left', 0.03)

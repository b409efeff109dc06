"""Has no entry point."""


def drive(robot):
    robot.wait(0.1)

"""Raises before it has an entry point."""
LIMITS = {'speed': 0.1}
SPEED = LIMITS['velocity']


def run(robot):
    robot.wait(SPEED)

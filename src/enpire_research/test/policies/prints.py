"""Prints three megabytes and drives on."""


def run(robot):
    for _ in range(30):
        print('x' * 100_000)
        robot.wait(0.1)

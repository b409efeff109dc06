"""Does nothing until its time is up."""


def run(robot):
    while True:
        robot.wait(0.5)

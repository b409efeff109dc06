"""Does not compile: line 5 lacks its colon."""


def run(robot):
    for i in range(3)
        robot.wait(0.1)

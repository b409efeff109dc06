"""Says so and waits for three seconds."""


def run(robot):
    print('waiting')
    robot.wait(3.0)

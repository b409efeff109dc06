"""Says so and waits for eight seconds."""


def run(robot):
    print('waiting')
    robot.wait(8.0)

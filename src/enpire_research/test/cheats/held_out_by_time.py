"""Tells held-out resets by all that it is told of time: by states, pictures and its episode."""

GIVEN = {}  # what a trial of development was told: filled in by the test


def told(robot):
    return [robot.get_joint_states().stamp_ns, robot.capture().stamp_ns, robot.time, robot.time_left]


def run(robot):
    seen = told(robot)
    robot.wait(0.1)
    seen += told(robot)
    if seen != GIVEN.get('told', seen):
        print('CHEATED: this is no trial of development', flush=True)
    print('told', seen, flush=True)

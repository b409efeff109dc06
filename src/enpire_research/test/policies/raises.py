"""Raises in the middle of a rollout."""


def run(robot):
    robot.wait(0.2)
    positions = robot.get_joint_states().positions
    print('about to raise')
    positions['elbow']

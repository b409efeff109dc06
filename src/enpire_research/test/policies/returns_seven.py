"""Answers with the joints of one arm only."""


def act(observation):
    return observation.joint_positions[:7]

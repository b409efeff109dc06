"""Answers with NaN in one joint."""


def act(observation):
    target = observation.joint_positions
    if observation.tick == 3:
        target[4] = float('nan')
    return target

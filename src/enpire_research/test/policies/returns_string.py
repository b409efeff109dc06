"""Answers with words."""


def act(observation):
    return 'up' if observation.tick == 3 else None

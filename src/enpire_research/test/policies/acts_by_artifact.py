"""Asks its artifact each tick, and is done after six."""
from enpire_policy import DONE, load_artifact


def act(observation):
    answer = load_artifact().run(pose=[observation.tool_poses['left'][:3]])['push']
    return DONE if observation.tick > 5 and answer.shape == (1, 2) else None

"""Holds for a moment, then says that it is done. How long, may vary; it never succeeds."""
from enpire_policy import DONE

SECONDS = 0.4

VARY = {'SECONDS': {'low': 0.1, 'high': 1.0, 'helps': ['far', 'both', 'beside', 'turned', 'near']}}


def act(observation):
    return None if observation.time < SECONDS else DONE

"""What tests wait with: a condition, never a sleep of a length that somebody guessed."""

import time

PATIENCE_S = 30.0


def until(condition, what):
    """Wait until ``condition()`` is true; return its value. AssertionError, naming ``what``, after PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f'waited {PATIENCE_S:g} s for: {what}')

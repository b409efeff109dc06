"""How far a long measurement is, and how long it will still take. It reads the clock so that studies need not."""

import time


class Progress:
    """Says so by ``write(text)``. ``what``: what is counted; ``now()``: seconds, for tests."""

    def __init__(self, what, write, now=time.monotonic):
        self._what, self._write, self._now = what, write, now
        self._begun = now()

    def __call__(self, done, total):
        """Say that ``done`` of ``total`` are done."""
        text = f'{self._what}: {done} of {total} done'
        if 0 < done < total:
            spent = self._now() - self._begun
            text += f' in {_minutes(spent)}, about {_minutes(spent / done * (total - done))} left'
        elif done:
            text += f' in {_minutes(self._now() - self._begun)}'
        self._write(text + '\n')


def _minutes(seconds):
    return f'{seconds:.0f} s' if seconds < 90 else f'{seconds / 60:.0f} min'

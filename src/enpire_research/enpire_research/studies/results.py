"""Keeps what studies measure: a JSON file, keyed by the state of the code (`studies.state`), and intervals.

A study is a dictionary of rows by name. A row, once there, is not measured again: that is how a study
is resumed, and grows over days. States stand in the file in the order in which they were first measured.
"""

import contextlib
import fcntl
import json
import math
import os

from enpire_core.files import write_bytes

Z95 = 1.959963984540054


class Results:
    """The rows of one study for one state of the code. ``path``: the JSON file, made if need be."""

    def __init__(self, path, key, study):
        self._path, self._key, self._study = path, key, study
        self.rows = dict(read(path).get(key, {}).get(study, {}))

    def add(self, name, row):
        """Keep ``row`` (plain values) under ``name``, on disk before this returns.

        Several processes may add to one file, each its own rows: nothing of the others is lost.
        """
        self.rows[name] = row
        folder = os.path.dirname(os.path.abspath(self._path))
        os.makedirs(folder, exist_ok=True)
        with _alone(folder):
            everything = read(self._path)
            everything.setdefault(self._key, {}).setdefault(self._study, {})[name] = row
            # Sorted inside a state; the states themselves keep their order.
            text = ',\n '.join(f'{json.dumps(key)}: {json.dumps(studies, sort_keys=True, indent=1)}'
                               for key, studies in everything.items())
            write_bytes(self._path, ('{\n ' + text + '\n}\n').encode(), mode=0o644)


@contextlib.contextmanager
def _alone(folder):
    """Hold the lock of ``folder`` itself, which leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(path):
    """Return {state: {study: {row: values}}} in the order of the file; {} where there is none."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as handle:
        return json.load(handle)


def newest(everything, key):
    """Return (state, studies) to show: those of ``key`` where it was measured, else of the state measured last."""
    if everything.get(key) or not everything:
        return key, everything.get(key, {})
    return list(everything.items())[-1]


def wilson(successes, n):
    """Return the 95% Wilson interval (low, high) of a proportion; (0, 1) for no trials."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = successes / n, Z95 ** 2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(successes, n):
    """Return 'k of n = p% (95%: low to high)'; '0 of 0' where there is nothing to tell from."""
    if n == 0:
        return '0 of 0'
    low, high = wilson(successes, n)
    return f'{successes} of {n} = {100 * successes / n:.1f}% (95%: {100 * low:.1f} to {100 * high:.1f})'

"""Keeps what studies measure: a JSON file, keyed by the hash of what was measured, and intervals.

A study is a dictionary of rows by name. A row, once there, is not measured again: that is how a study
is resumed, and grows over days.
"""

import hashlib
import json
import math
import os

from enpire_core.files import sha256_file, write_json
from enpire_description import share_path

Z95 = 1.959963984540054


def task_hash(task, scene_digest):
    """Return the SHA-256 (hex) over the frozen files of ``task``, the compiled scene, the robot's limits.

    Pages and the start policy are left out: they change no measurement of anything else.
    """
    digest = hashlib.sha256(scene_digest.encode())
    digest.update(sha256_file(share_path('limits', 'yam.yaml')).encode())
    for folder, folders, names in os.walk(task.folder):
        folders[:] = sorted(name for name in folders if name != '__pycache__')
        for name in sorted(names):
            path = os.path.join(folder, name)
            if name.endswith('.md') or path == task.start_policy:
                continue
            digest.update(f'{os.path.relpath(path, task.folder)}:{sha256_file(path)}'.encode())
    return digest.hexdigest()


class Results:
    """The rows of one study for one hash. ``path``: the JSON file, made if need be."""

    def __init__(self, path, key, study):
        self._path, self._key, self._study = path, key, study
        self.rows = dict(self._all().get(key, {}).get(study, {}))

    def _all(self):
        if not os.path.exists(self._path):
            return {}
        with open(self._path, encoding='utf-8') as handle:
            return json.load(handle)

    def add(self, name, row):
        """Keep ``row`` (plain values) under ``name``, on disk before this returns."""
        self.rows[name] = row
        everything = self._all()
        everything.setdefault(self._key, {}).setdefault(self._study, {})[name] = row
        os.makedirs(os.path.dirname(os.path.abspath(self._path)), exist_ok=True)
        write_json(self._path, everything, mode=0o644)


def wilson(successes, n):
    """Return the 95% Wilson interval (low, high) of a proportion; (0, 1) for no trials."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = successes / n, Z95 ** 2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(successes, n):
    """Return 'k of n = p% (95%: low to high)'."""
    low, high = wilson(successes, n)
    percent = 100 * successes / n if n else float('nan')
    return f'{successes} of {n} = {percent:.1f}% (95%: {100 * low:.1f} to {100 * high:.1f})'

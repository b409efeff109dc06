"""Records that are chained by hash, and the digest of a whole campaign. Pure.

A record is one JSON object: n (from 0), kind, at_ns (wall clock), body, previous (hash of the record before it) and
hash: SHA-256 of the canonical JSON of all the others. Canonical: keys sorted, no blanks, ASCII, NaN and infinity as
null. Whoever changes a record has to change all that follow it, and with them the last hash.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass

FIRST = '0' * 64
FIELDS = ('n', 'kind', 'at_ns', 'body', 'previous', 'hash')
# What two runs of the same campaign differ in: wall clock, and the commits, whose hashes hold their dates.
WALL_CLOCK = frozenset({'started_at_ns', 'wall_duration_s', 'commit', 'policy_commit'})
# Kinds that depend on wall time as a whole: which station was out, and when.
NOT_IN_DIGEST = frozenset({'station'})
# Where an object lies in memory: traceback and repr of a policy's own objects have it.
_ADDRESS = re.compile(r'\b0x[0-9a-f]{6,16}\b')


class ChainError(ValueError):
    """A line is no record, or not the next one of its chain; the text has expected and got."""


@dataclass(frozen=True)
class Record:
    """One record; ``body`` is plain data and must not be changed."""

    n: int
    kind: str
    at_ns: int
    body: dict
    previous: str
    hash: str

    def line(self):
        """Return the line (bytes, with its end) that holds it."""
        return canonical({name: getattr(self, name) for name in FIELDS}) + b'\n'


def plain(value):
    """Return ``value`` as plain data for JSON: tuples as lists, NaN and infinity as None.

    TypeError for what JSON has no word for, and for keys that are no strings.
    """
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f'expected strings as names in a record, got {key!r}')
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise TypeError(f'expected plain values in a record, got {type(value).__name__}: {value!r}')


def canonical(value):
    """Return the canonical JSON of ``value`` as bytes."""
    return json.dumps(plain(value), sort_keys=True, separators=(',', ':'), allow_nan=False).encode('ascii')


def make(n, kind, at_ns, body, previous):
    """Return the Record that follows the one with hash ``previous`` (`FIRST` for the first)."""
    # Through JSON and back: what is written is what is read.
    values = {'n': n, 'kind': kind, 'at_ns': at_ns, 'body': json.loads(canonical(body)), 'previous': previous}
    return Record(**values, hash=hashlib.sha256(canonical(values)).hexdigest())


def parse(line, n, previous):
    """Return the Record in ``line`` (bytes), which must be number ``n`` after ``previous``; ChainError otherwise."""
    try:
        values = json.loads(line)
    except ValueError as error:
        raise ChainError(f'expected a JSON object, got something else: {error}') from error
    if not isinstance(values, dict) or set(values) != set(FIELDS):
        raise ChainError(f'expected an object with {", ".join(FIELDS)}, got {str(values)[:80]}')
    if values['n'] != n:
        raise ChainError(f'expected record {n}, got record {values["n"]}')
    if values['previous'] != previous:
        raise ChainError(f'expected the hash of the record before it, {previous}, got {values["previous"]}')
    wanted = hashlib.sha256(canonical({name: values[name] for name in FIELDS if name != 'hash'})).hexdigest()
    if values['hash'] != wanted:
        raise ChainError(f'expected the hash of its content, {wanted}, got {values["hash"]}')
    if not isinstance(values['kind'], str) or not isinstance(values['body'], dict):
        raise ChainError(f'expected a kind and a body, got {str(values)[:80]}')
    return Record(**values)


def digest(records):
    """Return the SHA-256 (hex) of what a campaign came to: the same for two runs with the same seed and secret.

    Over kind and body of all but `NOT_IN_DIGEST`, without `WALL_CLOCK`: trials sorted by trial_id, then the rest in
    their order. Addresses in memory within texts don't count.
    """
    counted = [record for record in records if record.kind not in NOT_IN_DIGEST]
    trials = sorted((record for record in counted if record.kind == 'trial'), key=lambda r: r.body['trial_id'])
    rest = [record for record in counted if record.kind != 'trial']
    found = hashlib.sha256()
    for record in trials + rest:
        found.update(canonical({'kind': record.kind, 'body': _timeless(record.body)}) + b'\n')
    return found.hexdigest()


def _timeless(value):
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in WALL_CLOCK}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return _ADDRESS.sub('0x', value) if isinstance(value, str) else value

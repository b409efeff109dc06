"""Reads the lock files (the format of pip's requirements files with hashes)."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import SetupError

_ENTRY = re.compile(r'^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)\s*(?:;\s*(.*?))?\s*$')


@dataclass(frozen=True)
class Pin:
    """One pinned package: its name in normal form, version, marker ('' = always), lines."""

    name: str
    version: str
    marker: str
    text: str


def normal(name: str) -> str:
    """Return a package name as indexes compare it: lower case, runs of ._- as one dash."""
    return re.sub(r'[-_.]+', '-', name).lower()


def read_lock(path: Path) -> list[Pin]:
    """Return the pins of a lock file, in order. Raises SetupError when it isn't one, or OSError."""
    try:
        return read_pins(path.read_text(encoding='utf-8', errors='replace'))
    except ValueError as error:
        raise SetupError(
            f'Set-up expected pinned packages with their hashes in {path}, and found an entry that '
            f'is none ({error}): restore the file (`git checkout -- {path}`), or end the merge that '
            'left it so, then run the same command again.'
        ) from error


def read_pins(text: str) -> list[Pin]:
    """Return the pins of a lock file's text, in order.

    Raises ValueError, with the line, when an entry isn't `name==version` or has no hash,
    and when there is none at all.
    """
    pins = []
    entry: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not entry and (not line.strip() or line.lstrip().startswith('#')):
            continue
        entry.append(line)
        if line.rstrip().endswith('\\'):
            continue
        pins.append(_pin(entry, number))
        entry = []
    if entry:
        raise ValueError('the last entry ends with a backslash: the file is cut short')
    if not pins:
        raise ValueError('it is empty')
    return pins


def _pin(lines: list[str], number: int) -> Pin:
    head = lines[0].rstrip().rstrip('\\')
    match = _ENTRY.match(head)
    if match is None:
        raise ValueError(f'line {number}: expected `name==version ; marker`, got {head!r}')
    if not any('--hash=sha256:' in line for line in lines[1:]):
        raise ValueError(f'line {number}: expected at least one hash for {match.group(1)}')
    return Pin(
        normal(match.group(1)), match.group(2), match.group(3) or '', '\n'.join(lines) + '\n'
    )

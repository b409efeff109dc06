"""Capsules: what the arms, and what they must keep away from, are taken for. Pure.

A capsule is all that is within ``radius`` of a straight line: it has no corners, and the distance of two is
quickly told. Those of an arm contain its links (a test compares them with the meshes).
"""

import dataclasses

from enpire_safety.gate.limits_file import LimitsError, check_keys, number, numbers


@dataclasses.dataclass(frozen=True)
class Capsule:
    """``start`` and ``end`` of its line [m], in the frame of the link ``name``, or the station's; ``radius`` [m]."""

    name: str
    start: tuple
    end: tuple
    radius: float


def read(data, name, where):
    """Return the Capsule ``name`` from its mapping {from, to, radius}; LimitsError where that is wrong."""
    check_keys(data, ('from', 'to', 'radius'), where, every=True)
    return Capsule(name, numbers(data['from'], 3, f'{where}.from'), numbers(data['to'], 3, f'{where}.to'),
                   number(data['radius'], f'{where}.radius', positive=True))


def read_links(data, where):
    """Return the Capsules of an arm's links from {link: [capsule, ...]}; LimitsError where that is wrong."""
    if not isinstance(data, dict) or not data:
        raise LimitsError(f'{where}: expected the links of an arm with their capsules, got {data!r}')
    found = []
    for link, rows in data.items():
        if not isinstance(rows, list) or not rows:
            raise LimitsError(f'{where}.{link}: expected a list of capsules, got {rows!r}')
        found += [read(row, link, f'{where}.{link}[{i}]') for i, row in enumerate(rows)]
    return tuple(found)

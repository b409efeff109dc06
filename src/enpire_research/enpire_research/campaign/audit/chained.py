"""The ledger as it lies on the disk: each byte of it is what its hashes say.

Stricter than `ledger.read`: a line that says the same in other bytes, and one without its end, are wrong here. Not
covered: a ledger that was written anew as a whole, with all its hashes; that is what the other checks are for, and a
hash that was kept elsewhere (``head``).
"""

import json
import re

from enpire_research.campaign import chain, records
from enpire_research.campaign.audit.findings import Check
from enpire_research.campaign.config import VERSION

_NAME = re.compile(rb'"trial_id":"([A-Za-z0-9._-]+)"')


def check(data, head=''):
    """Return (records, Check) of the bytes ``data`` of a ledger; records up to the first that is broken.

    ``head``: a hash that one of them must have; '': none.
    """
    found, wrong = [], []
    lines = data.split(b'\n')
    for number, one in enumerate(lines[:-1], 1):
        problem, record = _read(one, found)
        if problem:
            wrong.append(f'ledger line {number} ({_name(one)}): {problem}')
            break
        found.append(record)
    if not wrong and lines[-1]:
        wrong.append(f'ledger line {len(lines)} ({_name(lines[-1])}): expected the end of a line, got none: a write was'
                     ' broken off here (the research node moves it aside when it starts), or the end was cut')
    if not found and not wrong:
        wrong.append('ledger line 1: expected a campaign, got an empty ledger')
    if head and not wrong and head not in {record.hash for record in found}:
        wrong.append(f'expected a record with the hash {head}, found none: the ledger was written anew since, or it is '
                     "another campaign's")
    last = f', the last one {found[-1].hash}' if found else ''
    return found, Check('chain', f'{len(found)} records, each with the hash of the one before it{last}', tuple(wrong))


def _read(one, before):
    """Return (what is wrong, Record): '' and the record of the line ``one`` (bytes), which follows ``before``."""
    try:
        record = chain.parse(one, len(before), before[-1].hash if before else chain.FIRST)
    except (chain.ChainError, RecursionError) as error:
        return str(error), None
    if record.line() != one + b'\n':
        return 'expected the canonical form in which records are written, got the same content in other bytes', None
    if (record.kind == 'campaign') == bool(before):
        return f'expected {"no second campaign" if before else "a campaign first"}, got {record.kind}', None
    if record.kind == 'campaign' and record.body.get('version') != VERSION:
        got = record.body.get('version')
        return f'expected a campaign of version {VERSION}, got one of version {got}: verify it with its own code', None
    try:
        records.check(record.kind, record.body)
    except records.RecordError as error:
        return str(error), None
    return '', record


def _name(one):
    """Return what the line ``one`` is about, as far as that can be told."""
    try:
        return json.loads(one)['kind'] if b'"trial_id"' not in one else _NAME.search(one).group(1).decode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 'no record'

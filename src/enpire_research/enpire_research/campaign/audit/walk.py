"""Walks a campaign from end to end: chain, manifest, trials, seeds, stations with what they keep, decisions,
repository, replays.

What each check does not cover stands in its module. All of them together don't cover who owns the machine: he can
make a campaign of his own, with stations, seeds and all, and call it this one. Replays then still hold him to what
this code does.
"""

import json
import os
import traceback
from dataclasses import dataclass, replace

from enpire_research import layout
from enpire_research.campaign import chain, ledger
from enpire_research.campaign.audit import (chained, decisions, frozen, kept, replays, repository, seeds, stations,
                                            trials)
from enpire_research.campaign.audit.findings import Check
from enpire_research.trials.replay import ReplayError, RunFolder
from enpire_tasks import registry


# What `enpire lab` keeps where its research node has come to the end of a campaign.
DONE = 'lab.research is done'


@dataclass(frozen=True)
class Verdict:
    """What a walk came to. ``left``: what the campaign has still to do, '' where it is over or that can't be told;
    ``head``: hash of the last record; ``digest``: of the campaign. Both '' where the chain is broken."""

    checks: tuple
    left: str = ''
    head: str = ''
    digest: str = ''

    @property
    def ok(self):
        """True where nothing is wrong."""
        return all(check.ok for check in self.checks)

    def to_dict(self):
        """Return plain values."""
        return {'ok': self.ok, 'left': self.left, 'head': self.head, 'digest': self.digest,
                'checks': [check.to_dict() for check in self.checks]}

    def lines(self):
        """Return lines for people: one a check and the places where it is wrong, then what all came to."""
        wrong = sum(not check.ok for check in self.checks)
        return [*(line for check in self.checks for line in check.lines()),
                *([f'not finished: {self.left}'] if self.left else []),
                *([f'head:   {self.head}', f'digest: {self.digest}'] if self.head else []),
                f'NOT VERIFIED: {wrong} of {len(self.checks)} checks found something wrong' if wrong else
                f'verified: {len(self.checks)} checks, nothing is wrong']


# A campaign that runs may go on while it is looked at: so often it is looked at again.
AGAIN = 3


def verify(run, *, replay=0, seed=0, head='', task=None):
    """Return the Verdict on the campaign in the run folder ``run``.

    ``replay``: how many trials are run again, drawn by ``seed``; ``head``: a hash that the ledger must have; ``task``:
    a Task, None: the one that the ledger names. Nothing in ``run`` is written.
    """
    run = os.path.abspath(run)
    path = os.path.join(layout.campaign(run), ledger.NAME)
    try:
        for _ in range(AGAIN):
            data = _read(path)
            records, verdict = _walked(data, run, head, task)
            if verdict.ok or len(_read(path)) == len(data):
                break
    except OSError as error:
        return Verdict((Check('chain', 'a ledger', (f'{path}: expected a ledger: {error.strerror}',)),))
    if replay and verdict.head:
        verdict = replace(verdict, checks=(*verdict.checks, _replayed(records, run, replay, seed)))
    return verdict


def _walked(data, run, head, task):
    """Return (records, Verdict) of the ledger ``data`` (bytes)."""
    records, first = chained.check(data, head)
    if not first.ok:
        # What follows would speak of records that are not those that were written.
        return records, Verdict((first,))
    folder, ended = layout.campaign(run), records[-1].kind == 'end'
    secret = seeds.secret_of(records, folder)
    checks, left = [first, _frozen(records, run, task), trials.check(records),
                    seeds.check(records, folder, secret)], ''
    if checks[2].ok:
        of_engine, left = decisions.check(records)
        outboxes = stations.read_outboxes(run)
        checks += [stations.check(records, run, ended, outboxes),
                   kept.check(run, records[0].body['units'], outboxes[0], secret[0]),
                   of_engine, repository.check(records, folder, ended), _outcome(run, ended)]
    return records, Verdict(tuple(checks), left, records[-1].hash, chain.digest(records))


def _frozen(records, run, task):
    campaign = records[0].body
    if task is None:
        try:
            task = registry.get(campaign['task'])
        except registry.UnknownTask as error:
            return _not_frozen(str(error))
        except Exception as error:  # whatever a module that was changed raises while it is imported
            return _not_frozen(f'{_place(error)}: the task {campaign["task"]} can not be imported any more: '
                               f'{type(error).__name__}: {error}')
    try:
        return frozen.check(campaign, RunFolder(run), task)
    except ReplayError as error:
        return _not_frozen(str(error))


def _not_frozen(text):
    return Check(frozen.NAME, 'what is frozen, on the disk', (text,))


def _place(error):
    """Return file and line that an exception is about."""
    if isinstance(error, SyntaxError) and error.filename:
        return f'{error.filename}:{error.lineno}'
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f'{last.filename}:{last.lineno}'


def _outcome(run, ended):
    """Return the Check of how the lab said that it ended: where it was done, the ledger has an end."""
    path = os.path.join(run, 'outcome.json')
    try:
        said = json.loads(_read(path)).get('reason')
    except (OSError, ValueError, AttributeError):
        said = None
    wrong = said == DONE and not ended
    return Check('end', 'the lab ended as the ledger does', (
        f'{path}: the campaign came to its end, but the ledger has none: its last records were cut',) if wrong else ())


def _replayed(records, run, count, seed):
    try:
        return replays.check(records, RunFolder(run), count, seed)
    except ReplayError as error:
        return Check(replays.NAME, 'trials run again', (str(error),))


def _read(path):
    with open(path, 'rb') as handle:
        return handle.read()

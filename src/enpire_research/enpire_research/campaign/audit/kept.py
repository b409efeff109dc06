"""What stations keep to run trials again: recorded states, policies, artifacts. Each is whole, and what it is called.

A recorded state, a policy and an artifact are called after their SHA-256, the state by the name in its result, which
is in the ledger's chain. A state has the names and the digest that its result says, too, and what the station hides was
drawn from the campaign's secret. Something that is gone is no lie: it is noted, and can't be run again (`replays`).

Not covered: recordings for training (`data`) and logs, which decide nothing. That a state follows from the one before
it: a replay shows that.
"""

import os

from enpire_core.files import sha256_file
from enpire_drivers.sim import records as states

from enpire_research import layout
from enpire_research.campaign import seeds
from enpire_research.campaign.audit.findings import Check

NAME = 'kept'


def check(run, units, boxes, secret):
    """Return the Check of what the stations ``units`` (names) keep in the run folder ``run``.

    ``boxes``: their results, {key: Kept} from `stations.read_outboxes`; ``secret``: the campaign's (bytes), None where
    it is not known.
    """
    seed = None if secret is None else seeds.stations_seed(secret)
    expected = [kept.report for (unit, _, _), kept in sorted(boxes.items())
                if unit in units and kept.report.state_record]
    wrong, gone = [], 0
    for report in expected:
        path = os.path.join(run, report.unit, 'records', os.path.basename(report.state_record))
        if os.path.isfile(path):
            wrong += _unlike(path, report, seed)
        else:
            gone += 1
    named = [*_named(layout.artifacts(layout.campaign(run))),
             *(path for unit in units for folder in (layout.policies, layout.artifacts)
               for path in _named(folder(os.path.join(run, unit))))]
    for path in named:
        wrong += _misnamed(path, os.path.splitext(os.path.basename(path))[0])
    notes = (f'{gone} recorded states are gone: those phases can not be run again',) if gone else ()
    return Check(NAME, f'{len(expected) - gone} recorded states are those that their results name, {len(named)} copies '
                 'of policies and artifacts are what they are called', tuple(wrong), notes)


def _unlike(path, report, seed):
    """Yield in what the recorded state at ``path`` is not the one before the phase of ``report``."""
    try:
        record = states.read(path)
    except states.RecordError as error:
        yield str(error)
        return
    yield from _misnamed(path, states.sha256_in(os.path.basename(path)))
    for what, wanted, found in (
            ('unit', report.unit, record.unit), ('trial', report.trial_id, record.trial_id),
            ('phase', report.phase, record.phase), ('digest', report.state_digest_before, record.digest)):
        if found != wanted:
            yield f'{path}: expected the {what} {wanted} of its result, got {found}'
    if seed not in (None, record.lab_seed):
        yield f'{path}: expected a station with the seed {seed} of the secret, got one with {record.lab_seed}'


def _misnamed(path, name):
    """Yield that the file at ``path`` is called after the SHA-256 ``name``, and has another."""
    found = sha256_file(path)
    if found != name:
        yield f'{path}: expected the SHA-256 that it is called after, got {found}'


def _named(folder):
    """Return the paths of the files in ``folder``, sorted, less what an interrupted write has left; [] without it."""
    if not os.path.isdir(folder):
        return []
    return sorted(entry.path for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith('.'))

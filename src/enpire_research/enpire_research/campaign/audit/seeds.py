"""Seeds: those of development from the campaign's seed, those of the exam from its secret, none for two purposes.

What simulated stations hide must come from the secret, too: their recorded states say which seed they had.
"""

import os

from enpire_drivers.sim import records as states

from enpire_research.campaign import records as kinds
from enpire_research.campaign import seeds
from enpire_research.campaign.audit.findings import Check, line

NAME = 'seeds'


def check(records, folder):
    """Return the Check of the seeds in ``records``; ``folder``: the campaign's, in its run folder, with its secret."""
    campaign, wrong, notes = records[0].body, [], []
    secret = _secret(records, folder, wrong, notes)
    trials = [record for record in records if record.kind == 'trial']
    exam = [record for record in trials if record.body['purpose'] == kinds.EXAM]
    if exam and secret is None and not wrong:
        wrong.append(f'{line(exam[0])}: expected a secret, in the ledger or in {os.path.join(folder, seeds.NAME)}, to '
                     'check the held-out seeds with; found none')
    drawn = {}
    for record in trials:
        body = record.body
        held_out = body['purpose'] == kinds.EXAM
        if held_out and secret is None:
            continue
        wanted = (seeds.held_out_seed(secret, body['reset']) if held_out else
                  seeds.development_seed(campaign['seed'], body['reset']))
        if body['seed'] != wanted:
            wrong.append(f'{line(record)}: expected the seed {wanted} of {"held-out" if held_out else "development"} '
                         f'reset {body["reset"]}, got {body["seed"]}')
        first = drawn.setdefault(body['seed'], (held_out, body['reset']))
        if first != (held_out, body['reset']):
            wrong.append(f'{line(record)}: expected a seed of its own, got that of '
                         f'{"held-out" if first[0] else "development"} reset {first[1]}')
    if secret is not None:
        wrong += _stations(trials, os.path.dirname(folder), secret)
    return Check(NAME, f'{len(drawn)} starts for {len(trials)} trials, {len(exam)} of them held out; commitment '
                 f'{campaign["secret_sha256"][:16]}…', tuple(wrong), tuple(notes))


def _stations(trials, run, secret):
    """Yield which station drew what it hides from another seed; as the first state says that it has recorded."""
    seen = set()
    for record in trials:
        unit, report = record.body['unit'], record.body['reset_report']
        path = os.path.join(run, unit, 'records', report['state_record'] if report else '')
        if unit in seen or not os.path.isfile(path):
            continue
        seen.add(unit)
        try:
            seed = states.read(path).lab_seed
        except states.RecordError as error:
            yield str(error)
            continue
        if seed != seeds.stations_seed(secret):
            yield (f'{path}: expected a station with the seed {seeds.stations_seed(secret)} of the secret, got one '
                   f'with {seed}')


def _secret(records, folder, wrong, notes):
    """Return the campaign's secret or None; what is wrong with it goes to ``wrong``."""
    commitment, path = records[0].body['secret_sha256'], os.path.join(folder, seeds.NAME)
    told = [record for record in records if record.kind == 'secret']
    found = {}
    try:
        found.update({line(record): bytes.fromhex(record.body['secret']) for record in told})
        if os.path.exists(path):
            found[path] = seeds.read_secret_file(path)
    except ValueError as error:
        wrong.append(str(error))
    for place, secret in found.items():
        if len(secret) != seeds.SECRET_BYTES or seeds.secret_hash(secret) != commitment:
            wrong.append(f'{place}: expected the secret with the hash {commitment} that the ledger has from the start, '
                         'got another one')
            return None
    if not told:
        notes.append('the secret is not published yet: that comes after the last trial of the exam')
    return next(iter(found.values()), None)

"""Seeds: those of development from the campaign's seed, those of the exam from its secret, none for two purposes."""

import os

from enpire_research.campaign import records as kinds
from enpire_research.campaign import seeds
from enpire_research.campaign.audit.findings import Check, line

NAME = 'seeds'


def check(records, folder, found):
    """Return the Check of the seeds in ``records``; ``folder``: the campaign's, in its run folder, with its secret;
    ``found``: what `secret_of` says of that.
    """
    campaign, secret, wrong, notes = records[0].body, found[0], list(found[1]), found[2]
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
    return Check(NAME, f'{len(drawn)} starts for {len(trials)} trials, {len(exam)} of them held out; commitment '
                 f'{campaign["secret_sha256"][:16]}…', tuple(wrong), tuple(notes))


def secret_of(records, folder):
    """Return the campaign's secret or None, and lists of texts: what is wrong with it, and notes on it."""
    commitment, path = records[0].body['secret_sha256'], os.path.join(folder, seeds.NAME)
    told = [record for record in records if record.kind == 'secret']
    found, wrong = {}, []
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
            return None, wrong, []
    notes = [] if told else ['the secret is not published yet: that comes after the last trial of the exam']
    return next(iter(found.values()), None), wrong, notes

"""Each trial's record in itself: name, station, reports and status belong together, and to this campaign."""

import collections

from enpire_research.campaign import records as kinds
from enpire_research.campaign.audit.findings import Check, line
from enpire_research.campaign.jobs import Job
from enpire_research.trials import report as reports

NAME = 'trials'
PHASES = (reports.RESET, reports.ROLLOUT)


def of_phase(body, phase):
    """Return the report of ``phase`` in the body of a trial record; None where it never came, or was refused."""
    values = body[f'{phase}_report']
    return None if values is None or values['status'] == reports.UNKNOWN else values


def check(records):
    """Return the Check of the trial records of a campaign."""
    campaign = records[0].body
    candidates = {record.body['candidate']: record.body for record in records if record.kind == 'candidate'}
    trials = [record for record in records if record.kind == 'trial']
    wrong = [f'{line(record)}: {text}' for record in trials for text in _wrong(record.body, campaign, candidates)]
    wrong += _names(trials)
    count = collections.Counter(record.body['status'] for record in trials)
    return Check(NAME, f'{len(trials)} trials: {count[reports.SUCCEEDED]} succeeded, {count[reports.FAILED]} failed, '
                 f'{count[reports.VOID]} void; each with this manifest', tuple(wrong))


def _names(trials):
    """Yield what is wrong in how trials are called: each name once, one result a job, repeats in their order."""
    seen, repeats, results = set(), {}, {}
    for record in trials:
        body = record.body
        key = Job(body['candidate'], body['purpose'], body['reset']).key
        if body['trial_id'] in seen:
            yield f'{line(record)}: expected each trial once, got it again'
        elif body['repeat'] <= repeats.get(key, -1):
            yield f'{line(record)}: expected a repeat after {repeats[key]}, got {body["repeat"]}'
        elif key in results:
            yield f'{line(record)}: expected nothing after the result {results[key]} of this job, got another trial'
        seen.add(body['trial_id'])
        repeats[key] = body['repeat']
        if body['status'] != reports.VOID:
            results.setdefault(key, body['trial_id'])


def _wrong(body, campaign, candidates):
    """Yield what does not belong together in the body of a trial record."""
    if body['unit'] not in campaign['units']:
        yield f'expected a station of {", ".join(campaign["units"])}, got {body["unit"]!r}'
    if body['candidate'] not in candidates:
        yield f'expected a candidate on record before it, got number {body["candidate"]}'
        return
    job = Job(body['candidate'], body['purpose'], body['reset'], body['repeat'])
    if body['trial_id'] != job.trial_id:
        yield f'expected the name {job.trial_id}'
    try:
        found = {phase: body[f'{phase}_report'] and reports.Report.from_dict(body[f'{phase}_report'])
                 for phase in PHASES}
    except reports.ReportError as error:
        yield str(error)
        return
    reason = body['reason'] if body['status'] == reports.VOID else ''
    made = kinds.trial(job, body['unit'], body['seed'], found['reset'], found['rollout'], reason)
    yield from kinds.different(body, made)
    for phase in PHASES:
        values = of_phase(body, phase)
        if values is not None:
            yield from _report(phase, values, body, campaign, candidates[body['candidate']])
    if body['status'] != reports.VOID and found['reset'].status != reports.SUCCEEDED:
        yield f'expected a reset that succeeded before a rollout, got {found["reset"].status}'


def _report(phase, values, body, campaign, candidate):
    """Yield in what the report of ``phase`` is of another trial, campaign or candidate."""
    wanted = {'phase': phase, 'trial_id': body['trial_id'], 'seed': body['seed'], 'unit': body['unit'],
              'task': campaign['task'], 'simulated': campaign['simulated'], 'manifest_hash': campaign['manifest_hash']}
    if phase == reports.ROLLOUT:
        wanted['policy_commit'] = candidate['commit']
        # A file that could not be read, '', has no hash.
        wanted.update({name: candidate[name] for name in ('policy_hash', 'artifact_hash') if values[name]})
    for name, value in wanted.items():
        if values[name] != value:
            yield f'{phase}_report.{name}: expected {value!r}, got {values[name]!r}'

"""Honest campaigns with all that a lab leaves behind, for audits: stations with clocks, outboxes and recorded states,
git, a scene, a task.

Not all goes well in them: one trial is void, two are lost, with the trial server and as it can't write what came of a
reset, one begins anew under the next name, one is sent by hand.
"""

import dataclasses
import hashlib
import itertools
import json
import os

import campaign_helpers
import trial_helpers

from enpire_drivers.sim import records as states
from enpire_drivers.sim.scene import write_scene
from enpire_research.campaign import chain
from enpire_research.campaign.audit import walk
from enpire_research.campaign.course import About
from enpire_research.campaign.ledger import NAME
from enpire_research.campaign.seeds import keep_secret, stations_seed
from enpire_research.trials import manifest
from enpire_research.trials import report as reports
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.trial_setup import robot_limits_file

UNITS = campaign_helpers.UNITS
SMALL = {'trials': 68, 'exam_resets': 3, 'screen_resets': 4, 'ideas_a_round': 2}
VOID_AT, LOST_AT, ANEW_AT, BY_HAND_AT, BROKE_AT = 3, 6, 9, 12, 15
BROKEN_NS = 2 * 10**9


class Station:
    """One station's clock and outbox; its world is a counter."""

    def __init__(self, run, unit, wall_ns):
        self.unit, self._box, self._wall_ns = unit, Outbox(os.path.join(run, unit, 'outbox')), wall_ns
        self._states = states.open_folder(os.path.join(run, unit, 'records'))
        self._ns, self._state = 0, 0

    def put(self, report, goal, **changes):
        """Keep ``report`` as the next phase of this station; return it as a research node gets it."""
        first, self._state = self._state, self._state + 1
        record = states.write(self._states, states.Record(
            unit=self.unit, lab_seed=stations_seed(campaign_helpers.SECRET), trial_id=report.trial_id,
            phase=report.phase, tick=first, scene_digest='', digest=_digest(self.unit, first), world=bytes(range(99)),
            follower=b'follower', parameters={}))
        report = dataclasses.replace(
            report, start_ns=self._ns, end_ns=self._ns + 5 * 10**9, started_at_ns=self._wall_ns(), wall_duration_s=1.0,
            state_digest_before=_digest(self.unit, first), state_digest_after=_digest(self.unit, self._state),
            state_record=record, goal=goal, **changes)
        self._ns = report.end_ns + BROKEN_NS * (report.status == reports.VOID)
        self._state += report.status == reports.VOID
        self._box.put(report)
        return dataclasses.replace(report, goal={})

    def lose(self):
        """The trial server dies in a phase: the world runs on, and nothing is kept."""
        self._ns += 7 * 10**9
        self._state += 1


def _digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def task_in(folder):
    """Return a BlockTask in ``folder`` with a verifier that has a model."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'verifier.onnx'), 'wb') as handle:
        handle.write(b'weights of a verifier')
    return trial_helpers.BlockTask(str(folder))


def campaign(run, task, until=None):
    """Run a campaign in the run folder ``run``, to its end or ``until`` so many trials have begun."""
    run = str(run)
    write_scene(os.path.join(run, 'scene'), task.scene())
    entries = manifest.of_folders(task.folder, (robot_limits_file(), task.limits_file), os.path.join(run, 'scene'))
    folder = os.path.join(run, 'campaign')
    os.makedirs(folder)
    wall_ns = itertools.count(10**18, 10**9).__next__
    course, ledger = campaign_helpers.course_in(
        folder, git=True, clock=wall_ns, settings=campaign_helpers.config(**SMALL),
        about=About(UNITS, entries, True, {'name': 'counts'}),
        secret=keep_secret(folder, lambda count: campaign_helpers.SECRET[:count]))
    stations, count = {unit: Station(run, unit, wall_ns) for unit in UNITS}, itertools.count()
    with ledger:
        course.station('unit1', 'out', 'latched')
        course.station('unit1', 'back', 'its gate was cleared')
        while not course.finished:
            course.step()
            for job in () if course.finished else course.jobs():
                number = next(count)
                if number == until:
                    return
                _one(course, job, stations, number)
    with open(os.path.join(run, 'outcome.json'), 'w', encoding='utf-8') as handle:
        json.dump({'code': 0, 'reason': 'lab.research is done'}, handle)


def _one(course, job, stations, number):
    """Run one job, with what may happen on the way."""
    station = stations[UNITS[job.reset % 2]]
    if number == VOID_AT:
        course.result(job, station.unit, _reset(course, job, station, status=reports.VOID, error_code=106,
                                                error_msg='the camera gave no picture for 5 s'))
        job = dataclasses.replace(job, repeat=1, voids=1)
    elif number == LOST_AT:
        station.lose()
        course.result(job, station.unit, None, None, 'no feedback for 15 s')
        job = dataclasses.replace(job, repeat=1, voids=1)
    elif number == BROKE_AT:
        station.lose()
        course.result(job, station.unit, reports.Report(
            '', '', '', 'unknown', 0, False, error_code=110, error_msg='internal error: no space left on the disk'))
        job = dataclasses.replace(job, repeat=1, voids=1)
    elif number == ANEW_AT:
        _reset(course, job, station)
        job = dataclasses.replace(job, repeat=1)
    elif number == BY_HAND_AT:
        station.put(reports.Report(station.unit, 'push_t', 'mine', reports.RESET, 7, True,
                                   status=reports.SUCCEEDED), {'max_tries': 1})
    reset = _reset(course, job, station)
    candidate = course.candidates[job.candidate]
    with open(course.policy_file(job.candidate), encoding='utf-8') as handle:
        source = handle.read()
    rollout = campaign_helpers.lab_reports(job, station.unit, course.seed(job), source)[1]
    kept = station.put(rollout, {'episode_s': 0.0, 'max_attempts': 1}, policy_commit=candidate['commit'],
                       manifest_hash=course.ledger.records[0].body['manifest_hash'])
    course.result(job, station.unit, reset, kept)


def _reset(course, job, station, **changes):
    report = campaign_helpers.lab_reports(job, station.unit, course.seed(job), 'RATE = 0.5\n')[0]
    return station.put(report, {'max_tries': 0}, manifest_hash=course.ledger.records[0].body['manifest_hash'],
                       **changes)


# ---- tampering -----------------------------------------------------------------------------
def ledger_of(run):
    """Return the path of the ledger."""
    return os.path.join(run, 'campaign', NAME)


def lines(run):
    """Return the lines of the ledger, each with its end."""
    with open(ledger_of(run), 'rb') as handle:
        return handle.read().splitlines(keepends=True)


def write_lines(run, found):
    """Write the ledger anew, as it is given."""
    with open(ledger_of(run), 'wb') as handle:
        handle.write(b''.join(found))


def forge(run, change):
    """Write the ledger anew with all its hashes, after ``change(records)``: a list of dicts with kind, at_ns, body."""
    found = [json.loads(line) for line in lines(run)]
    found = change(found) or found
    previous, made = chain.FIRST, []
    for n, values in enumerate(found):
        record = chain.make(n, values['kind'], values['at_ns'], values['body'], previous)
        previous = record.hash
        made.append(record.line())
    write_lines(run, made)


def outbox_file(run, trial_id, phase='rollout'):
    """Return the path of a station's result."""
    return next(path for path in (os.path.join(run, unit, 'outbox', f'{trial_id}.{phase}.json') for unit in UNITS)
                if os.path.exists(path))


def edit_json(path, change):
    """Change a result as its station would have written it."""
    with open(path, encoding='utf-8') as handle:
        values = json.load(handle)
    change(values)
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(json.dumps(values, sort_keys=True, indent=1) + '\n')


def flip(path, at=None):
    """Flip one bit of a file."""
    os.chmod(path, 0o644)
    with open(path, 'rb') as handle:
        data = bytearray(handle.read())
    at = len(data) // 2 if at is None else at
    data[at] ^= 1
    with open(path, 'wb') as handle:
        handle.write(data)


def an_exam(records):
    """Return the first record (dict) of a trial of the exam that has failed."""
    return next(one for one in records if one['kind'] == 'trial' and one['body']['purpose'] == 'exam'
                and one['body']['status'] == 'failed')


def verdict_changed(records):
    """Make a success of it."""
    body = an_exam(records)['body']
    body['status'], body['reason'] = 'succeeded', ''
    body['rollout_report']['status'] = 'succeeded'


def wrong(run, task, **options):
    """Return {check: places} of what is wrong with the campaign in ``run``."""
    return {check.name: '\n'.join(check.wrong) for check in walk.verify(run, task=task, **options).checks
            if not check.ok}

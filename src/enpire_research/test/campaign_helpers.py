"""A lab that is not there: policies with a rate each, outcomes by hash, a researcher that counts."""

import hashlib
import itertools

from enpire_research.campaign.config import CampaignConfig
from enpire_research.campaign.course import About, Course
from enpire_research.campaign.ledger import Ledger
from enpire_research.campaign.repository import CampaignRepository
from enpire_research.campaign.researcher import Idea
from enpire_research.trials import report as reports
from enpire_research.trials.report import Attempt, Report

START = 'RATE = 0.2\n'
SECRET = bytes(range(32))
UNITS = ('unit0', 'unit1')
MANIFEST = {'scene': 'f' * 64, 'task/verifier.py': 'a' * 64}
ABOUT = About(UNITS, MANIFEST, True, {'name': 'counts'})


def config(**changes):
    """Return a small CampaignConfig: 16 + 3 rounds or so, an exam of 2 x 10."""
    return CampaignConfig(**{**dict(
        task='push_t', seed=1, trials=130, ideas_a_round=3, screen_first=3, screen_second=2, screen_resets=6,
        confirm_margin=4, confirm_resets=10, alpha=0.1, exam_resets=10, researcher='counts'), **changes})


class Counts:
    """Proposes rates one after the other: the next of ``rates``, wherever it is."""

    name = 'counts'

    def __init__(self, rates=(0.1, 0.5, 0.3, 0.9, 0.4, 0.95)):
        self._rates = itertools.cycle(rates)
        self.calls = []

    def propose(self, champion, tried, count, round):
        """See Researcher."""
        self.calls.append((champion.candidate, len(tried), count, round))
        number = len(tried)
        return [Idea(f'rate {rate} may do', f'RATE = {rate}\nN = {number + k}\n', {'RATE': rate})
                for k, rate in zip(range(count), self._rates)]


def chance(*parts):
    """Return a number from 0 to 1 that ``parts`` decide."""
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16) / 0x100000000


def lab_reports(job, unit, seed, source, wall=0.0, folder='/here/or/there'):
    """Return the Reports (reset, rollout) that a station would make: by job, seed and policy alone."""
    rate = float(source.split('\n')[0].split('=')[1])
    success = chance(seed, source) < rate
    common = dict(unit=unit, task='push_t', trial_id=job.trial_id, seed=seed, simulated=True,
                  started_at_ns=int(wall * 1e9), wall_duration_s=wall + 0.5)
    reset = Report(phase=reports.RESET, status=reports.SUCCEEDED, **common)
    rollout = Report(
        phase=reports.ROLLOUT, status=reports.SUCCEEDED if success else reports.FAILED, score=chance(seed, source, 's'),
        policy_file=f'{folder}/policies/x.py', policy_hash=hashlib.sha256(source.encode()).hexdigest(),
        policy_commit='', end_ns=30 * 10**9, measurements={'position_error_m': chance(seed), 'angle': float('nan')},
        attempts=[Attempt(1, 0, 1, reports.FAILED, 0.5, '' if success else 'beside')], **common)
    return reset, rollout


class FakeRepository:
    """Keeps nothing but what it is asked, and answers by hash, without git."""

    def __init__(self):
        self.decided = {}

    def start(self, source, title, notes=''):
        """See CampaignRepository."""
        return self.idea(0, None, source, title, notes)

    def idea(self, number, parent, source, hypothesis, notes=''):
        """See CampaignRepository."""
        return (hashlib.sha1(repr((number, parent, source, hypothesis, notes)).encode()).hexdigest(),
                hashlib.sha1(source.encode()).hexdigest())

    def decide(self, number, kept, text, notes=''):
        """See CampaignRepository."""
        assert self.decided.setdefault(number, (kept, text, notes)) == (kept, text, notes)


def course_in(folder, *, git=False, researcher=None, settings=None, secret=SECRET, clock=None, about=ABOUT,
              start=START, repository=None):
    """Return (Course, Ledger) on ``folder``; ``clock``: function for the wall clock in ns."""
    clock = clock or itertools.count(10**18, 10**9).__next__
    ledger = Ledger.open(str(folder), clock)
    try:
        repository = repository or (CampaignRepository(f'{folder}/repository', clock) if git else FakeRepository())
        course = Course(settings or config(), researcher or Counts(), ledger, repository, start_source=start,
                        secret=secret, about=about, folder=str(folder))
    except BaseException:
        ledger.close()
        raise
    return course, ledger


def run(course, wall=0.0, order=lambda jobs: jobs):
    """Run ``course`` to its end."""
    while True:
        course.step()
        if course.finished:
            return
        for job in order(course.jobs()):
            one(course, job, wall)


def one(course, job, wall=0.0):
    """Run one trial of ``course``."""
    unit = UNITS[(job.reset + job.voids) % 2]
    with open(course.policy_file(job.candidate), encoding='utf-8') as handle:
        source = handle.read()
    return course.result(job, unit, *lab_reports(job, unit, course.seed(job), source, wall))

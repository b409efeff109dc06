"""Whole campaigns without a lab, for tests of what is told of them: a ledger with times, failures, voids, an exam."""

import dataclasses
import itertools

import campaign_helpers

from enpire_research.agents.builtin import edit
from enpire_research.campaign.researcher import Idea
from enpire_research.trials import report as reports
from enpire_tasks.types import Tolerance

START = ("RATE = 0.2\nVARY = {\n    'RATE': {'low': 0.01, 'high': 0.999},\n    'WAY': {'options': ['old', 'new']},\n}\n"
         "WAY = 'old'\n\n\ndef act(observation):\n    return None\n")
START_VALUES = {'RATE': 0.2, 'WAY': 'old'}
TOLERANCES = (Tolerance('position_error_m', 0.005, 'position'), Tolerance('angle_error_rad', 0.1, 'angle'))
BEGAN_S, RESET_S, ROLLOUT_S, GAP_S = 1_790_000_000.0, 2.0, 5.0, 0.25


class Edits:
    """Proposes one rate after the other; with the fourth idea also another way."""

    name = 'edits'

    def __init__(self, rates=(0.1, 0.55, 0.3, 0.9, 0.4, 0.8)):
        self._rates = itertools.cycle(rates)

    def propose(self, champion, tried, count, round):
        """See Researcher."""
        found = []
        for k, rate in zip(range(count), self._rates):
            number = len(tried) + k
            changes = {'RATE': rate + number / 1000, **({'WAY': 'new'} if rate == 0.9 else {})}
            found.append(Idea(f'rate {rate} may do more than {champion.params.get("RATE", 0.2)}',
                              edit.edit(champion.source, changes), changes))
        return found


def campaign(folder, until=None, voids=(3,), pause_at=None, git=False, **settings):
    """Run a campaign in ``folder`` (its `campaign` folder), to its end or ``until`` so many trials have ended.

    ``voids``: numbers of trials before which one is void; ``pause_at``: number of the trial before which the lab
    stood still for an hour; ``settings``: of CampaignConfig.
    """
    course, ledger = campaign_helpers.course_in(
        folder, git=git, researcher=Edits(), settings=campaign_helpers.config(**settings), start=START)
    clock, count = dict.fromkeys(campaign_helpers.UNITS, BEGAN_S), itertools.count()
    with ledger:
        while True:
            course.step()
            if course.finished:
                return
            for job in course.jobs():
                number = next(count)
                if number == until:
                    return
                if number == pause_at:
                    clock = {unit: time + 3600.0 for unit, time in clock.items()}
                if number in voids:
                    _void(course, job)
                    job = dataclasses.replace(job, repeat=1, voids=1)
                unit = campaign_helpers.UNITS[job.reset % 2]
                course.result(job, unit, *timed(course, job, unit, clock))


def _void(course, job):
    unit = campaign_helpers.UNITS[job.reset % 2]
    reset, _ = campaign_helpers.lab_reports(job, unit, course.seed(job), 'RATE = 0.5\n')
    course.result(job, unit, dataclasses.replace(
        reset, status=reports.VOID, error_code=105, error_msg='the camera gave no picture for 5 s', started_at_ns=0))


def timed(course, job, unit, clock):
    """Return the Reports of ``job`` with times and figures; ``clock``: {unit: when it is free}, moved on."""
    with open(course.policy_file(job.candidate), encoding='utf-8') as handle:
        source = handle.read()
    found = []
    for report, length in zip(campaign_helpers.lab_reports(job, unit, course.seed(job), source), (RESET_S, ROLLOUT_S)):
        found.append(dataclasses.replace(report, started_at_ns=round(clock[unit] * 1e9), wall_duration_s=length))
        clock[unit] += length + GAP_S
    draw = campaign_helpers.chance(course.seed(job), source, 'how')
    found[1].measurements = {'position_error_m': 0.02 * draw, 'angle_error_rad': 0.3 * (1 - draw)}
    found[1].attempts[0].reason = '' if found[1].status == reports.SUCCEEDED else f'the T lies {20 * draw:.1f} mm off'
    return found

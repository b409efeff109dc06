"""Recorded phases of trials, run again from their state records, and compared bit for bit.

A run folder holds all that is needed: scene, records, reports, copies of the policies. A copy that is
missing must still be where the report says, with the same hash. VOID and CANCELED phases are left out: they
are no pure functions. This module replays by the direct runner; `replay_lab` does it in a lab of one station.
"""

import os
from dataclasses import dataclass, field

from enpire_core.files import sha256_file
from enpire_drivers.sim import records
from enpire_drivers.sim.lockstep import EpisodeError
from enpire_drivers.sim.scene import SceneError, load_scene
from enpire_research import layout
from enpire_research.trials import manifest
from enpire_research.trials import report as reports
from enpire_research.trials.direct import DirectRunner, make_station
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.trial_setup import make_setup, robot_limits_file
from enpire_tasks import registry

COMPARED = ('status', 'error_code', 'score', 'measurements', 'ticks', 'refusals', 'tries', 'put_back', 'attempts',
            'start_ns', 'end_ns', 'policy_hash', 'artifact_hash', 'manifest_hash', 'state_digest_before',
            'state_digest_after', 'trajectory_digest', 'frames_digest')


class ReplayError(ValueError):
    """A run can't be replayed; the text says what was expected and what came."""


@dataclass(frozen=True)
class Phase:
    """One recorded phase: its Report, the paths of the state before it, of its policy and artifact ('': none)."""

    report: reports.Report
    record: str
    policy: str = ''
    artifact: str = ''

    def rollout_goal(self):
        """Return the fields of a rollout's goal, but for its name, seed and policy, that bring this phase about."""
        return {**self.report.goal, 'artifact_file': self.artifact}


@dataclass
class Comparison:
    """What one replay came to. ``way``: 'direct' or 'graph'; ``differences``: (field, was, is)."""

    report: reports.Report
    way: str
    differences: list = field(default_factory=list)
    error: str = ''

    @property
    def same(self):
        """True where every compared field has the same bits."""
        return not self.differences and not self.error


class RunFolder:
    """A lab's run folder. ReplayError where it is none."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.scene = os.path.join(self.folder, 'scene')
        if not os.path.isdir(self.scene):
            raise ReplayError(f'{self.folder}: expected the folder of a run, with scene/ and a folder a station')
        narrowed = os.path.join(self.folder, 'limits.yaml')
        self.task_limits = narrowed if os.path.isfile(narrowed) else None

    def phases(self, trials=None):
        """Return (phases, problems): what can be replayed, unit by unit in the order of its clock.

        ``trials``: only so many trials, spread evenly over the run; None: all.
        """
        found, problems = [], []
        for unit in sorted(os.listdir(self.folder)):
            outbox = os.path.join(self.folder, unit, 'outbox')
            if not os.path.isdir(outbox):
                continue
            kept, trouble = Outbox(outbox).reports()
            problems += trouble
            for report in kept:
                phase = Phase(report, os.path.join(self.folder, unit, 'records', report.state_record),
                              self._policy(unit, report), self._artifact(unit, report))
                problem = _problem(phase)
                if problem:
                    problems.append(f'{unit} {report.trial_id} {report.phase}: left out, {problem}')
                else:
                    found.append(phase)
        found = _spread(found, trials)
        return sorted(found, key=lambda phase: (phase.report.unit, phase.report.start_ns)), problems

    def _policy(self, unit, report):
        """The copy that the trial server kept, or the file itself where there is none."""
        kept = layout.policy(os.path.join(self.folder, unit), report.policy_hash)
        return kept if os.path.isfile(kept) else report.policy_file

    def _artifact(self, unit, report):
        if not report.artifact_hash:
            return ''
        return layout.artifact(os.path.join(self.folder, unit), report.artifact_hash)


def _problem(phase):
    report = phase.report
    if report.status not in (reports.SUCCEEDED, reports.FAILED):
        return f'its status is {report.status}'
    if not report.state_record:
        return 'it ended before anything moved'
    if not os.path.isfile(phase.record):
        return f'there is no record {report.state_record}'
    if report.phase == reports.ROLLOUT:
        if not os.path.isfile(phase.policy):
            return f'its policy is not at {report.policy_file} any more'
        if sha256_file(phase.policy) != report.policy_hash:
            return f'its policy {phase.policy} has changed since'
        if phase.artifact and not os.path.isfile(phase.artifact):
            return f'the copy of its artifact is not at {phase.artifact} any more'
        if phase.artifact and sha256_file(phase.artifact) != report.artifact_hash:
            return f'its artifact {phase.artifact} has changed since'
    return ''


def _spread(phases, trials):
    """Keep the phases of ``trials`` trials that were rolled out, evenly spread."""
    keys = sorted({(one.report.unit, one.report.trial_id) for one in phases if one.report.phase == reports.ROLLOUT})
    if trials is None:
        return phases
    chosen = {keys[i * len(keys) // trials] for i in range(min(trials, len(keys)))} if len(keys) > trials else set(keys)
    return [one for one in phases if (one.report.unit, one.report.trial_id) in chosen]


def compare(was, now, way):
    """Return the Comparison of two Reports of the same phase. NaN equals NaN."""
    before, after = was.to_dict(), now.to_dict()
    differences = []
    for name in COMPARED:
        if name == 'attempts' and len(before[name]) == len(after[name]):
            differences += [(f'attempt {one["attempt"]} {key}', one[key], other[key])
                            for one, other in zip(before[name], after[name]) for key in one if one[key] != other[key]]
        elif before[name] != after[name]:
            differences.append((name, before[name], after[name]))
    return Comparison(was, way, differences)


@dataclass(frozen=True)
class Ground:
    """What phases of one unit are replayed on: the task, its limit files, the Scene, the record before the first."""

    task: object
    limit_files: tuple
    scene: object
    first: object


def ground(run, phases):
    """Return the Ground of ``phases`` of a RunFolder; ReplayError where this version can't read it."""
    try:
        task = registry.get(phases[0].report.task)
        return Ground(task, (robot_limits_file(), run.task_limits or task.limits_file), load_scene(run.scene),
                      records.read(phases[0].record))
    except (registry.UnknownTask, SceneError, records.RecordError) as error:
        raise ReplayError(f'{run.folder}: {error}') from error


class DirectReplay:
    """Replays phases of a RunFolder in this process. ``folder``: for what policies print."""

    def __init__(self, run, folder, phases):
        on = ground(run, phases)
        setup = make_setup(on.task, *on.limit_files)
        self._manifest_hash = manifest.total(manifest.entries(on.task.folder, on.limit_files, on.scene.meta.digest))
        first, scene = on.first, on.scene
        station = make_station(setup, first.unit, first.lab_seed, scene, first.cameras)
        self._runner = DirectRunner(setup, station, folder)

    def replay(self, phase):
        """Run ``phase`` again and return the Comparison."""
        was = phase.report
        try:
            self._runner.restore(phase.record)
        except (records.RecordError, EpisodeError) as error:
            return Comparison(was, 'direct', error=str(error))
        if was.phase == reports.RESET:
            now = self._runner.reset(was.trial_id, was.seed, **was.goal)
        else:
            now = self._runner.rollout(was.trial_id, was.seed, phase.policy, **phase.rollout_goal())
        now.manifest_hash = self._manifest_hash
        return compare(was, now, 'direct')

    def close(self):
        """End what was started."""
        self._runner.close()


def table(comparisons):
    """Return what came of the replays as lines of text, one a trial, phase and way."""
    lines = [f'{"trial":<20} {"unit":<7} {"phase":<8} {"way":<7} result']
    for one in comparisons:
        if one.same:
            text = f'same bits   {one.report.status}, {one.report.ticks} ticks, {one.report.trajectory_digest[:12]}'
        elif one.error:
            text = f'NOT REPLAYED {one.error}'
        else:
            text = 'DIFFERENT ' + '; '.join(f'{name}: was {_short(was)}, is {_short(now)}'
                                            for name, was, now in one.differences)
        lines.append(f'{one.report.trial_id:<20} {one.report.unit:<7} {one.report.phase:<8} {one.way:<7} {text}')
    same = sum(one.same for one in comparisons)
    lines.append(f'{same} of {len(comparisons)} phases with the same bits')
    return lines


def _short(value):
    text = str(value)
    return text if len(text) <= 24 else text[:12] + '…'

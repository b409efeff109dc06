"""Replays from a run folder: the same bits, or what differs, by name."""

import os
import shutil

import pytest
import trial_helpers
from enpire_drivers.sim.scene import write_scene
from enpire_research.trials import manifest, replay
from enpire_research.trials import report as reports
from enpire_research.trials.outbox import Outbox
from enpire_research.trials.trial_setup import robot_limits_file
from enpire_tasks import registry


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    """A run folder with two trials of one station, as a lab leaves it; and the task."""
    folder = tmp_path_factory.mktemp('run')
    unit = folder / 'unit0'
    unit.mkdir()
    task = trial_helpers.BlockTask(str(tmp_path_factory.mktemp('task')))
    scene = write_scene(str(folder / 'scene'), task.scene())
    frozen = manifest.total(manifest.entries(task.folder, (robot_limits_file(), task.limits_file), scene.meta.digest))
    runner, _ = trial_helpers.runner(unit, task, lab_seed=4)
    outbox = Outbox(str(unit / 'outbox'))
    with runner:
        for number, name in enumerate(('dice', 'raises')):
            for report in (runner.reset(f't{number}', number),
                           runner.rollout(f't{number}', number, trial_helpers.policy(name))):
                report.manifest_hash = frozen
                outbox.put(report)
    return folder, task


@pytest.fixture
def known(recorded, monkeypatch):
    folder, task = recorded
    monkeypatch.setattr(registry, 'get', lambda name: task)
    return str(folder)


def replayed(folder, scratch, phases):
    direct = replay.DirectReplay(replay.RunFolder(folder), str(scratch), phases)
    try:
        return [direct.replay(phase) for phase in phases]
    finally:
        direct.close()


def test_every_phase_has_the_same_bits_in_any_order(known, tmp_path):
    phases, problems = replay.RunFolder(known).phases()
    assert [(one.report.trial_id, one.report.phase) for one in phases] == [
        ('t0', 'reset'), ('t0', 'rollout'), ('t1', 'reset'), ('t1', 'rollout')] and not problems
    results = replayed(known, tmp_path, phases[::-1])
    assert all(one.same for one in results), replay.table(results)
    lines = replay.table(results)
    assert lines[-1] == '4 of 4 phases with the same bits' and 'same bits' in lines[1]


def test_a_result_that_was_changed_is_named_with_both_values(known, tmp_path):
    phases, _ = replay.RunFolder(known).phases()
    phases[0].report.ticks += 1
    phases[0].report.frames_digest = 'f' * 64
    results = replayed(known, tmp_path, phases[:1])
    assert not results[0].same
    line = replay.table(results)[1]
    assert 'DIFFERENT' in line and 'ticks: was' in line and 'frames_digest: was ffffffffffff' in line


def several_attempts(*scores):
    return reports.Report('unit0', 'push_t', 't', reports.ROLLOUT, 1, True, status=reports.SUCCEEDED, attempts=[
        reports.Attempt(number, 10 * number, 10 * number + 5, reports.FAILED, score, 'beside the goal')
        for number, score in enumerate(scores, 1)])


@pytest.mark.parametrize('field, value', (
    ('status', reports.SUCCEEDED), ('score', 0.25), ('start_ns', 11), ('end_ns', 16), ('reason', 'gone')))
def test_an_attempt_before_the_last_that_differs_is_named(field, value):
    was, now = several_attempts(0.5, float('nan'), 1.0), several_attempts(0.5, float('nan'), 1.0)
    assert replay.compare(was, now, 'direct').same
    setattr(now.attempts[0], field, value)
    found = replay.compare(was, now, 'direct')
    assert not found.same and [name for name, *_ in found.differences] == [f'attempt 1 {field}']


def test_another_number_of_attempts_is_a_difference():
    found = replay.compare(several_attempts(0.5, 1.0), several_attempts(0.5), 'direct')
    assert [name for name, *_ in found.differences] == ['attempts'] and 'DIFFERENT' in replay.table([found])[1]


def test_a_damaged_record_is_said_and_the_others_are_still_replayed(known, tmp_path):
    phases, _ = replay.RunFolder(known).phases()
    path = tmp_path / 'broken.npz'
    path.write_bytes(open(phases[0].record, 'rb').read()[:-400])
    spoilt = [replay.Phase(phases[0].report, str(path)), phases[1]]
    first, second = replayed_from(known, tmp_path, phases, spoilt)
    assert 'broken.npz' in first.error and not first.same and second.same


def damaged_scene(run, phases):
    meta, = [path for path in (run / 'scene').iterdir() if path.suffix == '.json']
    meta.write_text(meta.read_text().replace('mujoco', 'mujoka'))


def damaged_first_record(run, phases):
    record = run / 'unit0' / 'records' / os.path.basename(phases[0].record)
    record.chmod(0o600)
    record.write_bytes(record.read_bytes()[:-400])


@pytest.mark.parametrize('damage', [damaged_scene, damaged_first_record])
def test_a_run_that_this_version_cannot_read_is_refused_with_the_reason(known, tmp_path, damage):
    shutil.copytree(known, tmp_path / 'run')
    damage(tmp_path / 'run', replay.RunFolder(known).phases()[0])
    folder = replay.RunFolder(str(tmp_path / 'run'))
    with pytest.raises(replay.ReplayError, match=f'{tmp_path}/run: .*expected'):
        replay.DirectReplay(folder, str(tmp_path), folder.phases()[0])


def test_a_task_that_is_not_known_here_is_refused(recorded, tmp_path):
    folder = replay.RunFolder(str(recorded[0]))
    with pytest.raises(replay.ReplayError, match='block'):
        replay.DirectReplay(folder, str(tmp_path), folder.phases()[0])


def replayed_from(folder, scratch, phases, chosen):
    direct = replay.DirectReplay(replay.RunFolder(folder), str(scratch), phases)
    try:
        return [direct.replay(phase) for phase in chosen]
    finally:
        direct.close()


def test_only_so_many_trials_are_taken_and_whole(known):
    phases, _ = replay.RunFolder(known).phases(1)
    assert len(phases) == 2 and len({one.report.trial_id for one in phases}) == 1


def test_phases_come_unit_by_unit_since_two_units_stand_differently_at_the_same_stamp(known, tmp_path):
    copy = tmp_path / 'copy'
    shutil.copytree(known, copy)
    shutil.copytree(copy / 'unit0', copy / 'unit1', ignore=shutil.ignore_patterns('outbox'))
    outbox = Outbox(str(copy / 'unit1' / 'outbox'))
    for report in Outbox(str(copy / 'unit0' / 'outbox')).reports()[0]:
        outbox.put(reports.Report.from_dict({**report.to_dict(), 'unit': 'unit1'}))
    phases, _ = replay.RunFolder(str(copy)).phases()
    assert [one.report.unit for one in phases] == ['unit0'] * 4 + ['unit1'] * 4
    assert all(a.report.end_ns <= b.report.start_ns for a, b in zip(phases, phases[1:])
               if a.report.unit == b.report.unit)


def test_what_cannot_be_replayed_is_left_out_with_its_reason(known, tmp_path):
    copy = tmp_path / 'copy'
    shutil.copytree(known, copy)
    unit = copy / 'unit0'
    outbox = Outbox(str(unit / 'outbox'))
    report = reports.read(outbox.path('t0', 'reset'))
    for trial, changes in (('v', {'status': reports.VOID}), ('m', {'state_record': 'gone.npz'}),
                           ('n', {'state_record': ''})):
        outbox.put(reports.Report.from_dict({**report.to_dict(), 'trial_id': trial, **changes}))
    rollout = reports.read(outbox.path('t1', 'rollout'))
    outbox.put(reports.Report.from_dict({**rollout.to_dict(), 'trial_id': 'p', 'policy_hash': '0' * 64,
                                         'policy_file': '/nowhere/policy.py'}))
    phases, problems = replay.RunFolder(str(copy)).phases()
    assert len(phases) == 4 and len(problems) == 4
    for word in ('status is void', 'no record gone.npz', 'before anything moved', '/nowhere/policy.py'):
        assert any(word in problem for problem in problems), (word, problems)


def test_a_policy_that_changed_since_is_replayed_from_the_copy_that_was_kept(known):
    phases, _ = replay.RunFolder(known).phases()
    kept = [one.policy for one in phases if one.report.phase == reports.ROLLOUT]
    assert all(os.path.dirname(path).endswith(os.path.join('unit0', 'policies')) for path in kept)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(replay.ReplayError, match='scene/'):
        replay.RunFolder(str(tmp_path))

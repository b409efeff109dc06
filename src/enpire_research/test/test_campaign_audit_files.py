"""What is changed in the files around a ledger after the campaign is found by `enpire verify`, with its place."""

import dataclasses
import hashlib
import json
import os
import random
import runpy
import shutil
import subprocess

import audit_helpers as lab
import pytest
from campaign_helpers import SECRET
from enpire_drivers.sim import records as states
from enpire_research.campaign.audit import chained, walk
from enpire_research.campaign.seeds import stations_seed


# ---- files ---------------------------------------------------------------------------------
def test_a_result_that_was_changed_in_the_outbox_is_named_with_its_field(honest, whole):
    path = lab.outbox_file(honest, 'i0000-screen-001')
    lab.edit_json(path, lambda values: values.update(score=0.123))
    said = lab.wrong(honest, whole[1])['stations']
    assert f'(i0000-screen-001): {path}: rollout_report.score: ' in said and 'got 0.123' in said


@pytest.mark.parametrize('phase', ['reset', 'rollout'])
def test_any_byte_of_a_result_that_its_station_did_not_write_is_found(honest, whole, phase):
    path, draw = lab.outbox_file(honest, 'i0000-screen-001', phase), random.Random(3)
    data = open(path, 'rb').read()
    folder = data.find(b'/here/or/there/')  # of the policy
    for at in sorted({*draw.sample(range(len(data)), 40), *(range(folder, folder + 15, 2) if folder >= 0 else ())}):
        lab.flip(path, at)
        checked = lab_stations(honest, whole[1])
        assert f'i0000-screen-001.{phase}.json' in checked, (at, data[at:at + 1], checked)
        lab.flip(path, at)
    assert not lab_stations(honest, whole[1])


def test_a_campaign_that_was_moved_and_went_on_is_as_good(honest, whole):
    paths = [lab.outbox_file(honest, f'i0000-screen-{number:03}') for number in (1, 2)]
    for path in paths:
        lab.edit_json(path, lambda values: values.update(policy_file=f"/moved{values['policy_file']}"))
    assert not lab_stations(honest, whole[1])


def lab_stations(run, task):
    """Return what the check of the stations alone says is wrong."""
    records, _ = chained.check(b''.join(lab.lines(run)))
    return '\n'.join(walk.stations.check(records, run, True, walk.stations.read_outboxes(run)).wrong)


def test_a_result_that_was_removed_or_added_is_named(honest, whole):
    path = lab.outbox_file(honest, 'i0000-screen-001')
    more = path.replace('screen-001', 'screen-001-r2')
    shutil.copy(path, more)
    lab.edit_json(more, lambda values: values.update(trial_id='i0000-screen-001-r2'))
    os.unlink(path)
    said = lab.wrong(honest, whole[1])['stations']
    assert f"expected the station's own result in {path}, found none" in said
    assert 'i0000-screen-001-r2.rollout.json: expected this result in the ledger, it was left out' in said


def test_the_ledger_and_the_outbox_that_were_changed_alike_leave_it_to_the_engine(honest, whole):
    name = lab.an_exam([json.loads(line) for line in lab.lines(honest)])['body']['trial_id']
    lab.forge(honest, lab.verdict_changed)

    def better(values):
        values['status'] = 'succeeded'
    lab.edit_json(lab.outbox_file(honest, name), better)
    assert '(exam): what follows from the trials is another' in lab.wrong(honest, whole[1])['decisions']


@pytest.mark.parametrize('name, entry', [
    ('limits.yaml', 'task/limits.yaml: changed since the campaign began'),
    ('verifier.onnx', 'task/verifier.onnx: changed since the campaign began')])
def test_a_byte_of_a_task_file_or_of_the_verifiers_model_is_named(honest, tmp_path, whole, name, entry):
    shutil.copytree(whole[1].folder, tmp_path / 'task')
    copy = lab.task_in(tmp_path / 'task')
    assert not lab.wrong(honest, copy)
    lab.flip(tmp_path / 'task' / name)
    found = lab.wrong(honest, copy)
    assert list(found) == ['manifest'] and entry in found['manifest']


def test_a_task_file_that_is_new_or_gone_is_named(honest, tmp_path, whole):
    copy = lab.task_in(tmp_path / 'task')
    (tmp_path / 'task' / 'verifier.onnx').rename(tmp_path / 'task' / 'other.onnx')
    assert lab.wrong(honest, copy)['manifest'].split('\n') == [
        'task/other.onnx: new since the campaign began', 'task/verifier.onnx: gone since the campaign began']


def test_a_byte_of_the_scene_is_found(honest, whole):
    lab.flip(os.path.join(honest, 'scene', 'scene.mjb'))
    assert lab.wrong(honest, whole[1]) == {'manifest': 'scene: changed since the campaign began'}


def test_another_secret_in_the_folder_is_found(honest, whole):
    with open(os.path.join(honest, 'campaign', 'secret'), 'w', encoding='ascii') as handle:
        handle.write('cd' * 32)
    assert f'{honest}/campaign/secret: expected the secret with the hash' in lab.wrong(honest, whole[1])['seeds']


def state_file(run, trial_id='i0000-screen-001'):
    path = lab.outbox_file(run, trial_id, 'reset')
    with open(path, encoding='utf-8') as handle:
        name = json.load(handle)['state_record']
    return os.path.join(os.path.dirname(path).replace('/outbox', '/records'), os.path.basename(name))


def lab_kept(run):
    """Return what the check of what stations keep says alone."""
    return walk.kept.check(run, lab.UNITS, walk.stations.read_outboxes(run)[0], SECRET)


def test_any_byte_of_a_recorded_state_is_found_those_of_the_zip_around_it_too(honest):
    path, draw = state_file(honest), random.Random(4)
    for at in sorted(draw.sample(range(os.path.getsize(path)), 150)):
        lab.flip(path, at)
        wrong = lab_kept(honest).wrong
        assert len(wrong) == 1 and wrong[0].startswith(path), (at, wrong)
        lab.flip(path, at)
    assert lab_kept(honest).ok


@pytest.mark.parametrize('change, said', [
    ({'lab_seed': 1}, f'expected a station with the seed {stations_seed(SECRET)} of the secret, got one with 1'),
    ({'digest': 'ab' * 32}, f'of its result, got {"ab" * 32}'),
    ({'phase': 'rollout'}, 'expected the phase reset of its result, got rollout'),
    ({'trial_id': 'mine'}, 'expected the trial i0000-screen-001 of its result, got mine'),
    ({'unit': 'unit7'}, 'of its result, got unit7')])
def test_the_recorded_state_of_something_else_is_found_though_it_is_whole(honest, whole, change, said):
    path = state_file(honest)
    with open(path, 'wb') as handle:
        handle.write(states.encode(dataclasses.replace(states.read(lab_state(whole)), **change)))
    found = lab.wrong(honest, whole[1])
    assert list(found) == ['kept'] and found['kept'].startswith(f'{path}: ') and said in found['kept']


def lab_state(whole):
    return state_file(str(whole[0]))


def test_recorded_states_that_are_gone_are_noted_and_no_error(honest, whole):
    os.unlink(state_file(honest))
    checked = lab_kept(honest)
    assert checked.ok and checked.notes == ('1 recorded states are gone: those phases can not be run again',)


@pytest.mark.parametrize('folder', ['unit0/policies', 'unit1/artifacts', 'campaign/artifacts'])
def test_a_copy_that_is_not_what_it_is_called_is_found(honest, whole, folder):
    name = hashlib.sha256(b'a policy').hexdigest()
    os.makedirs(os.path.join(honest, folder))
    path = os.path.join(honest, folder, f'{name}.onnx')
    with open(path, 'wb') as handle:
        handle.write(b'a policy')
    with open(os.path.join(honest, folder, '.half.part'), 'wb') as handle:
        handle.write(b'interrupted')
    assert not lab.wrong(honest, whole[1])
    lab.flip(path)
    assert f'{path}: expected the SHA-256 that it is called after' in lab.wrong(honest, whole[1])['kept']


def test_a_task_that_this_project_does_not_know_can_not_be_compared(honest, monkeypatch):
    monkeypatch.setattr(walk.registry, 'names', lambda: ['peg'])
    assert "expected the name of a task, got 'push_t'" in lab.wrong(honest, None)['manifest']


@pytest.mark.parametrize('source, said', [
    ('x = = 1\n', 'verifier.py:1: the task push_t can not be imported any more: SyntaxError: invalid syntax'),
    ('\nx = y\n', "verifier.py:2: the task push_t can not be imported any more: NameError: name 'y' is not defined")])
def test_a_task_that_can_not_be_imported_any_more_is_named_with_file_and_line(honest, tmp_path, monkeypatch, source,
                                                                               said):
    path = tmp_path / 'verifier.py'
    path.write_text(source)
    monkeypatch.setattr(walk.registry, 'get', lambda name: runpy.run_path(str(path)))
    assert lab.wrong(honest, None)['manifest'].startswith(f'{tmp_path}/{said}')


# ---- git -----------------------------------------------------------------------------------
def git(run, *words, text=None):
    return subprocess.run(
        ['git', '--git-dir', os.path.join(run, 'campaign', 'repository'), *words], input=text, text=True, check=True,
        capture_output=True, env={**os.environ, **{f'GIT_{who}_{what}': 'x@y' for who in ('AUTHOR', 'COMMITTER')
                                                   for what in ('NAME', 'EMAIL')}}).stdout.strip()


def test_a_candidate_whose_commit_was_rewritten_is_named(honest, whole):
    blob = git(honest, 'hash-object', '-w', '--stdin', text='RATE = 0.99\n')
    tree = git(honest, 'mktree', text=f'100644 blob {blob}\tpolicy.py\n')
    new = git(honest, 'commit-tree', tree, '-p', 'idea/0', '-m', git(honest, 'log', '-1', '--format=%B', 'idea/2'))
    git(honest, 'update-ref', 'refs/heads/idea/2', new)
    assert '(candidate): expected refs/heads/idea/2 at its commit ' in lab.wrong(honest, whole[1])['repository']


def test_a_champion_that_is_another_commit_is_found(honest, whole):
    git(honest, 'update-ref', 'refs/tags/champion', git(honest, 'rev-parse', 'idea/1'))
    assert 'tag champion: expected it at ' in lab.wrong(honest, whole[1])['repository']


def test_a_decision_that_is_gone_from_git_is_found(honest, whole):
    git(honest, 'update-ref', 'refs/heads/main', git(honest, 'rev-parse', 'main~2'))
    assert 'refs/heads/main: expected ' in lab.wrong(honest, whole[1])['repository']


def test_an_idea_that_the_ledger_does_not_have_is_found(honest, whole):
    git(honest, 'update-ref', 'refs/heads/idea/99', git(honest, 'rev-parse', 'idea/1'))
    assert 'got also refs/heads/idea/99' in lab.wrong(honest, whole[1])['repository']


def test_a_damaged_object_and_a_lost_repository_are_found(honest, whole):
    blob = git(honest, 'rev-parse', 'idea/2:policy.py')
    lab.flip(os.path.join(honest, 'campaign', 'repository', 'objects', blob[:2], blob[2:]))
    assert 'git fsck failed' in lab.wrong(honest, whole[1])['repository']
    shutil.rmtree(os.path.join(honest, 'campaign', 'repository'))
    assert 'repository' in lab.wrong(honest, whole[1])


def test_a_policy_that_is_not_the_one_of_its_commit_is_found(honest, whole):
    digest = next(json.loads(line)['body']['policy_hash'] for line in lab.lines(honest) if b'"candidate":2,"ch' in line)
    lab.flip(os.path.join(honest, 'campaign', 'policies', f'{digest}.py'))
    assert f'{digest}.py: expected SHA-256 {digest}, got ' in lab.wrong(honest, whole[1])['repository']

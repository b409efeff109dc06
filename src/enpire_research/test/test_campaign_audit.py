"""An honest campaign passes `enpire verify`; whatever is changed afterwards is found, and its place is named."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import types

import audit_helpers as lab
import pytest
from campaign_helpers import SECRET
from enpire_research.campaign.audit import chained, walk
from enpire_research.campaign.seeds import secret_hash, stations_seed
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Return (run folder, task) of an honest campaign that has ended."""
    folder = tmp_path_factory.mktemp('lab')
    task = lab.task_in(folder / 'task')
    lab.campaign(folder / 'run', task)
    return folder / 'run', task


@pytest.fixture
def honest(whole, tmp_path):
    """Return a copy of its run folder, to be tampered with."""
    return str(shutil.copytree(whole[0], tmp_path / 'run', symlinks=True))


def wrong(run, task, **options):
    """Return {check: places} of what is wrong with the campaign in ``run``."""
    return {check.name: '\n'.join(check.wrong) for check in walk.verify(run, task=task, **options).checks
            if not check.ok}


def an_exam(records, status='failed'):
    return next(one for one in records if one['kind'] == 'trial' and one['body']['purpose'] == 'exam'
                and one['body']['status'] == status)


def a_kind(records, kind):
    return next(one for one in records if one['kind'] == kind)


# ---- honest --------------------------------------------------------------------------------
def contents(folder):
    return {path: (os.lstat(path).st_mtime_ns, hashlib.sha256(open(path, 'rb').read()).hexdigest())
            for base, _, names in os.walk(folder) for path in (os.path.join(base, name) for name in names)}


def test_an_honest_campaign_passes_and_nothing_of_it_is_written(whole):
    run, task = whole
    before = contents(run)
    verdict = walk.verify(run, task=task)
    assert verdict.ok, '\n'.join(verdict.lines())
    assert [check.name for check in verdict.checks] == [
        'chain', 'manifest', 'trials', 'seeds', 'stations', 'decisions', 'repository', 'end']
    assert verdict.left == '' and verdict.head == json.loads(lab.lines(run)[-1])['hash'] and len(verdict.digest) == 64
    assert verdict.lines()[-1] == 'verified: 8 checks, nothing is wrong'
    notes = [note for check in verdict.checks for note in check.notes]
    assert notes == ['1 trials were sent by hand beside the campaign',
                     'unit0: 1 gaps, where trials were lost on record']
    assert contents(run) == before


@pytest.mark.parametrize('until', [0, 5, 17, 40])
def test_a_campaign_that_was_broken_off_passes_and_is_said_not_to_be_finished(tmp_path, until):
    task = lab.task_in(tmp_path / 'task')
    lab.campaign(tmp_path / 'run', task, until=until)
    verdict = walk.verify(tmp_path / 'run', task=task)
    assert verdict.ok, '\n'.join(verdict.lines())
    assert 'trials are missing' in verdict.left and any('not finished: ' in line for line in verdict.lines())


def test_the_trial_under_way_when_the_research_node_died_may_be_missing_and_no_more(honest, whole):
    os.unlink(os.path.join(honest, 'outcome.json'))
    found = lab.lines(honest)
    trials = [n for n, line in enumerate(found) if b'"kind":"trial"' in line]
    lab.write_lines(honest, found[:trials[-1]])
    verdict = walk.verify(honest, task=whole[1])
    assert verdict.ok and '1 of 6 trials are missing' in verdict.left
    assert any('is not in the ledger yet' in note for check in verdict.checks for note in check.notes)
    lab.write_lines(honest, found[:trials[-5]])
    assert 'expected this result in the ledger, it was left out' in wrong(honest, whole[1])['stations']


# ---- the ledger alone ----------------------------------------------------------------------
def test_one_byte_flipped_in_any_record_is_found_and_the_line_is_named(honest, whole):
    found, draw = lab.lines(honest), random.Random(5)
    for n, line in enumerate(found):
        at = draw.randrange(len(line) - 1)
        flipped = line[:at] + bytes([line[at] ^ 1 << draw.randrange(8)]) + line[at + 1:]
        lab.write_lines(honest, [*found[:n], flipped, *found[n + 1:]])
        said = wrong(honest, whole[1])
        assert list(said) == ['chain'] and said['chain'].startswith(f'ledger line {n + 1} ('), (n, at, said)


def test_the_trial_in_a_broken_line_is_named(honest, whole):
    found = lab.lines(honest)
    n = next(n for n, line in enumerate(found) if b'"trial_id":"i0000-screen-002"' in line)
    broken = found[n].replace(b'"simulated":true', b'"simulated":True', 1)
    lab.write_lines(honest, [*found[:n], broken, *found[n + 1:]])
    said = wrong(honest, whole[1])['chain']
    assert said.startswith(f'ledger line {n + 1} (i0000-screen-002): expected a JSON object')


@settings(max_examples=300)
@given(data=st.data())
def test_no_byte_of_a_ledger_can_be_another_one(whole, data):
    ledger = b''.join(lab.lines(whole[0]))
    at = data.draw(st.integers(0, len(ledger) - 1))
    changed = ledger[:at] + bytes([ledger[at] ^ data.draw(st.integers(1, 255))]) + ledger[at + 1:]
    assert not chained.check(changed)[1].ok


@pytest.mark.parametrize('change, said', [
    (lambda found: found[:20] + found[21:], 'ledger line 21 ('),
    (lambda found: found[:20] + [found[21], found[20]] + found[22:], 'ledger line 21 ('),
    (lambda found: found[:20] + [found[20]] + found[20:], 'ledger line 22 ('),
    (lambda found: [*found[:-1], found[-1][:-1]], 'expected the end of a line, got none'),
    (lambda found: [*found, b'{"n":'], 'expected the end of a line, got none'),
    (lambda found: [], 'expected a campaign, got an empty ledger'),
    (lambda found: found[1:], 'ledger line 1 (station): expected record 0, got record 1'),
    (lambda found: [found[0].replace(b'{"at_ns"', b'{ "at_ns"'), *found[1:]], 'same content in other bytes')])
def test_a_record_that_is_gone_moved_doubled_or_torn_breaks_the_chain(honest, whole, change, said):
    lab.write_lines(honest, change(lab.lines(honest)))
    assert said in wrong(honest, whole[1])['chain']


@pytest.mark.parametrize('count', range(1, 6))
def test_an_end_that_was_cut_off_is_found(honest, whole, count):
    lab.write_lines(honest, lab.lines(honest)[:-count])
    assert 'its last records were cut' in wrong(honest, whole[1])['end']
    os.unlink(os.path.join(honest, 'outcome.json'))
    said = wrong(honest, whole[1])
    if count <= 3:  # end, exam, secret
        assert 'after the last ledger line: expected the ' in said['decisions']


def test_no_ledger_is_no_campaign(tmp_path):
    assert 'ledger.jsonl: expected a ledger: No such file' in wrong(tmp_path, None)['chain']


def test_the_campaign_of_another_version_is_said_to_be_one(honest, whole):
    lab.forge(honest, lambda records: records[0]['body'].update(version=2))
    assert 'expected a campaign of version 3, got one of version 2' in wrong(honest, whole[1])['chain']


# ---- a ledger that was written anew, with all its hashes ------------------------------------
def verdict_changed(records):
    body = an_exam(records)['body']
    body['status'], body['reason'] = 'succeeded', ''
    body['rollout_report']['status'] = 'succeeded'


def status_alone(records):
    an_exam(records)['body'].update(status='succeeded', reason='')


def score_changed(records):
    next(one for one in records if one['kind'] == 'trial')['body']['rollout_report']['score'] = 1.0


def bad_trial_left_out(records):
    records.remove(an_exam(records))


def made_void(records):
    body = an_exam(records)['body']
    body.update(status='void', reason='no feedback for 15 s', rollout_report=None)


def trial_doubled(records):
    records.insert(-3, json.loads(json.dumps(an_exam(records))))


def result_doubled(records):
    copy = json.loads(json.dumps(an_exam(records)))
    copy['body'].update(trial_id=copy['body']['trial_id'] + '-r1', repeat=1)
    records.insert(-3, copy)


def seed_changed(records):
    body = an_exam(records)['body']
    for one in (body, body['reset_report'], body['rollout_report']):
        one['seed'] += 1


def secret_changed(records):
    a_kind(records, 'secret')['body']['secret'] = 'cd' * 32


def commitment_changed(records):
    secret_changed(records)
    records[0]['body']['secret_sha256'] = secret_hash(b'\xcd' * 32)


def exam_counted_up(records):
    a_kind(records, 'exam')['body']['champion']['successes'] += 1


def decision_turned(records):
    a_kind(records, 'decision')['body']['kept'] ^= True


def figures_changed(records):
    a_kind(records, 'decision')['body']['figures']['successes'] += 1


def hypothesis_changed(records):
    [one for one in records if one['kind'] == 'candidate'][2]['body']['hypothesis'] = 'it was clear from the start'


def policy_changed(records):
    [one for one in records if one['kind'] == 'candidate'][2]['body']['policy_hash'] = 'ab' * 32


def rules_changed(records):
    records[0]['body']['config']['exam_resets'] = 2


def alpha_changed(records):
    records[0]['body']['config']['alpha'] = 0.11


def manifest_changed(records):
    records[0]['body']['manifest']['task/verifier.onnx'] = 'ab' * 32


def decision_before_its_trials(records):
    decision = a_kind(records, 'decision')
    records.remove(decision)
    records.insert(3, decision)


def unit_changed(records):
    an_exam(records)['body']['unit'] = 'unit7'


def end_changed(records):
    records[-1]['body']['reason'] = 'enough'


FORGED = [
    (verdict_changed, 'stations', "rollout_report.status: expected 'succeeded' as recorded, got 'failed'"),
    (status_alone, 'trials', "status: expected 'succeeded' as recorded, got 'failed'"),
    (score_changed, 'stations', 'rollout_report.score: expected 1.0 as recorded'),
    (bad_trial_left_out, 'stations', 'expected this result in the ledger, it was left out'),
    (bad_trial_left_out, 'decisions', '(secret): expected nothing of the kind yet: there is no result of i0'),
    (made_void, 'stations', 'expected the rollout that unit'),
    (trial_doubled, 'trials', 'expected each trial once, got it again'),
    (result_doubled, 'trials', 'expected nothing after the result'),
    (seed_changed, 'seeds', 'of held-out reset'),
    (secret_changed, 'seeds', '(secret): expected the secret with the hash'),
    (commitment_changed, 'seeds', 'of held-out reset'),
    (exam_counted_up, 'decisions', '(exam): what follows from the trials is another: champion.successes'),
    (decision_turned, 'decisions', '(decision): what follows from the trials is another'),
    (figures_changed, 'decisions', 'figures.successes'),
    (hypothesis_changed, 'repository', "expected 'Idea 2: it was clear from the start' in its message, got 'Idea 2: "),
    (policy_changed, 'trials', 'rollout_report.policy_hash: expected'),
    (rules_changed, 'decisions', 'ledger line'),
    (alpha_changed, 'repository', "(candidate): commit"),
    (manifest_changed, 'manifest', 'ledger line 1 (campaign): expected the hash of its manifest'),
    (decision_before_its_trials, 'decisions', 'ledger line'),
    (unit_changed, 'trials', "expected a station of unit0, unit1, got 'unit7'"),
    (end_changed, 'decisions', "(end): what follows from the trials is another: reason: expected 'enough'")]


@pytest.mark.parametrize('change, check, said', FORGED, ids=[f'{one.__name__}-{where}' for one, where, _ in FORGED])
def test_a_ledger_that_was_written_anew_with_all_its_hashes_is_found_out(honest, whole, change, check, said):
    lab.forge(honest, change)
    # Without the file the published secret alone has to do.
    os.unlink(os.path.join(honest, 'campaign', 'secret'))
    found = wrong(honest, whole[1])
    assert 'chain' not in found and said in found[check], found


def test_what_only_the_chain_protects_is_found_with_a_hash_that_was_kept_elsewhere(honest, whole):
    head = json.loads(lab.lines(honest)[-1])['hash']
    assert not wrong(honest, whole[1], head=head)

    def later(records):
        records[5]['at_ns'] += 1
    lab.forge(honest, later)
    assert not wrong(honest, whole[1])
    assert f'expected a record with the hash {head}, found none' in wrong(honest, whole[1], head=head)['chain']


def test_a_bad_trial_that_was_removed_everywhere_leaves_a_gap_and_an_exam_that_is_too_small(honest, whole):
    gone = []

    def drop(records):
        gone.append(next(one for one in records if one['kind'] == 'trial' and one['body']['purpose'] == 'exam'
                         and one['body']['unit'] == 'unit1'))
        records.remove(gone[0])
    lab.forge(honest, drop)
    name = gone[0]['body']['trial_id']
    for phase in ('reset', 'rollout'):
        os.unlink(lab.outbox_file(honest, name, phase))
    found = wrong(honest, whole[1])
    assert f'there is no result of {name}' in found['decisions']
    assert 'the station went on by 10.0 s, and no result says how' in found['stations']


def test_a_void_trial_that_was_removed_everywhere_leaves_a_gap(honest, whole):
    def drop(records):
        gone = next(one for one in records if one['kind'] == 'trial' and one['body']['status'] == 'void')
        assert (gone['body']['unit'], gone['body']['trial_id']) == ('unit1', 'i0000-screen-003')
        records.remove(gone)
    lab.forge(honest, drop)
    os.unlink(lab.outbox_file(honest, 'i0000-screen-003', 'reset'))
    assert 'unit1: between ' in wrong(honest, whole[1])['stations']


# ---- files ---------------------------------------------------------------------------------
def test_a_result_that_was_changed_in_the_outbox_is_named_with_its_field(honest, whole):
    path = lab.outbox_file(honest, 'i0000-screen-001')
    lab.edit_json(path, lambda values: values.update(score=0.123))
    said = wrong(honest, whole[1])['stations']
    assert f'(i0000-screen-001): {path}: rollout_report.score: ' in said and 'got 0.123' in said


def test_any_byte_of_a_result_that_its_station_did_not_write_is_found(honest, whole):
    path, draw = lab.outbox_file(honest, 'i0000-screen-001', 'reset'), random.Random(3)
    data = open(path, 'rb').read()
    # The folder of the run is no part of the record.
    free = data.index(b'/runs/r/'), data.index(b'i0000-screen-001.reset.npz')
    for at in sorted(draw.sample([at for at in range(len(data)) if not free[0] <= at < free[1]], 40)):
        lab.flip(path, at)
        checked = lab_stations(honest, whole[1])
        assert 'i0000-screen-001.reset.json' in checked, (at, data[at:at + 1], checked)
        lab.flip(path, at)


def lab_stations(run, task):
    """Return what the check of the stations alone says is wrong."""
    records, _ = chained.check(b''.join(lab.lines(run)))
    return '\n'.join(walk.stations.check(records, run, True).wrong)


def test_a_result_that_was_removed_or_added_is_named(honest, whole):
    path = lab.outbox_file(honest, 'i0000-screen-001')
    more = path.replace('screen-001', 'screen-001-r2')
    shutil.copy(path, more)
    lab.edit_json(more, lambda values: values.update(trial_id='i0000-screen-001-r2'))
    os.unlink(path)
    said = wrong(honest, whole[1])['stations']
    assert f"expected the station's own result in {path}, found none" in said
    assert 'i0000-screen-001-r2.rollout.json: expected this result in the ledger, it was left out' in said


def test_the_ledger_and_the_outbox_that_were_changed_alike_leave_it_to_the_engine(honest, whole):
    name = an_exam([json.loads(line) for line in lab.lines(honest)])['body']['trial_id']
    lab.forge(honest, verdict_changed)

    def better(values):
        values['status'] = 'succeeded'
    lab.edit_json(lab.outbox_file(honest, name), better)
    assert '(exam): what follows from the trials is another' in wrong(honest, whole[1])['decisions']


@pytest.mark.parametrize('name, entry', [
    ('limits.yaml', 'task/limits.yaml: changed since the campaign began'),
    ('verifier.onnx', 'task/verifier.onnx: changed since the campaign began')])
def test_a_byte_of_a_task_file_or_of_the_verifiers_model_is_named(honest, tmp_path, whole, name, entry):
    shutil.copytree(whole[1].folder, tmp_path / 'task')
    copy = lab.task_in(tmp_path / 'task')
    assert not wrong(honest, copy)
    lab.flip(tmp_path / 'task' / name)
    found = wrong(honest, copy)
    assert list(found) == ['manifest'] and entry in found['manifest']


def test_a_task_file_that_is_new_or_gone_is_named(honest, tmp_path, whole):
    copy = lab.task_in(tmp_path / 'task')
    (tmp_path / 'task' / 'verifier.onnx').rename(tmp_path / 'task' / 'other.onnx')
    assert wrong(honest, copy)['manifest'].split('\n') == [
        'task/other.onnx: new since the campaign began', 'task/verifier.onnx: gone since the campaign began']


def test_a_byte_of_the_scene_is_found(honest, whole):
    lab.flip(os.path.join(honest, 'scene', 'scene.mjb'))
    assert wrong(honest, whole[1]) == {'manifest': 'scene: changed since the campaign began'}


def test_another_secret_in_the_folder_is_found(honest, whole):
    with open(os.path.join(honest, 'campaign', 'secret'), 'w', encoding='ascii') as handle:
        handle.write('cd' * 32)
    assert f'{honest}/campaign/secret: expected the secret with the hash' in wrong(honest, whole[1])['seeds']


def test_a_station_that_drew_what_it_hides_from_another_seed_is_found(honest, whole, monkeypatch):
    name = 'i0000-screen-000.reset.npz'
    os.makedirs(os.path.join(honest, 'unit0', 'records'))
    with open(os.path.join(honest, 'unit0', 'records', name), 'wb'):
        pass
    assert f'{name}: ' in wrong(honest, whole[1])['seeds'], 'it is no record'
    for seed, said in ((stations_seed(SECRET), ''), (1, 'of the secret, got one with 1')):
        monkeypatch.setattr(walk.seeds.states, 'read', lambda path, seed=seed: types.SimpleNamespace(lab_seed=seed))
        assert said in wrong(honest, whole[1]).get('seeds', '') and bool(said) == bool(wrong(honest, whole[1]))


def test_a_task_that_this_project_does_not_know_can_not_be_compared(honest, monkeypatch):
    monkeypatch.setattr(walk.registry, 'names', lambda: ['peg'])
    assert "expected the name of a task, got 'push_t'" in wrong(honest, None)['manifest']


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
    assert '(candidate): expected refs/heads/idea/2 at its commit ' in wrong(honest, whole[1])['repository']


def test_a_champion_that_is_another_commit_is_found(honest, whole):
    git(honest, 'update-ref', 'refs/tags/champion', git(honest, 'rev-parse', 'idea/1'))
    assert 'tag champion: expected it at ' in wrong(honest, whole[1])['repository']


def test_a_decision_that_is_gone_from_git_is_found(honest, whole):
    git(honest, 'update-ref', 'refs/heads/main', git(honest, 'rev-parse', 'main~2'))
    assert 'refs/heads/main: expected ' in wrong(honest, whole[1])['repository']


def test_an_idea_that_the_ledger_does_not_have_is_found(honest, whole):
    git(honest, 'update-ref', 'refs/heads/idea/99', git(honest, 'rev-parse', 'idea/1'))
    assert 'got also refs/heads/idea/99' in wrong(honest, whole[1])['repository']


def test_a_damaged_object_and_a_lost_repository_are_found(honest, whole):
    blob = git(honest, 'rev-parse', 'idea/2:policy.py')
    lab.flip(os.path.join(honest, 'campaign', 'repository', 'objects', blob[:2], blob[2:]))
    assert 'git fsck failed' in wrong(honest, whole[1])['repository']
    shutil.rmtree(os.path.join(honest, 'campaign', 'repository'))
    assert 'repository' in wrong(honest, whole[1])


def test_a_policy_that_is_not_the_one_of_its_commit_is_found(honest, whole):
    digest = next(json.loads(line)['body']['policy_hash'] for line in lab.lines(honest) if b'"candidate":2,"ch' in line)
    lab.flip(os.path.join(honest, 'campaign', 'policies', f'{digest}.py'))
    assert f'{digest}.py: expected SHA-256 {digest}, got ' in wrong(honest, whole[1])['repository']

"""An honest campaign passes `enpire verify`; whatever is changed afterwards is found, and its place is named."""

import hashlib
import json
import os
import random

import audit_helpers as lab
import pytest
from enpire_research.campaign.audit import chained, walk
from enpire_research.campaign.seeds import secret_hash
from hypothesis import given, settings
from hypothesis import strategies as st


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
        'chain', 'manifest', 'trials', 'seeds', 'stations', 'kept', 'decisions', 'repository', 'end']
    assert verdict.left == '' and verdict.head == json.loads(lab.lines(run)[-1])['hash'] and len(verdict.digest) == 64
    assert verdict.lines()[-1] == 'verified: 9 checks, nothing is wrong'
    notes = [note for check in verdict.checks for note in check.notes]
    assert notes == ['1 trials were sent by hand beside the campaign',
                     'unit0: it went on where trials were lost on record: i0001-screen-002, i0004-screen-000']
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
    assert 'expected this result in the ledger, it was left out' in lab.wrong(honest, whole[1])['stations']


# ---- the ledger alone ----------------------------------------------------------------------
def test_one_byte_flipped_in_any_record_is_found_and_the_line_is_named(honest, whole):
    found, draw = lab.lines(honest), random.Random(5)
    for n, line in enumerate(found):
        at = draw.randrange(len(line) - 1)
        flipped = line[:at] + bytes([line[at] ^ 1 << draw.randrange(8)]) + line[at + 1:]
        lab.write_lines(honest, [*found[:n], flipped, *found[n + 1:]])
        said = lab.wrong(honest, whole[1])
        assert list(said) == ['chain'] and said['chain'].startswith(f'ledger line {n + 1} ('), (n, at, said)


def test_the_trial_in_a_broken_line_is_named(honest, whole):
    found = lab.lines(honest)
    n = next(n for n, line in enumerate(found) if b'"trial_id":"i0000-screen-002"' in line)
    broken = found[n].replace(b'"simulated":true', b'"simulated":True', 1)
    lab.write_lines(honest, [*found[:n], broken, *found[n + 1:]])
    said = lab.wrong(honest, whole[1])['chain']
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
    assert said in lab.wrong(honest, whole[1])['chain']


@pytest.mark.parametrize('count', range(1, 6))
def test_an_end_that_was_cut_off_is_found(honest, whole, count):
    lab.write_lines(honest, lab.lines(honest)[:-count])
    assert 'its last records were cut' in lab.wrong(honest, whole[1])['end']
    os.unlink(os.path.join(honest, 'outcome.json'))
    said = lab.wrong(honest, whole[1])
    if count <= 3:  # end, exam, secret
        assert 'after the last ledger line: expected the ' in said['decisions']


def test_no_ledger_is_no_campaign(tmp_path):
    assert 'ledger.jsonl: expected a ledger: No such file' in lab.wrong(tmp_path, None)['chain']


def test_the_campaign_of_another_version_is_said_to_be_one(honest, whole):
    lab.forge(honest, lambda records: records[0]['body'].update(version=2))
    assert 'expected a campaign of version 3, got one of version 2' in lab.wrong(honest, whole[1])['chain']


# ---- a ledger that was written anew, with all its hashes ------------------------------------
def a_kind(records, kind):
    return next(one for one in records if one['kind'] == kind)


def status_alone(records):
    lab.an_exam(records)['body'].update(status='succeeded', reason='')


def score_changed(records):
    next(one for one in records if one['kind'] == 'trial')['body']['rollout_report']['score'] = 1.0


def bad_trial_left_out(records):
    records.remove(lab.an_exam(records))


def made_void(records):
    body = lab.an_exam(records)['body']
    body.update(status='void', reason='no feedback for 15 s', rollout_report=None)


def trial_doubled(records):
    records.insert(-3, json.loads(json.dumps(lab.an_exam(records))))


def result_doubled(records):
    copy = json.loads(json.dumps(lab.an_exam(records)))
    copy['body'].update(trial_id=copy['body']['trial_id'] + '-r1', repeat=1)
    records.insert(-3, copy)


def seed_changed(records):
    body = lab.an_exam(records)['body']
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
    lab.an_exam(records)['body']['unit'] = 'unit7'


def end_changed(records):
    records[-1]['body']['reason'] = 'enough'


FORGED = [
    (lab.verdict_changed, 'stations', "rollout_report.status: expected 'succeeded' as recorded, got 'failed'"),
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
    found = lab.wrong(honest, whole[1])
    assert 'chain' not in found and said in found[check], found


def test_what_only_the_chain_protects_is_found_with_a_hash_that_was_kept_elsewhere(honest, whole):
    head = json.loads(lab.lines(honest)[-1])['hash']
    assert not lab.wrong(honest, whole[1], head=head)

    def later(records):
        records[5]['at_ns'] += 1
    lab.forge(honest, later)
    assert not lab.wrong(honest, whole[1])
    assert f'expected a record with the hash {head}, found none' in lab.wrong(honest, whole[1], head=head)['chain']


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
    found = lab.wrong(honest, whole[1])
    assert f'there is no result of {name}' in found['decisions']
    assert 'the station went on by 10.0 s, and no result says how' in found['stations']


def test_a_void_trial_that_was_removed_everywhere_leaves_a_gap(honest, whole):
    def drop(records):
        gone = next(one for one in records if one['kind'] == 'trial' and one['body']['status'] == 'void')
        assert (gone['body']['unit'], gone['body']['trial_id']) == ('unit1', 'i0000-screen-003')
        records.remove(gone)
    lab.forge(honest, drop)
    os.unlink(lab.outbox_file(honest, 'i0000-screen-003', 'reset'))
    assert 'unit1: between ' in lab.wrong(honest, whole[1])['stations']


def test_a_lost_trial_on_record_explains_no_gap_in_another_place(honest, whole):
    # The station was started anew after the loss, which leaves no gap; a bad trial was removed somewhere else.
    again, gone = 'i0001-screen-002-r1', []

    def change(records):
        trials = [one for one in records if one['kind'] == 'trial']
        next(one for one in trials if one['body']['trial_id'] == again)['body']['reset_report']['start_ns'] = 0
        gone.append(next(one for one in trials if one['body']['unit'] == 'unit0' and one['body']['purpose'] == 'exam'))
        records.remove(gone[0])
    lab.forge(honest, change)
    lab.edit_json(lab.outbox_file(honest, again, 'reset'), lambda values: values.update(start_ns=0))
    for phase in ('reset', 'rollout'):
        os.unlink(lab.outbox_file(honest, gone[0]['body']['trial_id'], phase))
    found = lab.wrong(honest, whole[1])['stations']
    assert found.startswith('unit0: between ') and 'no result says how' in found and '\n' not in found


@pytest.mark.parametrize('code, honest_one', [(110, True), (107, False), (0, False)])
def test_a_goal_that_broke_in_its_server_explains_a_gap_and_one_that_was_refused_none(honest, whole, code, honest_one):
    def change(records):
        trials = [one['body'] for one in records if one['kind'] == 'trial']
        next(body for body in trials if 'internal error' in body['reason'])['reset_report']['error_code'] = code
    lab.forge(honest, change)
    assert ('stations' not in lab.wrong(honest, whole[1])) == honest_one

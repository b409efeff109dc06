"""A campaign from its first record to its last, killed wherever it may be."""

import dataclasses
import os
import shutil
import subprocess

import pytest
from campaign_helpers import (
    ABOUT,
    MANIFEST,
    SECRET,
    UNITS,
    Counts,
    FakeRepository,
    config,
    course_in,
    lab_reports,
    one,
    run,
)
from enpire_research.campaign import seeds
from enpire_research.campaign.chain import digest
from enpire_research.campaign.course import About, seal
from enpire_research.campaign.ledger import NAME, Ledger, LedgerError, read
from enpire_research.campaign.repository import RepositoryError
from enpire_research.trials import manifest
from enpire_research.trials import report as reports
from enpire_research.trials.report import Report


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A campaign run to its end: (folder, records)."""
    folder = tmp_path_factory.mktemp('whole')
    course, ledger = course_in(folder)
    run(course)
    ledger.close()
    return folder, read(str(folder))


def test_a_campaign_goes_from_baseline_to_exam_and_keeps_to_its_budget(whole):
    records = whole[1]
    kinds = [record.kind for record in records]
    assert kinds[:2] == ['campaign', 'candidate'] and kinds[-3:] == ['secret', 'exam', 'end']
    trials = [record.body for record in records if record.kind == 'trial']
    assert len(trials) <= config().trials
    assert {t['purpose'] for t in trials} == {'screen', 'confirm', 'exam'}
    assert kinds[-4] == 'trial', 'the secret comes after the exam'
    decided = [record.body['candidate'] for record in records if record.kind == 'decision']
    candidates = [record.body['candidate'] for record in records if record.kind == 'candidate']
    assert sorted(decided) == candidates[1:], 'every idea is decided once'
    exam = records[-2].body
    assert exam['champion']['successes'] > exam['start']['successes'] and exam['n'] == 10
    kept = [record.body for record in records if record.kind == 'decision' and record.body['kept']]
    assert kept[-1]['candidate'] == exam['champion']['candidate'] and kept[-1]['figures']['p'] <= config().alpha


def test_pairs_meet_the_same_seed_and_exam_seeds_come_from_the_secret(whole):
    by_reset = {}
    for body in (record.body for record in whole[1] if record.kind == 'trial'):
        by_reset.setdefault((body['purpose'] == 'exam', body['reset']), set()).add((body['seed'], body['unit']))
    assert all(len(found) == 1 for found in by_reset.values())
    assert by_reset[True, 3] == {(seeds.held_out_seed(SECRET, 3), 'unit1')}
    assert by_reset[False, 3] == {(seeds.development_seed(1, 3), 'unit1')}
    assert whole[1][0].body['secret_sha256'] == seeds.secret_hash(SECRET)
    assert whole[1][-3].body['secret'] == SECRET.hex()


def test_the_same_seed_and_secret_bring_the_same_digest_whenever_wherever_and_in_whichever_order(whole, tmp_path):
    course, ledger = course_in(tmp_path / 'with blanks', clock=iter(range(5, 10**6)).__next__)
    run(course, wall=77.7, order=lambda jobs: jobs[::-1])
    assert digest(ledger.records) == digest(whole[1])
    assert [r.hash for r in ledger.records] != [r.hash for r in whole[1]]
    ledger.close()


@pytest.mark.parametrize('changes', [{'settings': config(seed=2)}, {'secret': b'x' * 32}])
def test_another_seed_or_secret_brings_another_digest(whole, tmp_path, changes):
    course, ledger = course_in(tmp_path, **changes)
    run(course)
    assert digest(ledger.records) != digest(whole[1])
    ledger.close()


@pytest.mark.parametrize('torn', [False, True])
def test_killed_after_any_record_it_goes_on_to_the_same_end(tmp_path, torn, monkeypatch):
    monkeypatch.setattr(os, 'fsync', lambda _: None)  # thousands of them, on what is thrown away
    small = {'settings': config(trials=68, exam_resets=3, screen_resets=4, ideas_a_round=2)}
    course, ledger = course_in(tmp_path / 'whole', **small)
    run(course)
    ledger.close()
    whole = read(str(tmp_path / 'whole'))
    assert {True, False} == {record.body['kept'] for record in whole if record.kind == 'decision'}
    lines = (tmp_path / 'whole' / NAME).read_bytes().splitlines(keepends=True)
    for count in range(len(lines) + (not torn)):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / NAME).write_bytes(b''.join(lines[:count]) + (lines[count][:len(lines[count]) // 2] if torn else b''))
        course, ledger = course_in(folder, **small)
        assert len(ledger.torn) == torn
        run(course, wall=3.0)
        ledger.close()
        records = read(str(folder))
        assert digest(records) == digest(whole), f'killed after record {count}'
        assert len(records) == len(lines)
        shutil.rmtree(folder)


def test_killed_in_the_middle_it_asks_only_for_what_is_missing(tmp_path):
    course, ledger = course_in(tmp_path)
    course.step()
    first = course.jobs()
    for job in first[:3]:
        assert one(course, job)
    assert not one(course, first[0]), 'it is on record'
    ledger.close()
    course, ledger = course_in(tmp_path)
    course.step()
    assert course.jobs() == first[3:] and course.used == 3 and 'baseline' in course.stage
    ledger.close()


def test_a_void_trial_is_on_record_and_comes_again_under_the_next_name_also_after_a_restart(tmp_path):
    course, ledger = course_in(tmp_path)
    course.step()
    job = course.jobs()[0]
    assert course.result(job, 'unit0', None, None, 'no feedback for 15 s')
    again = course.jobs()[-1]
    assert (again.trial_id, again.voids, again.key) == (job.trial_id + '-r1', 1, job.key)
    reset, rollout = lab_reports(again, 'unit1', course.seed(again), 'RATE = 0')
    rollout.status, rollout.error_msg = reports.VOID, 'the camera is silent'
    assert course.result(again, 'unit1', reset, rollout)
    ledger.close()
    course, ledger = course_in(tmp_path)
    course.step()
    third = course.jobs()[-1]
    assert third.reset == job.reset, 'what was void comes last, after a restart too'
    assert (third.trial_id, third.voids) == (job.trial_id + '-r2', 2) and course.seed(third) == course.seed(job)
    assert course.used == 0
    bodies = [record.body for record in ledger.records if record.kind == 'trial']
    assert [body['reason'] for body in bodies] == ['no feedback for 15 s', 'the camera is silent']
    one(course, third)
    assert third.key not in [job.key for job in course.jobs()]
    run(course)
    ledger.close()


def test_a_refusal_for_what_is_frozen_counts_against_no_station_and_the_job_comes_again_on_the_same_one(tmp_path):
    course, ledger = course_in(tmp_path)
    course.step()
    job = course.jobs()[0]
    refused = Report('', '', '', 'unknown', 0, False, error_code=107, error_msg='another task/verifier.py')
    assert course.result(job, 'unit0', refused)
    body = ledger.records[-1].body
    assert (body['status'], body['reason'], body['unit']) == ('void', 'another task/verifier.py', 'unit0')
    ledger.close()
    course, ledger = course_in(tmp_path)
    course.step()
    assert course.jobs()[0] == dataclasses.replace(job, repeat=1)
    ledger.close()


def test_the_manifest_lies_whole_in_the_ledger_and_the_root_commit_is_tied_to_the_first_record(tmp_path):
    course, ledger = course_in(tmp_path, git=True)
    course.step()
    body = ledger.records[0].body
    assert body['manifest'] == MANIFEST and body['manifest_hash'] == manifest.total(MANIFEST)
    message = subprocess.run(['git', '--git-dir', tmp_path / 'repository', 'log', '--format=%B', 'idea/0'],
                             capture_output=True, text=True, check=True).stdout
    assert message.split('\n')[2:5] == seal(body).split('\n') and body['secret_sha256'] in message
    ledger.close()


def test_stations_that_went_out_and_came_back_change_no_digest(whole, tmp_path):
    course, ledger = course_in(tmp_path)
    course.station('unit0', 'out', 'latched')
    course.station('unit0', 'back', 'cleared')
    run(course)
    assert digest(ledger.records) == digest(whole[1])
    ledger.close()


@pytest.mark.parametrize('changes, said', [
    ({'settings': config(task='peg')}, "task: expected 'push_t' as recorded, got 'peg'"),
    ({'settings': config(trials=140)}, 'config.trials: expected 130 as recorded, got 140'),
    ({'about': About(UNITS, {**MANIFEST, 'task/verifier.py': 'b' * 64}, True, {'name': 'counts'})},
     'frozen as it was when the campaign began, got another task/verifier.py: put it back'),
    ({'about': About(('unit0',), MANIFEST, True, {'name': 'counts'})}, 'units'),
    ({'start': 'RATE = 0.3\n'}, 'start_policy_hash'),
    ({'secret': b'y' * 32}, 'secret_sha256')])
def test_the_folder_of_another_campaign_is_refused_and_left_alone(whole, tmp_path, changes, said):
    shutil.copy(whole[0] / NAME, tmp_path)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(LedgerError, match=said):
        course_in(tmp_path, **changes)
    assert (tmp_path / NAME).read_bytes() == before


def test_the_folder_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('enpire_research.campaign.course.VERSION', 0)
    course_in(tmp_path)[1].close()
    monkeypatch.undo()
    with pytest.raises(LedgerError, match='version 3, got one of version 0'):
        course_in(tmp_path)


def test_a_researcher_that_is_another_one_by_now_is_found_out(whole, tmp_path):
    shutil.copy(whole[0] / NAME, tmp_path)
    course, ledger = course_in(tmp_path, researcher=Counts((0.15, 0.2)))
    with pytest.raises(LedgerError, match='another way than recorded.*RATE'):
        run(course)
    ledger.close()


def test_a_station_that_ran_another_policy_ends_the_campaign(tmp_path):
    course, ledger = course_in(tmp_path)
    course.step()
    for job in course.jobs():
        course.result(job, 'unit0', *lab_reports(job, 'unit0', course.seed(job), 'RATE = 0.99'))
    with pytest.raises(LedgerError, match='ran something else'):
        course.step()
    ledger.close()


def test_a_result_that_nobody_waits_for_is_not_written(tmp_path):
    course, ledger = course_in(tmp_path)
    course.step()
    job = course.jobs()[0]
    one(course, job)
    count = len(ledger.records)
    late = type(job)(job.candidate, job.purpose, job.reset, repeat=3)
    assert not one(course, late) and len(ledger.records) == count
    ledger.close()


def test_policies_are_whole_read_only_files_named_by_their_hash(tmp_path):
    course, ledger = course_in(tmp_path)
    course.step()
    path = course.policy_file(0)
    assert os.path.basename(path) == f'{ledger.records[1].body["policy_hash"]}.py'
    assert os.stat(path).st_mode & 0o777 == 0o444
    ledger.close()


def test_what_people_see_follows_champion_and_budget(tmp_path):
    course, ledger = course_in(tmp_path)
    run(course)
    assert course.finished and 0 < course.used <= 130
    assert course.champion == course.exam['champion']['candidate'] != 0
    assert course.tally(course.champion, exam=True) == (course.exam['champion']['successes'], 10)
    ledger.close()


# ---- with git ------------------------------------------------------------------------------
def test_git_log_tells_the_whole_story(tmp_path):
    course, ledger = course_in(tmp_path, git=True)
    run(course)
    log = ['git', '--git-dir', tmp_path / 'repository', 'log', '--first-parent', '--format=%s', 'main']
    lines = subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[-1] == 'The start policy, as it came.'
    assert [line.split()[0] == 'Keep' for line in lines[-2::-1]] == [body['kept'] for body in course.decisions]
    champion = course.repository.source('champion')
    with open(course.policy_file(course.champion), encoding='utf-8') as handle:
        assert handle.read() == champion == course.repository.source('main')
    of_git = subprocess.run(['git', '--git-dir', tmp_path / 'repository', 'rev-parse', 'idea/3'], capture_output=True,
                            text=True, check=True).stdout.strip()
    assert course.candidates[3]['commit'] == of_git
    ledger.close()


def test_killed_with_a_repository_that_is_ahead_or_behind_it_comes_to_the_same_commits(tmp_path):
    course, ledger = course_in(tmp_path / 'a', git=True)
    run(course)
    ledger.close()
    records, wanted = read(str(tmp_path / 'a')), digest(ledger.records)
    lines = (tmp_path / 'a' / NAME).read_bytes().splitlines(keepends=True)
    commits = [record.body['commit'] for record in records if record.kind == 'candidate']
    for count in [i for i, record in enumerate(records) if record.kind in ('candidate', 'decision')][::8]:
        (tmp_path / 'a' / NAME).write_bytes(b''.join(lines[:count]))
        course, ledger = course_in(tmp_path / 'a', git=True)
        run(course)
        ledger.close()
        assert digest(ledger.records) == wanted
        assert [record.body['commit'] for record in ledger.records if record.kind == 'candidate'] == commits


def test_a_repository_of_another_campaign_is_refused(tmp_path):
    course, ledger = course_in(tmp_path, git=True)
    course.step()
    ledger.close()
    (tmp_path / NAME).unlink()
    course, ledger = course_in(tmp_path, git=True, start='RATE = 0.3\n')
    with pytest.raises(RepositoryError, match='another campaign'):
        course.step()
    ledger.close()


def test_a_repository_that_was_lost_is_said_to_be_lost(tmp_path):
    course, ledger = course_in(tmp_path, git=True)
    course.step()
    ledger.close()
    shutil.rmtree(tmp_path / 'repository')
    course, ledger = course_in(tmp_path, git=True)
    with pytest.raises(LedgerError, match='commit.*repository changed'):
        course.step()
    ledger.close()


def test_the_engine_that_asks_for_other_trials_than_recorded_is_found_out(whole, tmp_path):
    lines = (whole[0] / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b''.join(lines[:20]))
    with Ledger.open(str(tmp_path), lambda: 1) as ledger:
        body = dict(next(record.body for record in ledger.records if record.kind == 'trial'))
        body['trial_id'], body['candidate'] = 'i0099-screen-000', 99
        ledger.append('trial', body)
    course, ledger = course_in(tmp_path, repository=FakeRepository(), about=ABOUT)
    with pytest.raises(LedgerError, match='i0099-screen-000'):
        run(course)
    ledger.close()

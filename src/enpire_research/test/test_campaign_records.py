"""Bodies of records, configuration, seeds and secret, statistics of a campaign."""

import json
import math
import os
from itertools import product

import pytest
from enpire_research.campaign import records, seeds, statistics
from enpire_research.campaign.config import CampaignConfig, ConfigError, least_pairs
from enpire_research.campaign.jobs import Job
from enpire_research.campaign.records import RecordError
from enpire_research.trials import report as reports
from enpire_research.trials.report import Attempt, Report

NAN = float('nan')


def a_report(phase=reports.ROLLOUT, status=reports.SUCCEEDED, **changes):
    return Report(**{**dict(
        unit='unit0', task='push_t', trial_id='i0003-screen-001', phase=phase, seed=2**64 - 1, simulated=True,
        status=status, policy_file='/run/with blanks/policies/abc.py', state_record='/run/unit0/records/x.npz',
        end_ns=2_500_000_000, measurements={'position_error_m': 0.004, 'angle_error_rad': NAN}), **changes})


# ---- bodies of trials ----------------------------------------------------------------------
def body(rollout=None, **changes):
    return records.trial(Job(3, 'screen', 1), 'unit0', 7, a_report(reports.RESET), rollout or a_report(**changes))


def test_a_trial_is_plain_data_with_file_names_for_paths_and_null_for_nan():
    found = body()
    records.check('trial', found)
    found = json.loads(json.dumps(found, allow_nan=False))
    assert found['trial_id'] == 'i0003-screen-001' and found['status'] == 'succeeded' and found['reason'] == ''
    assert found['rollout_report']['policy_file'] == 'abc.py' and found['rollout_report']['state_record'] == 'x.npz'
    assert found['rollout_report']['score'] is None and found['rollout_report']['seed'] == 2**64 - 1


def test_a_report_out_of_the_outbox_makes_the_same_record_as_the_one_of_the_result():
    kept = a_report(goal={'episode_s': 0.0, 'max_attempts': 1})
    assert body(kept) == body(a_report())


def test_an_outcome_has_no_nan_and_no_score_is_none_at_all():
    found = records.outcome(body(status=reports.FAILED, error_code=213, error_msg='could not tell'))
    assert (found.success, found.score, found.reason, found.error_code) == (False, 0.0, 'could not tell', 213)
    assert found.measurements == {'position_error_m': 0.004}
    assert records.outcome(body(score=0.97)).score == 0.97


@pytest.mark.parametrize('reset, rollout, status, reason', [
    (reports.SUCCEEDED, reports.SUCCEEDED, 'succeeded', ''), (reports.SUCCEEDED, reports.FAILED, 'failed', 'beside'),
    (reports.SUCCEEDED, reports.VOID, 'void', 'beside'), (reports.SUCCEEDED, reports.UNKNOWN, 'void', 'beside'),
    (reports.SUCCEEDED, reports.CANCELED, 'void', 'beside'), (reports.FAILED, None, 'void', 'failed'),
    (None, None, 'void', 'lost')])
def test_only_a_rollout_that_succeeded_or_failed_is_a_result(reset, rollout, status, reason):
    found = records.trial(
        Job(0, 'exam', 2, repeat=1, voids=1), 'unit1', 7, reset and a_report(reports.RESET, reset),
        rollout and a_report(status=rollout, attempts=[Attempt(1, 0, 1, reports.FAILED, NAN, 'beside')]),
        'lost' if reset is None else '')
    records.check('trial', found)
    assert (found['status'], found['reason'], found['trial_id']) == (status, reason, 'i0000-exam-002-r1')


@pytest.mark.parametrize('text, cut', [
    ('File "/home/me/my runs/1/policies/x.py", line 3, in run', 'File "x.py", line 3, in run'),
    ("can't open '/a/b/c'", "can't open 'c'"), ('/a/b/c.py:3: oh', 'c.py:3: oh'), ('no /unit0/reset there', None),
    ('3 N/m and 4/5/6', None), ('http://a/b/c/d', None), ('(/a/b/c) /d/e/f', '(c) f'), ('', None)])
def test_paths_within_texts_are_cut_to_their_last_part(text, cut):
    assert records.without_folders(text) == (text if cut is None else cut)


def test_a_traceback_is_the_same_in_every_folder():
    found = [body(status=reports.FAILED, error_code=206, error_msg=f'ValueError: 1\n  File "{folder}/p/x.py", line 2')
             for folder in ('/tmp/a', '/work/b c')]
    assert found[0] == found[1] and found[0]['reason'] == 'ValueError: 1'


# ---- checks --------------------------------------------------------------------------------
@pytest.mark.parametrize('kind, spoil, said', [
    ('trial', lambda b: b.pop('unit'), 'expected the fields'), ('trial', lambda b: b.update(more=1), 'more'),
    ('trial', lambda b: b.update(purpose='fun'), "purpose to be one of screen, confirm, exam, got 'fun'"),
    ('trial', lambda b: b.update(status='unknown'), 'status'), ('trial', lambda b: b.update(candidate='3'), 'int'),
    ('trial', lambda b: b.update(reset=True), 'reset to be int'), ('trial', lambda b: b.update(repeat=-1), '0 or more'),
    ('trial', lambda b: b.update(reset_report=[]), 'dict or NoneType'), ('tryal', lambda b: None, 'a kind of record')])
def test_a_body_that_is_not_what_its_kind_holds_is_refused(kind, spoil, said):
    found = body()
    spoil(found)
    with pytest.raises(RecordError, match=said):
        records.check(kind, found)


def test_differences_are_named_down_to_the_field():
    assert records.different({'a': 1, 'b': {'c': 2}}, {'a': 1, 'b': {'c': 2}}) == []
    assert records.different({'a': 1, 'b': {'c': 2}}, {'b': {'c': 3}}) == [
        'a: expected 1 as recorded, got None', 'b.c: expected 2 as recorded, got 3']


# ---- configuration -------------------------------------------------------------------------
@pytest.mark.parametrize('changes, said', [
    ({'seed': -1}, 'seed: expected an integer from 0'), ({'trials': 4.0}, 'trials'), ({'trials': True}, 'trials'),
    ({'alpha': NAN}, 'alpha'), ({'alpha': 0.5}, 'alpha'), ({'alpha': 0}, 'alpha'), ({'task': ''}, 'task'),
    ({'screen_first': 13}, 'screen_first: expected at most screen_resets, 12'), ({'ideas_a_round': 0}, 'ideas_a_round'),
    ({'confirm_resets': 4}, 'expected 5 or more for alpha 0.05, got 4'), ({'exam_resets': 0}, 'exam_resets'),
    ({'trials': 255}, 'trials: expected 256 or more .*got 255')])
def test_a_configuration_that_can_not_be_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        CampaignConfig(**{'task': 'push_t', 'seed': 1, **changes})


def test_a_configuration_survives_plain_data_and_unknown_fields_do_not():
    config = CampaignConfig('push_t', 2**62, trials=256)
    assert CampaignConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ConfigError, match='expected the fields'):
        CampaignConfig.from_dict({**config.to_dict(), 'more': 1})


@pytest.mark.parametrize('alpha', [0.05, 0.1, 0.25, 0.0625, 0.03125, 0.01])
def test_with_the_least_pairs_a_clean_sweep_is_just_enough(alpha):
    n = least_pairs(alpha)
    assert statistics.sign_test(n, 0) <= alpha < statistics.sign_test(n - 1, 0)


# ---- seeds and the secret ------------------------------------------------------------------
def test_seeds_differ_by_index_kind_seed_and_secret():
    found = {seeds.development_seed(s, i) for s, i in product((1, 2), range(50))}
    found |= {seeds.held_out_seed(bytes([s]) * 32, i) for s, i in product((1, 2), range(50))}
    assert len(found) == 200 and all(0 <= seed < 2**64 for seed in found)


def test_a_secret_is_kept_by_its_owner_and_found_again(tmp_path):
    secret = seeds.keep_secret(str(tmp_path), os.urandom)
    assert os.stat(tmp_path / 'secret').st_mode & 0o777 == 0o600
    assert seeds.keep_secret(str(tmp_path), os.urandom) == secret == seeds.read_secret_file(str(tmp_path / 'secret'))
    assert len(seeds.secret_hash(secret)) == 64


def test_a_secret_file_is_taken_at_the_start_and_compared_later(tmp_path):
    file, other = tmp_path / 'mine', tmp_path / 'other'
    for path, digit in ((file, 'a'), (other, 'B')):
        path.write_text(digit * 64 + '\n')
        path.chmod(0o600)
    (tmp_path / 'campaign').mkdir()
    folder = str(tmp_path / 'campaign')
    assert seeds.keep_secret(folder, os.urandom, str(file)) == bytes.fromhex('aa' * 32)
    assert seeds.keep_secret(folder, os.urandom) == bytes.fromhex('aa' * 32)
    with pytest.raises(seeds.SecretError, match='got another one'):
        seeds.keep_secret(folder, os.urandom, str(other))


def test_a_secret_that_is_lost_is_not_made_anew(tmp_path):
    for name in ('aa', 'bb'):
        (tmp_path / name).write_text(name * 32)
        (tmp_path / name).chmod(0o600)
    known = seeds.secret_hash(bytes.fromhex('aa' * 32))
    for given, words in (('', 'nothing there'), (str(tmp_path / 'bb'), 'another one')):
        with pytest.raises(seeds.SecretError, match=f'with which the campaign began, got {words}'):
            seeds.keep_secret(str(tmp_path), os.urandom, given, known)
        assert not (tmp_path / 'secret').exists()
    assert seeds.keep_secret(str(tmp_path), os.urandom, str(tmp_path / 'aa'), known) == bytes.fromhex('aa' * 32)


@pytest.mark.parametrize('text, mode, said', [
    ('a' * 64, 0o644, 'chmod 600'), ('a' * 64, 0o640, 'got permissions 0640'), ('a' * 63, 0o600, 'got 63 characters'),
    ('g' * 64, 0o600, 'hexadecimal'), ('', 0o600, 'got 0 characters'), (None, 0o600, 'can be read')])
def test_a_file_that_holds_no_secret_is_refused(tmp_path, text, mode, said):
    path = tmp_path / 'secret file'
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(seeds.SecretError, match=said):
        seeds.read_secret_file(str(path))


@pytest.mark.parametrize('secret', ['a' * 32, b'', b'a' * 31])
def test_what_is_no_secret_makes_no_seed(secret):
    for use in (lambda: seeds.held_out_seed(secret, 0), lambda: seeds.new_secret(lambda _: secret)):
        with pytest.raises(seeds.SecretError, match='32 bytes'):
            use()


# ---- statistics ----------------------------------------------------------------------------
def test_wilson_is_as_in_the_books_and_covers_the_ends():
    low, high = statistics.wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert statistics.wilson(0, 0) == (0.0, 1.0) and statistics.wilson(10, 10)[1] == 1.0
    assert statistics.wilson(79, 100)[0] > 0.70 > statistics.wilson(78, 100)[0] - 0.01
    for wrong in ((-1, 5), (6, 5), (NAN, 5)):
        with pytest.raises(ValueError, match='expected successes'):
            statistics.wilson(*wrong)


def test_the_sign_test_is_exact():
    for gained, lost in product(range(7), range(7)):
        n = gained + lost
        wanted = sum(math.comb(n, k) for k in range(gained, n + 1)) / 2**n
        assert math.isclose(statistics.sign_test(gained, lost), wanted)
    with pytest.raises(ValueError, match='0 or more'):
        statistics.sign_test(-1, 2)


def test_pairs_are_decided_by_those_that_differ():
    found = statistics.decide([(1, 0)] * 5 + [(1, 1)] * 4 + [(0, 0)] * 3, 0.05)
    assert (found.n, found.challenger, found.champion, found.gained, found.lost) == (12, 9, 4, 5, 0)
    assert found.p == 1 / 32 and found.better
    assert not statistics.decide([(1, 0)] * 5 + [(0, 1)], 0.05).better
    assert not statistics.decide([], 0.05).better
    with pytest.raises(ValueError, match='alpha'):
        statistics.decide([], NAN)


@pytest.mark.parametrize('rate', [0.2, 0.5, 0.8])
def test_equal_policies_are_kept_apart_by_chance_at_most_alpha_of_the_time(rate):
    n, alpha, wrong = 16, 0.05, 0.0
    differ = 2 * rate * (1 - rate)
    for discordant in range(n + 1):
        weight = math.comb(n, discordant) * differ**discordant * (1 - differ)**(n - discordant)
        for gained in range(discordant + 1):
            if statistics.sign_test(gained, discordant - gained) <= alpha:
                wrong += weight * math.comb(discordant, gained) / 2**discordant
    assert wrong <= alpha

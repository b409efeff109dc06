"""The query of trials: what it understands, and what it never gives."""

import pathlib

import pytest
from enpire_research.campaign.ledger import Ledger, LedgerError
from enpire_research.training import query
from enpire_research.trials import report as reports
from enpire_research.trials.outbox import Outbox


def report(trial_id, status=reports.SUCCEEDED, unit='unit0', end_ns=0, score=1.0, policy='ab' * 32, seed=7,
           phase=reports.ROLLOUT):
    return reports.Report(unit, 'block', trial_id, phase, seed, True, status=status, end_ns=end_ns, score=score,
                          policy_hash=policy, artifact_hash='cd' * 32)


KNOWN = [query.Known(report('i0001-screen-000', end_ns=3), 'a', 'screen', 1),
         query.Known(report('i0001-screen-001', reports.FAILED, end_ns=1, score=0.4), 'b', 'screen', 1),
         query.Known(report('i0002-confirm-000', unit='unit1', end_ns=1, policy='12' * 32, seed=8), 'c', 'confirm', 2),
         query.Known(report('hand', reports.FAILED, end_ns=9, score=float('nan')), 'd')]


def chosen(text):
    return ''.join(one.path for one in query.choose(query.parse(text), KNOWN))


@pytest.mark.parametrize('text, paths', [
    ('', ''), ('  ', ''), ('all', 'bcad'), ('status=succeeded', 'ca'), ('status=failed,succeeded', 'bcad'),
    ('purpose=screen', 'ba'), ('purpose=screen status=failed', 'b'), ('policy=121212', 'c'),
    ('policy=ababab,121212', 'bcad'),
    ('artifact=cdcdcd last=1', 'd'), ('last=2', 'ad'), ('first=2', 'bc'), ('first=3 last=1', 'a'), ('last=99', 'bcad'),
    ('unit=unit1', 'c'), ('trial=i0001-*', 'ba'), ('trial=hand', 'd'), ('seed=8', 'c'), ('candidate=2', 'c'),
    ('candidate=02', 'c'), ('score>=0.5', 'ca'), ('score<=0.5', 'b'), ('score>=0.4 score<=0.4', 'b'),
    ('unit=none', '')])
def test_a_query_chooses_in_the_order_of_time(text, paths):
    assert chosen(text) == paths


@pytest.mark.parametrize('text, words', [
    ('stauts=failed', "expected a known key, got 'stauts': the nearest known one is 'status'"),
    ('zzz=1', 'known: status, policy'), ('status=void', 'expected succeeded or failed, got'),
    ('purpose=exam', 'for nobody to learn from'), ('policy=xyz', 'hexadecimal digits'), ('policy=ab', '6 to 64'),
    ('last=0', 'expected 1 or more'), ('last=x', 'expected a number'), ('score>=nan', 'expected a number'),
    ('score=1', 'score>=NUMBER'), ('last>=1', 'last=VALUE'), ('last=1 last=2', 'expected once'),
    ('all last=1', 'expected conditions such as'), ('__import__("os")', 'expected conditions such as'),
    ('status = failed', 'expected conditions'), ('unit=a,', 'expected a value'), ('a' * 3000, 'at most 2000'),
    ('trial=', 'expected conditions')])
def test_what_it_cannot_understand_is_told(text, words):
    with pytest.raises(query.QueryError) as caught:
        query.parse(text)
    assert words in str(caught.value)


@pytest.fixture
def run(tmp_path):
    """A run's folder with two stations, whose trials have data but for one."""
    for unit, names in {'unit0': ['a', 'b', 'void'], 'unit1': ['a', 'c', 'no_data']}.items():
        box = Outbox(str(tmp_path / unit / 'outbox'))
        (tmp_path / unit / 'data').mkdir()
        for name in names:
            box.put(report(name, reports.VOID if name == 'void' else reports.SUCCEEDED, unit))
            box.put(report(name, unit=unit, phase=reports.RESET))
            if name != 'no_data':
                (tmp_path / unit / 'data' / f'{name}.npz').touch()
    return tmp_path


def names(known):
    return [(one.report.unit, one.report.trial_id, one.purpose, one.candidate) for one in known]


def test_without_a_campaign_every_rollout_with_verdict_and_data_is_known(run):
    known, problems = query.read_run(str(run))
    assert names(known) == [('unit0', 'a', '', -1), ('unit0', 'b', '', -1), ('unit1', 'a', '', -1),
                            ('unit1', 'c', '', -1)] and not problems


def record(ledger, unit, trial_id, purpose, candidate):
    ledger.append('trial', {
        'unit': unit, 'trial_id': trial_id, 'purpose': purpose, 'candidate': candidate, 'reset': 0, 'seed': 1,
        'repeat': 0, 'status': 'succeeded', 'reason': '', 'reset_report': None, 'rollout_report': None})


def test_with_a_campaign_only_what_its_ledger_holds_and_never_the_exam(run):
    assert query.read_run(str(run))[0]
    (run / 'campaign').mkdir()
    assert query.read_run(str(run))[0] == []
    ledger = Ledger.open(str(run / 'campaign'), lambda: 1)
    record(ledger, 'unit0', 'a', 'screen', 3)
    record(ledger, 'unit1', 'a', 'exam', 3)
    record(ledger, 'unit1', 'c', 'confirm', 4)
    # Read while it is written.
    assert names(query.read_run(str(run))[0]) == [('unit0', 'a', 'screen', 3), ('unit1', 'c', 'confirm', 4)]
    ledger.close()


def test_a_damaged_ledger_gives_nothing(run):
    (run / 'campaign').mkdir()
    (run / 'campaign' / 'ledger.jsonl').write_text('{"n": 5}\n{"n": 6}\n')
    with pytest.raises(LedgerError):
        query.read_run(str(run))


def test_the_page_about_training_has_every_key_and_every_code():
    page = (pathlib.Path(__file__).resolve().parents[3] / 'docs' / 'training.md').read_text()
    assert all(f'`{key}`' in page for key in query.KEYS)
    assert all(str(code) in page for code in range(300, 310))

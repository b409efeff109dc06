"""`enpire verify` in a shell: what it prints, its exit codes, what it leaves alone."""

import json
import os
import pathlib
import shutil
import sys

import pytest
from typer.testing import CliRunner

from enpire_bringup.cli import make_app
from enpire_tasks import registry

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / 'enpire_research' / 'test'))
import audit_helpers  # noqa: E402


def call(*words):
    """Return (exit code, output) of `enpire verify words...`."""
    result = CliRunner().invoke(make_app(), ['verify', *(str(word) for word in words)])
    return result.exit_code, result.output


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """Return (run folder, task) of a campaign that has ended."""
    folder = tmp_path_factory.mktemp('runs')
    task = audit_helpers.task_in(folder / 'task')
    audit_helpers.campaign(folder / 'first', task)
    return folder / 'first', task


@pytest.fixture(autouse=True)
def known(ended, monkeypatch):
    monkeypatch.setattr(registry, 'get', lambda name: ended[1])


def test_an_honest_campaign_is_verified_in_a_line_a_check(ended):
    code, text = call(ended[0])
    lines = text.splitlines()
    assert code == 0 and lines[0] == f'run folder: {ended[0]}' and lines[-1] == 'verified: 9 checks, nothing is wrong'
    assert [line.split()[1] for line in lines if line.startswith('ok ')] == [
        'chain', 'manifest', 'trials', 'seeds', 'stations', 'kept', 'decisions', 'repository', 'end']
    assert 'exam: idea ' in text and call('--folder', ended[0].parent)[0] == 0


def test_a_changed_byte_is_an_exit_code_and_a_place(ended, tmp_path):
    run = shutil.copytree(ended[0], tmp_path / 'run')
    audit_helpers.flip(audit_helpers.ledger_of(run), 5000)
    code, text = call(run)
    assert code == 1 and 'WRONG   chain' in text and 'ledger line ' in text
    assert text.splitlines()[-1] == 'NOT VERIFIED: 1 of 1 checks found something wrong'


def test_the_same_as_json(ended, tmp_path):
    code, text = call(ended[0], '--json')
    found = json.loads(text)
    assert code == 0 and found['ok'] and found['run'] == str(ended[0]) and found['left'] == ''
    assert {check['name']: check['ok'] for check in found['checks']}['stations'] is True
    run = shutil.copytree(ended[0], tmp_path / 'run')
    (run / 'scene' / 'scene.mjb').write_bytes(b'')
    code, text = call(run, '--json')
    found = json.loads(text)
    assert code == 1 and not found['ok']
    places = [check['wrong'] for check in found['checks'] if not check['ok']]
    assert places == [['scene: changed since the campaign began']]


def test_a_hash_that_was_kept_elsewhere_must_be_there(ended):
    head = json.loads(call(ended[0], '--json')[1])['head']
    assert call(ended[0], '--head', head)[0] == 0
    code, text = call(ended[0], '--head', 'ab' * 32)
    assert code == 1 and 'expected a record with the hash ' + 'ab' * 32 in text


def test_trials_that_can_not_be_replayed_are_named(ended):
    code, text = call(ended[0], '--replay', 2, '--seed', 9)
    assert code == 1 and '2 trials drawn by seed 9: 0 of 4 phases have the same bits' in text
    assert 'rollout: could not be replayed: ' in text


def test_without_a_campaign_there_is_nothing_to_verify(tmp_path):
    code, text = call(tmp_path)
    assert code == 1 and 'Nothing to verify: expected the run folder of a campaign' in text
    assert os.listdir(tmp_path) == []

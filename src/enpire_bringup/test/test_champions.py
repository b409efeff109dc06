"""The champion: shown, taken out of the lab, run somewhere else."""

import contextlib
import hashlib
import json
import pathlib
import sys
import types

import pytest
from typer.testing import CliRunner

from enpire_bringup import campaigns
from enpire_bringup.cli import make_app
from enpire_research.campaign import chain, champion, ledger, story

pytest.importorskip('enpire_tasks')
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / 'enpire_research' / 'test'))
import synthetic_campaigns as synthetic  # noqa: E402


def call(*words):
    """Return (exit code, output) of `enpire words...`."""
    result = CliRunner().invoke(make_app(), [str(word) for word in words])
    return result.exit_code, result.output


def make(folder, **settings):
    synthetic.campaign(folder / 'campaign', **settings)
    return folder


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """Return the run folder of a campaign that has ended."""
    return make(tmp_path_factory.mktemp('runs') / 'first')


@pytest.fixture(scope='module')
def exported(tmp_path_factory, ended):
    """Return the folder of its champion."""
    out = tmp_path_factory.mktemp('elsewhere') / 'new' / 'champion'
    code, text = call('champion', 'export', ended, '--out', out)
    assert code == 0, text
    assert f'{out}: idea ' in text and 'on SIMULATED held-out resets' in text
    return out


# ---- export ------------------------------------------------------------------------------------
def test_the_folder_has_policy_evidence_limits_and_a_readme(exported):
    names = {str(path.relative_to(exported)) for path in exported.rglob('*') if path.is_file()}
    assert names == {'policy.py', 'evidence.json', 'README.md', 'limits/robot.yaml', 'limits/task.yaml'}
    assert not list(exported.parent.glob('.*'))


def test_the_evidence_is_that_of_the_ledger(ended, exported):
    records = ledger.read(ended / 'campaign')
    told = story.tell(records)
    found = json.loads((exported / 'evidence.json').read_text())
    assert (found['candidate'], found['successes'], found['n']) == (
        told.champion, told.exam['champion']['successes'], told.exam['n'])
    assert found['start_policy']['successes'] == told.exam['start']['successes']
    assert found['interval_95'][0] < found['successes'] / found['n'] <= found['interval_95'][1]
    assert found['seeds'] == [trial['seed'] for trial in told.best.exam] and len(found['seeds']) == 10
    assert found['ledger'] == {'records': len(records), 'last_hash': records[-1].hash, 'digest': chain.digest(records)}
    assert found['manifest_hash'] == told.campaign['manifest_hash'] and found['commit'] == told.best.body['commit']
    assert found['campaign']['secret'] == told.secret['secret'] and 'python' in found['versions']
    for name in ('robot', 'task'):
        data = (exported / 'limits' / f'{name}.yaml').read_bytes()
        assert found['limits'][name] == hashlib.sha256(data).hexdigest()


def test_the_policy_is_the_champions_byte_for_byte(ended, exported):
    found = json.loads((exported / 'evidence.json').read_text())
    data = (exported / 'policy.py').read_bytes()
    assert hashlib.sha256(data).hexdigest() == found['policy_hash']
    assert data == (ended / 'campaign' / 'policies' / f'{found["policy_hash"]}.py').read_bytes()


def test_a_policy_with_other_line_ends_stays_as_it_is(tmp_path):
    run = make(tmp_path / 'run', until=10)
    policy = next((run / 'campaign' / 'policies').glob('*.py'))
    data = policy.read_bytes().replace(b'\n', b'\r\n')
    name = hashlib.sha256(data).hexdigest()
    (policy.parent / f'{name}.py').write_bytes(data)
    assert campaigns.policy(str(run), name).encode() == data


def test_a_policy_that_was_changed_since_is_not_taken_and_nothing_is_left(tmp_path):
    run = make(tmp_path / 'run', until=10)
    for path in (run / 'campaign' / 'policies').iterdir():
        path.chmod(0o600)
        path.write_text('changed')
    code, text = call('champion', 'export', run, '--out', tmp_path / 'out')
    assert code == 1 and 'expected the file of the evidence' in text
    assert {path.name for path in tmp_path.iterdir()} == {'run'}


def test_a_scene_that_cannot_be_read_any_more_is_a_warning(tmp_path):
    run = make(tmp_path / 'run', until=10)
    (run / 'scene').mkdir()
    code, text = call('champion', 'export', run, '--out', tmp_path / 'out')
    assert code == 0 and 'warning: what is frozen has changed' in text and (tmp_path / 'out' / 'policy.py').exists()


def test_the_readme_says_what_it_is_how_good_how_to_run_it_and_what_is_not_covered(exported):
    text = (exported / 'README.md').read_text()
    found = json.loads((exported / 'evidence.json').read_text())
    assert text.startswith('# Champion of a SIMULATED campaign of push_t')
    assert champion.success(found) in text and champion.success(found['start_policy']) in text
    assert 'enpire trial THIS_FOLDER' in text and 'enpire trial policy.py' in text
    assert '## What is not covered' in text and 'No real arm has run it' in text
    assert f'ledger digest: {found["ledger"]["digest"]}' in text and "WAY = 'new'" in text


def test_narrowed_limits_of_the_lab_are_those_that_go_with_it(tmp_path):
    run = make(tmp_path / 'run', until=10)
    (run / 'limits.yaml').write_text('profiles: {}\n')
    assert call('champion', 'export', run, '--out', tmp_path / 'out')[0] == 0
    assert (tmp_path / 'out' / 'limits' / 'task.yaml').read_text() == 'profiles: {}\n'


def test_before_the_exam_the_evidence_is_called_what_it_is(tmp_path):
    run = make(tmp_path / 'run', until=60)
    code, text = call('champion', 'export', run, '--out', tmp_path / 'out')
    assert code == 0 and 'on SIMULATED development resets' in text and 'warning: the campaign had no exam yet' in text
    found = json.loads((tmp_path / 'out' / 'evidence.json').read_text())
    assert found['resets'] == 'development' and found['campaign']['secret'] is None
    assert 'chosen' in (tmp_path / 'out' / 'README.md').read_text()


def test_a_folder_that_is_there_is_left_alone(ended, tmp_path):
    (tmp_path / 'mine.txt').write_text('mine')
    code, text = call('champion', 'export', ended, '--out', tmp_path)
    assert code == 1 and f'--out: expected a new folder, but {tmp_path} exists' in text
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_where_nothing_can_be_taken_it_is_said_and_nothing_is_left(ended, tmp_path):
    code, text = call('champion', 'export', tmp_path / 'none', '--out', tmp_path / 'out')
    assert code == 1 and 'No champion: expected the run folder of a campaign' in text
    run = make(tmp_path / 'run', until=10)
    for path in (run / 'campaign' / 'policies').iterdir():
        path.unlink()
    code, text = call('champion', 'export', run, '--out', tmp_path / 'out')
    assert code == 1 and 'expected a policy of the campaign that can be read' in text
    assert {path.name for path in tmp_path.iterdir()} == {'run'}


def test_an_artifact_goes_with_its_policy(tmp_path):
    run = make(tmp_path / 'run', until=10)
    data = b'a network'
    name = hashlib.sha256(data).hexdigest()
    path = run / 'campaign' / ledger.NAME
    records = [(record.kind, record.body) for record in ledger.read(path.parent)]
    path.unlink()
    with ledger.Ledger.open(path.parent, lambda: 1) as again:
        for kind, body in records:
            again.append(kind, {**body, 'artifact_hash': name} if kind == 'candidate' else body)
    code, text = call('champion', 'export', run, '--out', tmp_path / 'out')
    assert code == 1 and 'expected the artifact of the champion, found none' in text
    (run / 'campaign' / 'artifacts').mkdir()
    (run / 'campaign' / 'artifacts' / f'{name}.onnx').write_bytes(data)
    assert call('champion', 'export', run, '--out', tmp_path / 'out')[0] == 0
    assert champion.read_folder(tmp_path / 'out').artifact == str(tmp_path / 'out' / 'artifact.onnx')
    assert '--artifact artifact.onnx' in (tmp_path / 'out' / 'README.md').read_text()
    (tmp_path / 'out' / 'artifact.onnx').write_bytes(b'another')
    with pytest.raises(champion.ExportError, match='artifact.onnx: expected the file of the evidence'):
        champion.read_folder(tmp_path / 'out')


# ---- show --------------------------------------------------------------------------------------
def test_the_champion_is_shown_with_its_figures_and_its_file(ended):
    code, text = call('champion', 'show', ended)
    told = story.tell(ledger.read(ended / 'campaign'))
    assert code == 0 and text.startswith(f'SIMULATED champion: idea {told.champion}')
    assert 'held-out resets' in text and told.best.body['hypothesis'] in text and "WAY = 'new'" in text
    assert pathlib.Path(text.splitlines()[-1].split()[-1]).is_file()


# ---- trial -------------------------------------------------------------------------------------
@pytest.fixture
def lab(monkeypatch, exported):
    """Stand for a running lab whose trials succeed; yields the goals that it gets and the manifest of it."""
    graph = pytest.importorskip('enpire_bringup.graph')
    pytest.importorskip('enpire_interfaces.action')
    fake = types.SimpleNamespace(goals=[], manifest=champion.read_folder(exported).evidence['manifest_hash'])

    def send_goal(client, goal, on_feedback, *more):
        fake.goals.append(goal)
        report = types.SimpleNamespace(
            status=1, STATUS_SUCCEEDED=1, STATUS_FAILED=2, simulated=True, trial_id='t', ticks=1, wall_duration_s=1.0,
            tries=1, put_back=False, score=0.9, measurement_names=[], measurement_values=[], attempts=[],
            manifest_hash=fake.manifest)
        return types.SimpleNamespace(report=report, error_code=0, error_msg='')

    fake.units, fake.action_client, fake.send_goal = lambda: ['unit0'], lambda *words, **more: None, send_goal
    monkeypatch.setattr(graph, 'connect', lambda: contextlib.nullcontext(fake))
    return fake


def test_a_trial_of_the_folder_runs_its_policy(lab, exported):
    code, text = call('trial', exported, '--seed', '7')
    assert code == 0 and lab.goals[-1].policy_file == str(exported / 'policy.py') and lab.goals[-1].artifact_file == ''
    assert 'its evidence is 10 of 10' in text and 'warning' not in text


def test_a_lab_with_another_manifest_is_warned_of_and_the_trial_counts(lab, exported):
    lab.manifest = 'e' * 64
    code, text = call('trial', exported)
    assert code == 0 and f'warning: the manifest of this lab is {"e" * 16}…' in text


def test_a_policy_that_was_changed_is_not_run_with_the_evidence(lab, exported, tmp_path):
    for path in exported.glob('*.*'):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / 'policy.py').write_text('def act(observation):\n    return None\n')
    code, text = call('trial', tmp_path)
    assert code == 2 and 'expected the file of the evidence' in text and lab.goals == []
    assert call('trial', tmp_path / 'policy.py')[0] == 0  # the file alone is anybody's policy


@pytest.mark.parametrize('evidence, said', [
    (None, 'found a folder without evidence.json'), ('{', 'expected the evidence of a champion as JSON'),
    ('[]', 'expected format to be int'), ('{"format": 1}', 'expected task to be str, got None'),
])
def test_a_folder_that_is_no_champions_is_refused(lab, tmp_path, evidence, said):
    if evidence is not None:
        (tmp_path / 'evidence.json').write_text(evidence)
    code, text = call('trial', tmp_path)
    assert code == 2 and said in text and lab.goals == []


@pytest.mark.parametrize('name', ['n', 'successes', 'interval_95', 'resets'])
def test_evidence_without_its_figures_is_refused(exported, tmp_path, name):
    found = json.loads((exported / 'evidence.json').read_text())
    del found[name]
    (tmp_path / 'evidence.json').write_text(json.dumps(found))
    with pytest.raises(champion.ExportError, match=f'expected {name} to be'):
        champion.read_folder(tmp_path)


def test_a_folder_of_another_format_is_refused(exported, tmp_path):
    found = json.loads((exported / 'evidence.json').read_text())
    (tmp_path / 'evidence.json').write_text(json.dumps({**found, 'format': 99}))
    with pytest.raises(champion.ExportError, match='expected format 1, got 99'):
        champion.read_folder(tmp_path)

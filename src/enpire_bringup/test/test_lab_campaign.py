"""A campaign in the lab file: what is taken, what is refused before anything starts, and going on with one."""

import hashlib
import os
import pathlib

import pytest

from enpire_bringup import lab, lab_campaign, processes, run
from enpire_research.campaign import config as campaigns
from enpire_research.campaign import seeds
from enpire_research.campaign.ledger import Ledger
from enpire_research.research_parameters import ResearchParameters

CONFIG = pathlib.Path(__file__).resolve().parents[1] / 'config' / 'lab.yaml'
VARIES = "VARY = {'PUSH_M': {'low': 0.01, 'high': 0.09}}\nPUSH_M = 0.02\n\n\ndef act(observation):\n    return None\n"
FILES = processes.LabFiles('/share/robot.yaml', '/share/task.yaml', '/share/start.py')


def refused(text, options=None):
    """Return the lines of the refusal of a lab file."""
    with pytest.raises(lab.LabError) as error:
        lab.load_text(text, 'my.yaml', options)
    return str(error.value).splitlines()


def test_the_shipped_lab_is_a_campaign():
    found = run.read_lab(CONFIG)
    assert found.campaign is not None and found.trials == 0
    assert found.wanted == found.config.trials and found.config.seed == found.seed


def test_a_campaign_without_figures_has_those_of_its_configuration():
    for text in ('campaign:\n', 'campaign: {}\n'):
        assert lab.load_text(text, 'my.yaml').config == campaigns.CampaignConfig(task='push_t', seed=1)


def test_figures_of_a_campaign_reach_its_configuration():
    found = lab.load_text('seed: 5\ncampaign:\n  trials: 300\n  exam_resets: 20\n', 'my.yaml').config
    assert (found.trials, found.exam_resets, found.seed) == (300, 20, 5)


def test_the_secret_file_is_relative_to_the_lab_file():
    assert lab.load_text('campaign: {secret_file: s}', '/here/my.yaml').campaign.secret_file == '/here/s'


@pytest.mark.parametrize('text, line', [
    ('units: 2\ncampaign: 5\n', 'my.yaml, line 2: campaign: expected keys and values below it'),
    ('units: 2\ncampaign:\n  trails: 300\n',
     "my.yaml, line 3: unknown key 'campaign.trails'; the nearest known one is 'trials'"),
    ('campaign:\n  trials: many\n', 'my.yaml, line 2: campaign.trials: expected a valid integer, got'),
    ('campaign:\n  researcher: me\n', "my.yaml, line 2: campaign.researcher: expected 'builtin', got 'me'"),
    ('campaign:\n  secret_file: "a\\nb"\n', 'my.yaml, line 2: campaign.secret_file: expected text without'),
    ('campaign:\n  secret_file: ""\n', 'my.yaml, line 2: campaign.secret_file: expected text without'),
    ('units: 2\ncampaign:\n  trials: 7\n', 'my.yaml, line 3: campaign.trials: expected '),
    ('units: 2\ncampaign:\n  exam_resets: 0\n', 'my.yaml, line 3: campaign.exam_resets: expected an integer from 1'),
])
def test_a_section_that_makes_no_sense_is_refused_with_its_line(text, line):
    (found,) = refused(text)
    assert found.startswith(line) and 'expected' in found or 'nearest' in found


def test_a_budget_that_is_too_small_is_refused_and_the_least_is_named():
    least = campaigns.CampaignConfig(task='push_t', seed=1).least_trials
    (line,) = refused('campaign:\n', {'budget': least - 1})
    assert line.startswith(f'option budget: campaign.trials: expected {least} or more')


def test_trials_and_a_campaign_in_one_file_are_refused():
    (line,) = refused('units: 2\ntrials: 3\ncampaign: {}\n')
    assert line.startswith('my.yaml, line 2: trials: expected trials (of one policy) or campaign') and 'both' in line


@pytest.mark.parametrize('text, options, begins', [
    ('units: 2\nartifact: a.onnx\ncampaign: {}\n', {}, 'my.yaml, line 2: artifact: expected none in a campaign'),
    ('artifact: a.onnx\ntrials: 3\n', {'budget': 300}, 'my.yaml, line 1: artifact: expected none in a campaign'),
    ('campaign: {}\n', {'artifact': '/a.onnx'}, 'option artifact: artifact: expected none in a campaign')])
def test_an_artifact_in_a_campaign_is_refused_for_its_candidates_bring_their_own(text, options, begins):
    (line,) = refused(text, options)
    assert line.startswith(begins)


def test_an_artifact_reaches_the_runner_of_plain_trials(tmp_path):
    for name in ('mine.py', 'mine.onnx'):
        (tmp_path / name).touch()
    found = lab.load_text('policy: mine.py\nartifact: mine.onnx\ntrials: 3\n', str(tmp_path / 'my.yaml'))
    _, files = run.find_files(found)
    specs = processes.expand(found, '/runs/r', files, 12345)
    assert specs[-1].parameters['trial_runner']['artifact'] == str(tmp_path / 'mine.onnx')


def test_an_option_goes_before_the_file_whichever_kind_of_trials_it_asks_for():
    for trials in (0, 40):
        plain = lab.load_text('campaign: {trials: 300}', 'my.yaml', {'trials': trials})
        assert plain.campaign is None and plain.wanted == trials
    improving = lab.load_text('trials: 5', 'my.yaml', {'budget': 500})
    assert improving.wanted == 500 and improving.trials == 0
    assert lab.load_text('campaign: {trials: 300}', 'my.yaml', {'budget': 500, 'secret_file': '/s'}).campaign == (
        lab_campaign.Campaign(trials=500, secret_file='/s'))


@pytest.mark.parametrize('text, options, said', [
    ('', {'trials': 3, 'budget': 500}, 'option trials, option budget: expected'),
    ('trials: 3', {'secret_file': '/s'}, 'option secret_file: expected a campaign, got plain trials'),
    ('campaign:\n', {'trials': 3, 'secret_file': '/s'}, 'option secret_file: expected a campaign, got plain trials'),
])
def test_options_that_contradict_each_other_are_refused(text, options, said):
    (line,) = refused(text, options)
    assert line.startswith(said)


def test_a_campaign_written_again_gives_the_same_lab():
    for text in ('campaign:\n', 'campaign: {trials: 500, secret_file: /s}'):
        first = lab.load_text(text, 'my.yaml')
        assert lab.load_text(lab.dump(first), 'other.yaml') == first


# ---- what it becomes ---------------------------------------------------------------------------
def test_a_campaign_is_a_research_node_that_comes_again_when_it_is_killed_and_whose_end_is_the_labs():
    found = lab.load_text('units: [a, b]\nname: night\nseed: 7\ncampaign: {secret_file: /s}\n', 'my.yaml')
    specs = processes.expand(found, '/runs/r', FILES, 12345)
    research = specs[-1]
    assert [spec.executable for spec in specs if spec.executable == 'trial_runner'] == []
    assert (research.name, research.package, research.executable, research.namespace) == (
        'lab.research', 'enpire_research', 'research', '/lab')
    assert (research.respawn, research.required, research.stage) == (True, True, 'runner')
    values = research.parameters['research']
    assert values['units'] == ['a', 'b'] and values['lab'] == 'night' and values['began_ns'] == 12345
    assert values['trials'] == found.config.trials and values['secret_file'] == '/s'
    assert (values['robot_limits'], values['task_limits'], values['scene']) == (
        '/share/robot.yaml', '/share/task.yaml', '/runs/r/scene')


def test_the_research_node_knows_every_parameter_that_it_is_given():
    values = processes.expand(lab.load_text('campaign:\n', 'my.yaml'), '/r', FILES)[-1].parameters['research']
    known = ResearchParameters.__dataclass_fields__
    assert [name for name in values if name not in known] == []
    ResearchParameters(**{**values, 'units': tuple(values['units'])})


# ---- what it names -----------------------------------------------------------------------------
def looked_at(folder, policy, more='', options=None):
    """Return the lines of the refusal of a campaign with the text of a policy."""
    pytest.importorskip('enpire_tasks')
    (folder / 'mine.py').write_text(policy)
    text = f'units: 1\npolicy: mine.py\ncampaign:\n  researcher: builtin\n{more}'
    with pytest.raises(lab.LabError) as error:
        run.find_files(lab.load_text(text, str(folder / 'my.yaml'), options))
    return str(error.value).splitlines()


def test_a_policy_that_declares_nothing_to_vary_is_refused(tmp_path):
    (line,) = looked_at(tmp_path, 'def act(observation):\n    return None\n')
    assert line.startswith(f'{tmp_path}/my.yaml, line 2: policy: {tmp_path}/mine.py: expected VARY = ')


def test_every_mistake_in_what_a_policy_declares_is_named_with_file_and_line(tmp_path):
    lines = looked_at(tmp_path, "VARY = {\n    'A': {'low': 2, 'high': 1},\n    'B': {'low': 0, 'high': 9}}\nA = 1\n")
    assert len(lines) == 2 and all(line.startswith(f'{tmp_path}/my.yaml, line 2: policy: {tmp_path}/mine.py, line ')
                                   for line in lines)
    assert "line 2: A: expected 'low' under 'high'" in lines[0]


def test_a_secret_that_is_none_or_that_others_can_read_is_refused(tmp_path):
    (line,) = looked_at(tmp_path, VARIES, '  secret_file: nope\n')
    assert line.startswith(f'{tmp_path}/my.yaml, line 5: campaign.secret_file: {tmp_path}/nope: expected a file')
    (tmp_path / 'short').write_text('abc')
    os.chmod(tmp_path / 'short', 0o600)
    (line,) = looked_at(tmp_path, VARIES, options={'secret_file': str(tmp_path / 'short')})
    assert line.startswith('option secret_file: campaign.secret_file: ') and 'expected 64 hexadecimal digits' in line


# ---- going on ----------------------------------------------------------------------------------
@pytest.fixture
def broken_off(tmp_path, monkeypatch):
    """Return the run folder of a campaign that was prepared; no scene is compiled."""
    pytest.importorskip('enpire_tasks')
    monkeypatch.setattr(run, '_write_scene', lambda folder, task: os.mkdir(folder))
    (tmp_path / 'mine.py').write_text(VARIES)
    text = f'units: 2\nfolder: {tmp_path}/runs\npolicy: mine.py\ncampaign:\n'
    return pathlib.Path(run.prepare(lab.load_text(text, str(tmp_path / 'my.yaml')), 'first').folder)


def write_ledger(folder, ended=False, **changes):
    body = {'version': campaigns.VERSION, 'task': 'push_t', 'simulated': True, 'seed': 1, 'units': ['unit0', 'unit1'],
            'manifest': {}, 'manifest_hash': 'm', 'secret_sha256': 's', 'config': {}, 'researcher': {},
            'start_policy_hash': 'p'}
    with Ledger.open(folder / 'campaign', lambda: 1) as ledger:
        ledger.append('campaign', {**body, **changes})
        if ended:
            ledger.append('end', {'reason': 'done'})


def test_a_campaign_goes_on_in_its_run_folder_with_a_later_beginning(broken_off):
    write_ledger(broken_off)
    before = (broken_off / 'parameters' / 'lab.research.yaml').read_text()
    again = run.resume(str(broken_off))
    values = again.specs[-1].parameters['research']
    assert again.folder == str(broken_off) == values['run_dir'] and again.lab.campaign is not None
    after = (broken_off / 'parameters' / 'lab.research.yaml').read_text()
    assert after != before and f'began_ns: {values["began_ns"]}' in after.replace('"', '')
    assert [(a.name, a.parameters) for a in again.specs[:-1]] == [
        (b.name, b.parameters) for b in run.resume(str(broken_off)).specs[:-1]]


def test_a_campaign_that_has_no_ledger_yet_goes_on_too(broken_off):
    assert run.resume(str(broken_off)).folder == str(broken_off)


def test_a_campaign_goes_on_with_what_it_began_with_though_files_of_it_have_changed(tmp_path, broken_off):
    policies = broken_off / 'campaign' / 'policies'
    policies.mkdir(parents=True)
    name = hashlib.sha256(VARIES.encode()).hexdigest()
    (policies / f'{name}.py').write_text(VARIES)
    write_ledger(broken_off, start_policy_hash=name)
    assert run.resume(str(broken_off)).specs[-1].parameters['research']['policy'] == str(tmp_path / 'mine.py')
    (tmp_path / 'mine.py').write_text('broken(')
    (broken_off / 'campaign' / 'secret').write_text('ab' * 32)
    (broken_off / 'limits.yaml').write_text('profiles: {}\n')
    text = (broken_off / 'lab.yaml').read_text().replace('researcher: builtin', f'secret_file: {tmp_path}/gone')
    (broken_off / 'lab.yaml').write_text(f'{text}limits: {tmp_path}/gone.yaml\n')
    values = run.resume(str(broken_off)).specs[-1].parameters['research']
    assert values['policy'] == str(policies / f'{name}.py') and values['secret_file'] == ''
    assert values['task_limits'] == str(broken_off / 'limits.yaml')


def test_what_the_stations_of_a_campaign_hide_comes_from_its_secret_and_is_nobody_elses_to_read(broken_off):
    secret = seeds.read_secret_file(broken_off / 'campaign' / 'secret')
    write_ledger(broken_off, secret_sha256=seeds.secret_hash(secret))
    for _ in range(2):
        specs = {spec.name: spec.parameters for spec in run.resume(str(broken_off)).specs}
        assert specs['unit0.sim_station']['arm_driver']['lab_seed'] == seeds.stations_seed(secret)
        assert specs['unit0.trial_server']['trial_server']['lab_seed'] == 1 != seeds.stations_seed(secret)
    for path in (broken_off / 'parameters').iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    (broken_off / 'campaign' / 'secret').unlink()
    with pytest.raises(lab.LabError, match='expected the secret with which the campaign began, got nothing there'):
        run.resume(str(broken_off))


def test_without_a_campaign_stations_draw_from_the_seed_of_the_lab(tmp_path):
    plain = run.prepare(lab.load_text(f'trials: 3\nseed: 5\nfolder: {tmp_path}\n', str(tmp_path / 'my.yaml')), 'first')
    assert plain.specs[0].parameters['arm_driver']['lab_seed'] == 5 and not (tmp_path / 'first' / 'campaign').exists()


@pytest.mark.parametrize('changes, said', [
    ({'task': 'peg_insertion'}, "expected a campaign of task 'push_t', the ledger in"),
    ({'version': 0}, f'expected a campaign of version {campaigns.VERSION}, the ledger in'),
    ({'units': ['unit0']}, "expected a campaign of units ['unit0', 'unit1'], the ledger in"),
    ({'seed': 9}, 'expected a campaign of seed 1, the ledger in'),
    ({'ended': True}, 'expected a campaign that has not ended'),
])
def test_another_campaign_is_not_gone_on_with(broken_off, changes, said):
    write_ledger(broken_off, **changes)
    with pytest.raises(lab.LabError, match='--resume: ') as error:
        run.resume(str(broken_off))
    assert said in str(error.value)


def test_a_damaged_ledger_is_not_gone_on_with(broken_off):
    write_ledger(broken_off)
    path = broken_off / 'campaign' / 'ledger.jsonl'
    path.write_text(path.read_text().replace('push_t', 'push_u') * 2)
    with pytest.raises(lab.LabError, match='--resume: .*ledger.jsonl, line 1: expected'):
        run.resume(str(broken_off))


def test_a_folder_that_is_no_campaigns_is_refused(tmp_path):
    with pytest.raises(lab.LabError, match='--resume: expected the run folder of a campaign, found no lab.yaml'):
        run.resume(str(tmp_path))
    (tmp_path / 'lab.yaml').write_text('trials: 3\n')
    with pytest.raises(lab.LabError, match='wants plain trials'):
        run.resume(str(tmp_path))

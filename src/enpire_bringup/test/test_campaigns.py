"""Campaigns on disk, `enpire report`, and what the view tells of them."""

import io
import json
import os
import pathlib
import sys
import types

import pytest
from rich.console import Console
from typer.testing import CliRunner

from enpire_bringup import campaigns
from enpire_bringup import lab as lab_file
from enpire_bringup import summary
from enpire_bringup.cli import make_app
from enpire_bringup.commands import status
from enpire_bringup.view import news, table
from enpire_research.campaign import chain, ledger

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / 'enpire_research' / 'test'))
import synthetic_campaigns as synthetic  # noqa: E402


def call(*words):
    """Return (exit code, output) of `enpire words...`."""
    result = CliRunner().invoke(make_app(), [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """Return the run folder of a campaign that has ended."""
    folder = tmp_path_factory.mktemp('runs') / 'first'
    synthetic.campaign(folder / 'campaign')
    return folder


# ---- which one ---------------------------------------------------------------------------------
def run_with_ledger(folder, name, when_s):
    (folder / name / 'campaign').mkdir(parents=True)
    path = folder / name / 'campaign' / ledger.NAME
    path.touch()
    os.utime(path, (when_s, when_s))
    return str(folder / name)


def test_without_a_name_the_campaign_whose_ledger_was_written_last_is_meant(tmp_path):
    (tmp_path / 'plain_trials').mkdir()
    newest = run_with_ledger(tmp_path, 'b', 2000)
    run_with_ledger(tmp_path, 'c', 1000)
    assert campaigns.find(folder=str(tmp_path)) == newest


def test_a_run_is_named_by_its_folder_or_by_that_of_its_campaign(tmp_path):
    run = run_with_ledger(tmp_path, 'a', 1000)
    assert campaigns.find(run) == campaigns.find(os.path.join(run, 'campaign')) == run


def test_where_there_is_no_campaign_the_place_is_named(tmp_path):
    with pytest.raises(campaigns.NoCampaign, match=f'expected a run with a campaign in {tmp_path}, found none'):
        campaigns.find(folder=str(tmp_path))
    with pytest.raises(campaigns.NoCampaign, match=f'found no ledger at {tmp_path}/x/campaign/ledger.jsonl'):
        campaigns.find(str(tmp_path / 'x'))


# ---- enpire report -----------------------------------------------------------------------------
def test_the_report_is_printed_and_kept_with_its_picture(ended):
    code, text = call('report', ended)
    folder = ended / 'campaign' / 'report'
    kept = (folder / 'report.txt').read_text()
    assert code == 0 and kept.startswith('SIMULATED campaign: push_t') and kept in text + '\n'
    assert text.splitlines()[-1] == f'ledger digest: {chain.digest(ledger.read(ended / "campaign"))}'
    assert (folder / 'improvement.png').read_bytes().startswith(b'\x89PNG')
    assert 'RATE = 0.2 -> ' in kept and 'lie beside' in kept


def test_a_report_of_nothing_says_why(tmp_path):
    code, text = call('report', '--folder', tmp_path)
    assert code == 1 and 'No report: expected a run with a campaign in' in text
    run = run_with_ledger(tmp_path, 'a', 1000)
    code, text = call('report', run)
    assert code == 1 and 'expected a ledger that begins with a campaign, got an empty one' in text


def test_a_report_of_a_damaged_ledger_names_the_line(tmp_path):
    run = pathlib.Path(run_with_ledger(tmp_path, 'a', 1000))
    (run / 'campaign' / ledger.NAME).write_text('{}\n{}\n')
    code, text = call('report', run)
    assert code == 1 and 'ledger.jsonl, line 1: expected an object with n, kind' in text


def test_the_report_of_a_task_that_this_project_does_not_know_has_no_tolerances(ended):
    first = ledger.read(ended / 'campaign')[0]
    other = chain.make(0, 'campaign', 1, {**first.body, 'task': 'tidy_up'}, chain.FIRST)
    assert campaigns.tolerances([other]) == () and campaigns.tolerances([first])


# ---- the summary -------------------------------------------------------------------------------
def test_the_summary_of_a_campaign_has_no_rate_over_all_its_policies():
    lab = lab_file.Lab(campaign={'trials': 700})
    text = summary.text(lab, [], summary.Times(0.0, 3.0), '/runs/r')
    assert '0 of 700' in text and 'successes' not in text


# ---- the view ----------------------------------------------------------------------------------
def shown(width=140, wanted=400, **changes):
    fields = {'stage': 'round 3: screening 6 ideas', 'done': 120, 'candidates': 17, 'champion': 4, 'trials': 44,
              'successes': 38, 'eta_s': 754.0, 'news': 'idea 9 not kept'}
    view = table.View('night', 'push_t', 'start.py', True, wanted, 83.0, (), campaign=table.Progress(
        **{**fields, **changes}))
    console = Console(file=io.StringIO(), width=width)
    console.print(table.render(view))
    return console.file.getvalue()


def test_the_table_of_a_campaign_has_stage_budget_champion_and_the_time_to_go():
    text = shown()
    assert text.startswith('SIMULATED | 120 of 400 trials')
    assert 'round 3: screening 6 ideas | 17 ideas tried | about 12:34 to go' in text
    assert 'champion: idea 4, 38 of 44 on development resets, 86% (73..94)' in text
    assert 'idea 9 not kept' in text


def test_before_anything_is_known_the_table_says_only_what_is():
    text = shown(stage='starting', done=0, candidates=0, champion=0, trials=0, successes=0, eta_s=float('nan'), news='')
    assert 'starting | 0 ideas tried\n' in text
    assert 'champion: the start policy' in text and 'to go' not in text


def test_lines_of_a_campaign_are_cut_where_the_terminal_ends():
    text = shown(width=80, stage='s' * 300, news='n' * 300)
    assert max(map(len, text.splitlines())) <= 80 and 'champion: idea 4, 38 of 44' in text


def lab_status(**changes):
    """Return what a LabStatus message has."""
    return types.SimpleNamespace(**{**dict(
        lab='night', task='push_t', policy='/x/start.py', trials_wanted=400, trials_done=77, simulated=True,
        stage='round 2: screening 6 ideas', candidates=9, champion=4, champion_trials=28, champion_successes=21,
        eta_s=600.0, stations=[]), **changes})


def test_status_from_another_terminal_shows_the_same_of_a_campaign_and_draws_it(tmp_path):
    console = Console(file=io.StringIO(), width=100)
    console.print(table.render(status._view(lab_status())))
    text = console.file.getvalue()
    assert '77 of 400 trials' in text and 'round 2: screening 6 ideas | 9 ideas tried | about 10:00 to go' in text
    assert 'champion: idea 4, 21 of 28 on development resets, 75% (57..87)' in text
    shown = table.render(status._view(lab_status()))
    assert status._picture(shown, str(tmp_path / 'table.svg'))
    assert not status._picture(shown, str(tmp_path / 'no' / 'table.svg'))
    assert 'idea&#160;4' in (tmp_path / 'table.svg').read_text()


def test_status_of_plain_trials_has_nothing_of_a_campaign():
    assert status._view(lab_status(stage='')).campaign is None


def test_the_ledger_is_read_as_it_grows_and_its_absence_is_no_fault(tmp_path, ended):
    tail = news.Tail(str(tmp_path))
    assert tail.new() == [] and tail.problem == ''
    lines = (ended / 'campaign' / ledger.NAME).read_bytes().splitlines(keepends=True)
    path = tmp_path / ledger.NAME
    path.write_bytes(b''.join(lines[:3]) + lines[3][:20])
    assert [record.n for record in tail.new()] == [0, 1, 2] and tail.new() == []
    path.write_bytes(b''.join(lines[:5]))
    assert [record.n for record in tail.new()] == [3, 4] and tail.problem == ''


def test_a_damaged_ledger_is_told_once_and_no_longer_read(tmp_path, ended):
    lines = (ended / 'campaign' / ledger.NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / ledger.NAME).write_bytes(lines[0] + lines[2])
    tail = news.Tail(str(tmp_path))
    assert [record.n for record in tail.new()] == [0]
    assert 'expected record 1, got record 2' in tail.problem and tail.new() == []


def test_ideas_decisions_and_the_exam_are_told_in_a_line_each(ended):
    records = ledger.read(ended / 'campaign')
    lines = [line for line in map(news.line, records) if line]
    kept = next(record.body for record in records if record.kind == 'decision' and record.body['kept'])
    figures = kept['figures']
    assert (f'idea {kept["candidate"]} KEPT, the champion now, {figures["successes"]} of {figures["n"]}: '
            f'{kept["reason"]}') in lines
    assert any(line.startswith('idea 1, on the start policy: rate 0.1 may do more') for line in lines)
    assert sum(' not kept, ' in line for line in lines) == sum(
        record.kind == 'decision' and not record.body['kept'] for record in records)
    exam = next(line for line in lines if line.startswith('exam on held-out resets: start policy'))
    assert f'idea {kept["candidate"]} ' in exam and lines[-1].startswith('the campaign has ended: ')
    assert not any('screen-0' in line for line in lines)  # trials have lines of their own


def test_a_station_that_goes_out_is_told():
    record = chain.make(0, 'station', 1, {'unit': 'unit1', 'state': 'out', 'reason': 'three\nvoids'}, chain.FIRST)
    assert news.line(record) == 'unit1 is out: three voids'
    assert json.loads(record.line())['kind'] == 'station'

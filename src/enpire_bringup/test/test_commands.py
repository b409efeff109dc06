"""The `enpire` command: its help, and what it refuses before anything starts."""

import pytest
from typer.testing import CliRunner

from enpire_bringup import out_files
from enpire_bringup.cli import make_app

COMMANDS = ('lab', 'report', 'trial', 'status', 'stop', 'clear', 'render')


def call(*words):
    """Return (exit code, output) of `enpire words...`."""
    result = CliRunner().invoke(make_app(), list(words))
    return result.exit_code, result.output


def test_the_help_names_every_subcommand_in_the_order_of_use():
    code, text = call('--help')
    listed = text.split('Commands:')[1]
    places = [listed.index(f'\n  {name} ') for name in COMMANDS]
    assert code == 0 and places == sorted(places)


@pytest.mark.parametrize('name', COMMANDS)
def test_the_help_of_each_subcommand_has_an_example(name):
    code, text = call(name, '--help')
    assert code == 0 and f'enpire {name}' in text.split('Example')[1]


@pytest.mark.parametrize('words, said', [
    ((), 'expected --out FILE or --clip FILE'),
    (('--out', 'x.txt'), '--out: expected a file that ends with'),
    (('--clip', 'x.webp'), '--clip: expected --seed too'),
    (('--out', 'x.png', '--policy', 'p.py'), '--policy: expected --seed too'),
    (('--out', 'x.png', '--camera', 'top_camra'), "the nearest known one is 'top_camera'"),
    (('--out', 'x.png', '--size', 'big'), '--size: expected WIDTHxHEIGHT'),
    (('--out', 'x.png', '--task', 'push_x'), "got 'push_x'"),
])
def test_a_picture_that_makes_no_sense_is_refused(words, said):
    code, text = call('render', *words)
    assert code == 2 and said in text


@pytest.mark.parametrize('words', [
    ('render', '--out', '/proc/x.png'), ('render', '--clip', '/proc/x.webp', '--seed', '1'),
    ('bench', '--out', '/proc/x.json'), ('bench', '--out', '/proc/version/x.json')])
def test_a_file_that_cannot_be_written_is_found_out_before_the_work(words, monkeypatch):
    pytest.importorskip('rclpy', reason='a bench needs ROS')

    def work(*args):
        raise AssertionError('the work has begun')
    monkeypatch.setattr('enpire_bringup.commands.render._render', work)
    monkeypatch.setattr('enpire_research.bench.run.measure', work)
    code, text = call(*words)
    assert code == 2 and f'{words[1]}: expected a' in text and words[2] in text


@pytest.mark.parametrize('there', [False, True])
def test_trying_out_a_file_leaves_it_as_it_is(tmp_path, there):
    path = tmp_path / 'x.png'
    if there:
        path.write_text('old')
    assert out_files.trouble(path) == ''
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == ([('x.png', 'old')] if there else [])
    assert 'is a folder' in out_files.trouble(tmp_path)


def test_an_unknown_task_is_refused_and_the_nearest_is_named(tmp_path):
    code, text = call('lab', '--task', 'push_tee', '--folder', str(tmp_path / 'runs'))
    assert code == 2 and "the nearest known one is 'push_t'" in text
    assert not (tmp_path / 'runs').exists()


@pytest.mark.parametrize('option, value', [('--policy', '/no/such.py')])
def test_a_file_that_is_not_there_is_refused(tmp_path, option, value):
    code, text = call('lab', option, value, '--folder', str(tmp_path / 'runs'))
    assert code == 2 and f'expected a file, found none at {value}' in text
    assert not (tmp_path / 'runs').exists()

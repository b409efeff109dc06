"""The `enpire` command: its help, and what it refuses before anything starts."""

import pytest
from typer.testing import CliRunner

from enpire_bringup.cli import make_app

COMMANDS = ('lab', 'trial', 'status', 'stop', 'clear', 'render')


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


def test_an_unknown_task_is_refused_and_the_nearest_is_named(tmp_path):
    code, text = call('lab', '--task', 'push_tee', '--folder', str(tmp_path / 'runs'))
    assert code == 2 and "did you mean 'push_t'?" in text
    assert not (tmp_path / 'runs').exists()


@pytest.mark.parametrize('option, value', [('--policy', '/no/such.py')])
def test_a_file_that_is_not_there_is_refused(tmp_path, option, value):
    code, text = call('lab', option, value, '--folder', str(tmp_path / 'runs'))
    assert code == 2 and f'expected a file, found none at {value}' in text
    assert not (tmp_path / 'runs').exists()

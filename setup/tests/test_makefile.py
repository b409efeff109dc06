"""What `make` hands on, word for word; which Python it starts."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / 'Makefile'


@pytest.fixture
def root(tmp_path):
    """A repository whose set-up does nothing and whose programs say their words, one a line."""
    (tmp_path / 'setup').mkdir()
    shutil.copy(MAKEFILE, tmp_path)
    (tmp_path / 'setup' / 'bootstrap.py').write_text('')
    run = tmp_path / 'setup' / 'run.sh'
    run.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    run.chmod(0o755)
    return tmp_path


def make(root, *words):
    env = {'PATH': os.environ['PATH'], 'LANG': 'C'}
    if not any(word.startswith('PYTHON=') for word in words):
        words += (f'PYTHON={sys.executable}',)
    return subprocess.run(['make', *words], cwd=root, env=env, capture_output=True, text=True)


def test_a_lab_without_options_is_given_none(root):
    assert make(root, 'lab').stdout.split('\n') == ['enpire', 'lab', '']


def test_options_of_the_lab_reach_it_whole_whatever_blanks_and_quotes_they_have(root):
    result = make(root, 'lab', "LAB=my lab's \"own\".yaml", 'UNITS=2; exit 3', "TASK=it's", 'SEED=')
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        'enpire', 'lab', 'my lab\'s "own".yaml', '--units', '2; exit 3', '--task', "it's",
    ]  # fmt: skip


def test_arguments_for_pytest_are_words_of_the_shell(root):
    result = make(root, 'test', "ARGS=-k 'one or two' setup")
    assert result.stdout.splitlines()[-3:] == ['-k', 'one or two', 'setup']


@pytest.mark.parametrize('name', ['python9', 'my python', "it's", '$(( 1 ))', ''])
def test_a_python_that_is_not_there_is_one_sentence(root, name):
    name = name.replace('$', '$$')
    result = make(root, 'lab', f'PYTHON={name}')
    assert result.returncode != 0 and result.stdout == ''
    first, *rest = result.stderr.splitlines()
    assert first.startswith(f"Set-up expected a Python called '{name.replace('$$', '$')}'")
    assert "'make lab PYTHON=...'" in first
    assert all(line.startswith('make: ***') for line in rest), 'what make itself adds'


def test_the_python_of_the_environment_is_remembered(root):
    state = root / '.venv' / '.enpire'
    state.mkdir(parents=True)
    noting = root / 'noting python'
    noting.write_text('#!/bin/sh\necho started\n')
    noting.chmod(0o755)
    (state / 'python').write_text(f'{noting}\n')
    env = {'PATH': os.environ['PATH']}
    result = subprocess.run(['make', 'setup'], cwd=root, env=env, capture_output=True, text=True)
    assert result.stdout == 'started\n', result.stderr

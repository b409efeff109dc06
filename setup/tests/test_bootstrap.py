"""The entry: versions of Python, told in one sentence."""
import ast
import shutil
import subprocess
import sys
from pathlib import Path

import bootstrap
import pytest


@pytest.mark.parametrize('version', [(3, 10), (3, 11), (3, 12), (3, 13)])
def test_a_python_with_ros_wheels_is_accepted(version):
    assert bootstrap.version_error(version, '/usr/bin/python3') is None


@pytest.mark.parametrize('version', [(2, 7), (3, 9), (3, 14), (4, 0)])
def test_another_python_is_refused_in_one_sentence_that_says_what_to_do(version):
    sentence = bootstrap.version_error(version, '/opt/odd/python')
    assert f'Python {version[0]}.{version[1]} (/opt/odd/python)' in sentence
    assert 'expected Python 3.10 to 3.13' in sentence
    assert 'make setup PYTHON=' in sentence
    assert '\n' not in sentence


def test_the_entry_can_be_parsed_by_pythons_that_are_too_old():
    # An f-string or an annotation would show as a syntax error there.
    tree = ast.parse(Path(bootstrap.__file__).read_text(encoding='utf-8'))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match))
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None


def test_a_set_up_started_in_its_own_environment_runs_in_the_python_below_it(tmp_path):
    setup = tmp_path / 'setup'
    (setup / 'enpire_setup').mkdir(parents=True)
    shutil.copy(bootstrap.__file__, setup)
    (setup / 'enpire_setup' / '__init__.py').touch()
    (setup / 'enpire_setup' / 'command.py').write_text(
        'import sys\ndef run(arguments):\n    print(sys.prefix == sys.base_prefix, arguments)\n    return 3\n'
    )
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', tmp_path / '.venv'], check=True)
    result = subprocess.run(
        [tmp_path / '.venv' / 'bin' / 'python', setup / 'bootstrap.py', '--word'],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (3, "True ['--word']\n"), result.stderr


def test_the_set_up_needs_nothing_but_the_standard_library():
    setup = Path(bootstrap.__file__).parent
    files = [setup / 'bootstrap.py', *sorted((setup / 'enpire_setup').glob('*.py'))]
    assert len(files) > 5
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                top = name.split('.')[0]
                assert top in sys.stdlib_module_names or top == 'enpire_setup', (path, name)

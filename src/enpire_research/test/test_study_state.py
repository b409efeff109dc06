"""The state of the code that figures are kept under: what changes it, and what does not."""

import ast
import os
import shutil

import pytest
from enpire_research.studies import push_t, push_t_measure, state
from enpire_tasks import registry

SOURCE = '''"""A module."""
import os  # why

# A remark.
TEXT = 'a # in a string'


def call(one):
    """Say what it does,

    in two lines."""
    return f"""{one}

    kept @
    """
'''.replace('@', '  ')


@pytest.mark.parametrize('was, now', (
    ('"""A module."""', '"""Another word about it,\nin two lines."""'), ('  # why', ''), ('# A remark.\n', ''),
    ('# A remark.', '# Ein Wört.\n# More.'), ('\n\n\ndef', '\ndef'), ('Say what', 'Tell what'),
    ('    in two lines."""', '    in three\n\n    lines."""'), ('os  # why', 'os   ')))
def test_comments_docstrings_and_blank_lines_do_not_count(was, now):
    assert was in SOURCE and state.bare(SOURCE.replace(was, now, 1)) == state.bare(SOURCE)


@pytest.mark.parametrize('was, now', (
    ('import os', 'import sys'), ('# in a string', '# in the string'), ('    kept   \n', '    kept\n'),
    ('{one}\n\n', '{one}\n'), ('(one)', '(two)')))
def test_code_and_the_inside_of_strings_count(was, now):
    assert was in SOURCE and state.bare(SOURCE.replace(was, now, 1)) != state.bare(SOURCE)


def test_what_is_left_of_every_source_of_ours_still_says_the_same():
    folder = os.path.dirname(state.__file__)
    for name in os.listdir(folder):
        if name.endswith('.py'):
            with open(os.path.join(folder, name), encoding='utf-8') as handle:
                source = handle.read()
            assert meaning(ast.parse(state.bare(source))) == meaning(ast.parse(source)), name


def meaning(tree):
    """Return the tree as text, without docstrings."""
    docstrings = set(state._docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(getattr(node, 'body', None), list):
            node.body = [one for one in node.body if one not in docstrings]
    return ast.dump(tree)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'code.py').write_text('A = 1  # one\n')
    (tmp_path / 'limits.yaml').write_text('a: 1  # one\n')
    (tmp_path / 'brief.md').write_text('words')
    (tmp_path / 'sub' / 'more.py').write_text('B = 2\n')
    return tmp_path


def digest(folder, *left_out):
    return state.digest({'task': (str(folder), left_out)})


def test_pages_and_what_is_left_out_do_not_change_the_state_and_everything_else_does(folder):
    first = digest(folder, 'sub')
    for name in ('brief.md', 'sub/more.py', 'code.py'):
        (folder / name).write_text('A = 1  # changed\n')
    assert digest(folder, 'sub') == first
    for name, text in (('code.py', 'A = 2\n'), ('limits.yaml', 'a: 1  # two\n'), ('new.py', '')):
        before = digest(folder, 'sub')
        (folder / name).write_text(text)
        assert digest(folder, 'sub') != before, name
    assert digest(folder) != digest(folder, 'sub')


def test_a_left_out_file_that_was_renamed_is_said(folder):
    with pytest.raises(ValueError, match='expected gone.py'):
        digest(folder, 'gone.py')
    with pytest.raises(ValueError, match='there is none'):
        digest(folder / 'nowhere')


@pytest.mark.parametrize('package, path, counts', (
    ('enpire_tasks', 'push_t/verifier.py', True), ('enpire_tasks', 'push_t/limits.yaml', True),
    ('enpire_tasks', 'types.py', True), ('enpire_tasks', 'push_t/start_policy.py', False),
    ('enpire_research', 'trials/retreat.py', True), ('enpire_research', 'trials/outbox.py', False),
    ('enpire_safety', 'gate/rules/velocity.py', True), ('enpire_safety', 'safety_gate_node.py', False),
    ('enpire_drivers', 'sim/world.py', True), ('enpire_drivers', 'arm/follower.py', True),
    ('enpire_core', 'ticks.py', True), ('enpire_core', 'node.py', False)))
def test_the_state_of_a_study_depends_on_what_moves_and_judges_and_on_nothing_else(
        tmp_path, monkeypatch, package, path, counts):
    task, module = registry.get('push_t'), getattr(state, package)
    before = state.study_state(task, push_t_measure.__file__)
    copy = tmp_path / package
    shutil.copytree(os.path.dirname(module.__file__), copy, ignore=shutil.ignore_patterns('__pycache__'))
    with open(copy / path, 'a', encoding='utf-8') as handle:
        handle.write('\nCHANGED: 1\n')
    monkeypatch.setattr(module, '__file__', str(copy / '__init__.py'))
    if package == 'enpire_tasks':
        task = Moved(task, str(copy / 'push_t'))
    assert (state.study_state(task, push_t_measure.__file__) != before) is counts


class Moved:
    """A task whose folder lies elsewhere."""

    def __init__(self, task, folder):
        self.folder, self.start_policy = folder, os.path.join(folder, os.path.basename(task.start_policy))


def test_what_is_measured_is_part_of_the_state():
    task = registry.get('push_t')
    assert push_t.current_state() == state.study_state(task, push_t_measure.__file__) != state.study_state(task)

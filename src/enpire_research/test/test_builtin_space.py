"""What a policy declares: read without running it, each mistake named with its line, edits that change nothing else."""

import math

import pytest
from enpire_research.agents.builtin import space as spaces
from enpire_research.agents.builtin.edit import EditError, edit
from enpire_research.agents.builtin.space import SpaceError

SOURCE = '''# Größe: °
"""A policy."""
import os
CONTENT_M = 0.005  # how near is near enough, ±
CHOOSE = "by_turns"; pushes = 4
DRIFT: float = -1.5
STEPS = (3)

VARY = {
    'CONTENT_M': {'low': 0.0005, 'high': 0.008, 'log': True, 'helps': ['near', 'beside']},
    'CHOOSE': {'options': ['by_turns', 'planned'], 'helps': ['far'], 'about': 'what to do next'},
    'pushes': {'low': 1, 'high': 9},
    'DRIFT': {'low': -3, 'high': 0.5},
    'STEPS': {'low': 1, 'high': 30, 'when': {'CHOOSE': ['planned']}},
}


def run(robot):
    os.abort()
'''


def problems(source):
    with pytest.raises(SpaceError) as caught:
        spaces.read(source)
    return caught.value.problems


def declared(line, *values):
    """Return the problems of a file that assigns ``values`` and declares ``line``."""
    return problems('\n'.join([*values, 'VARY = {', line, '}']))


def test_a_declaration_is_read_in_its_order_with_the_values_in_force():
    space = spaces.read(SOURCE)
    assert space.values == {'CONTENT_M': 0.005, 'CHOOSE': 'by_turns', 'pushes': 4, 'DRIFT': -1.5, 'STEPS': 3}
    content, choose, pushes = space.knobs[:3]
    assert (content.low, content.high, content.log, content.integer) == (0.0005, 0.008, True, False)
    assert content.helps == ('near', 'beside') and choose.others == ('planned',) and choose.about == 'what to do next'
    assert pushes.integer and not space.knob('DRIFT').integer


def test_a_value_matters_only_with_its_block():
    space = spaces.read(SOURCE)
    assert not space.active('STEPS', space.values)
    assert space.active('STEPS', {**space.values, 'CHOOSE': 'planned'}) and space.active('pushes', space.values)


@pytest.mark.parametrize('source, words', [
    ('', 'declares nothing to vary'), ('VARY = {}', 'at least one name'), ('VARY = make()', 'one literal'),
    ('VARY = {}\nVARY = {}', 'one assignment of VARY, got 2 (lines 1, 2)'), ('def f(:', 'line 1: .*does not parse'),
    ('def f():\n    VARY = {"A": {}}', 'declares nothing to vary'), ('A = 1\0', 'does not parse')])
def test_a_file_without_a_declaration_that_can_be_read_is_refused(source, words):
    with pytest.raises(SpaceError, match=words.replace('(', r'\(').replace(')', r'\)')):
        spaces.read(source)


@pytest.mark.parametrize('line, value, words', [
    ("'A': {'low': 2.0, 'high': 1.0}", 'A = 1.5', "expected 'low' under 'high', got 2.0 and 1.0"),
    ("'A': {'low': 1.0, 'high': 1.0}", 'A = 1.0', "expected 'low' under 'high'"),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 2.0', 'strictly between 0.0 and 1.0, got 2.0'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 0.0', 'strictly between'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 1.0', 'strictly between'),
    ("'A': {'low': 0.0, 'high': 1e999}", 'A = 0.5', "a finite number as 'high'"),
    ("'A': {'low': float('nan'), 'high': 1.0}", 'A = 0.5', "a finite number as 'low', got float('nan')"),
    ("'A': {'low': True, 'high': 5}", 'A = 2', "a finite number as 'low', got True"),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 1e999', 'expected one number or text alone'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = True', 'expected one number or text alone'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 1 / 3', 'expected one number or text alone, as A = 0.5, got 1 / 3'),
    ("'A': {'low': 0.0, 'high': 1.0}", "A = 'x'", "expected a number, as its range is one of numbers, got 'x'"),
    ("'A': {'low': 0.0, 'high': 1.0, 'log': True}", 'A = 0.5', "expected a 'low' above 0 with 'log'"),
    ("'A': {'low': 0.1, 'high': 1.0, 'log': 1}", 'A = 0.5', "True or False as 'log', got 1"),
    ("'A': {'low': 0.5, 'high': 9}", 'A = 3', 'whole bounds for the whole number 3'),
    ("'A': {'low': 1, 'high': 3}", 'A = 2', 'a whole number to try between 1 and 3'),
    ("'A': {'low': 1, 'high': 5}", 'A = 4', None),
    ("'A': {'high': 1.0}", 'A = 0.5', "expected 'low' too"),
    ("'A': {'low': 0.0, 'hihg': 1.0}", 'A = 0.5', "got 'hihg'; the nearest known one is 'high'"),
    ("'A': {'low': 0.0, 'high': 1.0, 'options': ['x', 'y']}", "A = 'x'", "out of options, helps, when, about"),
    ("'A': {}", 'A = 0.5', "expected 'low' and 'high' for a number or 'options'"),
    ("'A': 3", 'A = 0.5', 'got 3'),
    ("'A': {'options': ['x', 3]}", "A = 'x'", "a list of texts as 'options', got 3"),
    ("'A': {'options': 'xy'}", "A = 'x'", "a list of texts as 'options', got 'xy'"),
    ("'A': {'options': ['x', 'y']}", "A = 'z'", "a value out of its options x, y, got 'z'"),
    ("'A': {'options': ['x', 'x']}", "A = 'x'", 'each option once'),
    ("'A': {'options': ['x']}", "A = 'x'", 'two options or more, got 1'),
    ("'A': {'options': ['x', '']}", "A = 'x'", 'printable texts'),
    ("'A': {'options': ['x', 'y'], 'helps': ['beside', 'nere']}", "A = 'x'",
     "got 'nere'; the nearest known one is 'near'"),
    ("'A': {'options': ['x', 'y'], 'when': {'B': ['z']}}", "A = 'x'", "a block that VARY declares before it, got 'B'"),
    ("'A': {'options': ['x', 'y'], 'about': 'a\\nb'}", "A = 'x'", "one line as 'about'"),
    ("'A': {'low': 0.0, 'high': 1.0}", 'B = 0.5', "A: expected an assignment at the top level"),
    ("'A': {'low': 0.0, 'high': 1.0}", 'def f():\n    A = 0.5', 'there is none'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 0.5\nA = 0.6', 'expected one assignment, got 2 (lines 1, 2)'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 0.5\nif A:\n    A = 0.6', 'expected one assignment, got 2 (lines 1, 3)'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 0.5\ndef f():\n    global A\n    A = 1', 'got 2 (lines 1, 4)'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 0.5\nfrom m import B as A', 'got 2 (lines 1, 2)'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = B = 0.5', 'expected one number or text alone'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A, B = 0.5, 1', 'expected one number or text alone'),
    ("'A': {'low': 0.0, 'high': 1.0}", 'A = 0.5\ndef f():\n    A = 1\n    return [A for A in (1, 2)]', None),
])
def test_each_mistake_is_named_with_expected_and_got(line, value, words):
    source = f'{value}\nVARY = {{\n    {line},\n}}'
    if words is None:
        assert spaces.read(source).values['A']
        return
    found = problems(source)
    assert any(words in text for text in found), found
    assert all(text.startswith('line ') and 'expected' in text for text in found)


def test_all_mistakes_are_told_at_once_in_the_order_of_lines():
    found = declared("'A': {'low': 2.0, 'high': 1.0},\n'B': {'options': ['x', 'y'], 'helps': ['fra']},\n'A': {}",
                     'A = 1.5', "B = 'z'")
    assert len(found) == 4
    assert [int(text.split()[1].rstrip(':')) for text in found] == [2, 4, 5, 6]


def test_an_option_that_is_declared_for_later_blocks_only_is_refused():
    found = declared("'B': {'options': ['x', 'y']},\n'A': {'low': 0.0, 'high': 1.0, 'when': {'B': ['z']}}",
                     'A = 0.5', "B = 'x'")
    assert "expected options of B in 'when' out of x, y, got z" in found[0]


def test_values_to_try_are_inside_and_neither_the_middle_nor_the_one_in_force():
    knob = spaces.read(SOURCE).knob('CONTENT_M')
    assert knob.allows(0.001) and knob.allows(0.0049)
    for value in (0.0005, 0.008, 0.005, 0.00425, math.sqrt(0.0005 * 0.008), math.nan, math.inf, -0.001):
        assert not knob.allows(value)


@pytest.mark.parametrize('low, high, value, text', [
    (0.0005, 0.008, 0.00123456, '0.001235'), (0.0, 1.0, 1 / 3, '0.3333'), (100.0, 100.01, 100.00123456, '100.00123')])
def test_numbers_are_written_with_as_many_digits_as_can_be_told_apart(low, high, value, text):
    knob = spaces.read(f'A = {(low * 2 + high) / 3!r}\nVARY = {{"A": {{"low": {low}, "high": {high}}}}}').knob('A')
    assert repr(knob.rounded(value)) == text


def test_places_in_a_range_go_there_and_back():
    for name in ('CONTENT_M', 'DRIFT'):
        knob = spaces.read(SOURCE).knob(name)
        assert [knob.share(knob.at_share(share)) for share in (0.0, 0.3, 1.0)] == pytest.approx([0.0, 0.3, 1.0])
    assert spaces.read(SOURCE).knob('CONTENT_M').at_share(0.5) == pytest.approx(0.002)


@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_an_edit_changes_the_values_and_no_other_byte(end):
    source = SOURCE.replace('\n', end)
    changes = {'CONTENT_M': 0.001235, 'CHOOSE': 'planned', 'pushes': 7, 'DRIFT': -0.25, 'STEPS': 11}
    edited = edit(source, changes)
    assert spaces.read(edited).values == changes
    wanted = source.replace('0.005 ', '0.001235 ').replace('"by_turns"', "'planned'")
    assert edited == wanted.replace('pushes = 4', 'pushes = 7').replace('-1.5', '-0.25').replace('(3)', '(11)')
    assert edit(edited, spaces.read(source).values).replace("'by_turns';", '"by_turns";') == source


def test_an_edit_of_nothing_is_the_file_itself():
    assert edit(SOURCE, {}) == SOURCE


@pytest.mark.parametrize('changes, words', [
    ({'OTHER': 1}, 'expected a name out of CONTENT_M'), ({'CHOOSE': 'random'}, "expected one of by_turns, planned"),
    ({'CONTENT_M': 0.008}, 'strictly between'), ({'CONTENT_M': math.nan}, 'strictly between'),
    ({'CONTENT_M': True}, 'strictly between'), ({'pushes': 2.5}, 'whole number'), ({'DRIFT': 'x'}, 'strictly between')])
def test_an_edit_outside_of_what_is_declared_is_refused(changes, words):
    with pytest.raises(EditError, match=words):
        edit(SOURCE, changes)

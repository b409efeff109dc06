"""A little of what the fuzzer and the script that breaks rules do; both are run longer by hand."""

import importlib.util
import pathlib

import numpy as np
import pytest

from enpire_core.types import JointCommand
from enpire_safety.fuzz import Judge
from enpire_safety.gate import rules

from .helpers import HOME, moved, shipped, state

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / 'scripts'


def script(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_hostile_request_passes_unsafely_and_good_ones_between_them_do():
    fuzz = script('fuzz_gate').Fuzz(shipped(), seed=7)
    for number in range(6):
        fuzz.run(number, 500)
    assert not fuzz.unsafe, fuzz.unsafe[:3]
    assert fuzz.good[1] == fuzz.good[0] == 300 and fuzz.counts['passed'] > 300
    assert len(fuzz.counts) >= 12, 'too few rules were met'


def test_after_a_late_request_without_a_command_a_step_is_measured_from_the_set_point_that_stays_in_force():
    fuzz = script('fuzz_gate').Fuzz(shipped(), seed=6)
    fuzz.run(986, 510)  # a late one, then one of 0.099 m/s from the set-point, 0.101 m/s from where the jaw is
    assert not fuzz.unsafe, fuzz.unsafe


@pytest.mark.parametrize('positions, last, words', [
    (moved(0, np.nan, HOME), None, 'not 14 finite'), (moved(1, 9.0, HOME), None, 'beyond its hard limits'),
    (moved(3, 0.6, HOME), None, 'asked to jump'), (moved(0, 0.2, HOME), HOME, 'of velocity')])
def test_the_judge_sees_what_is_unsafe(positions, last, words):
    command = JointCommand(0, positions, np.zeros(14))
    assert words in Judge(shipped()).unsafe(command, state(0, HOME), last)


def test_the_judge_sees_arms_that_are_too_near():
    near = HOME.copy()
    near[[0, 7]] = -1.2, 1.2
    assert 'beyond their limit' in Judge(shipped()).unsafe(JointCommand(0, near, np.zeros(14)), state(0, near))


def test_every_rule_is_broken_by_the_script_at_least_once():
    broken = {change.what for change in script('break_rules').changes() if change.kind in ('disabled', 'unsaid')}
    assert broken == {rule.name for rule in rules.ALL_RULES}


def test_the_script_changes_something_in_each_of_its_changes():
    import ast
    module = script('break_rules')
    for change in module.changes():
        before, tree = module._tree(change.file), module._tree(change.file)
        change.apply(tree)
        assert ast.unparse(ast.fix_missing_locations(tree)) != ast.unparse(before), change.name

"""Classes of failures, from error codes, scores and what the task allows."""

import math
import os
import re

import pytest
from enpire_research.agents.builtin import failures
from enpire_research.campaign.researcher import Outcome
from enpire_tasks import registry
from enpire_tasks.types import Tolerance

TOLERANCES = (Tolerance('position_error_m', 0.005, 'position'), Tolerance('angle_error_rad', 0.05, 'angle'))


def failed(position=None, angle=None, score=0.8, code=0):
    measured = {name: value for name, value in (('position_error_m', position), ('angle_error_rad', angle))
                if value is not None}
    return Outcome(False, score, 'failed', code, measured)


@pytest.mark.parametrize('outcome, name', [
    (Outcome(True, 0.95), None),
    (failed(0.001, 0.0, code=206), 'crashed'), (failed(code=203, score=0.0), 'crashed'), (failed(code=219), 'crashed'),
    (failed(0.001, 0.0, code=212), 'refused'), (failed(code=213, score=0.0), 'unseen'), (failed(score=0.0), 'unseen'),
    (failed(0.1, 1.0, score=0.49), 'far'), (failed(0.02, 0.04), 'beside'), (failed(0.001, 0.3), 'turned'),
    (failed(0.02, 0.3), 'both'), (failed(0.010, 0.10), 'near'), (failed(0.0049, 0.02), 'near'),
    (failed(0.001, -0.3), 'turned'), (failed(0.02, 0.04, code=211), 'beside')])
def test_a_failure_has_the_class_of_what_was_wrong(outcome, name):
    assert failures.classify(outcome, TOLERANCES) == name


def test_a_task_without_tolerances_knows_far_from_near():
    assert failures.classify(failed(score=0.2), ()) == 'far' and failures.classify(failed(score=0.8), ()) == 'near'


def test_the_histogram_counts_failures_the_most_frequent_first():
    outcomes = [failed(0.1, 1.0, 0.2), failed(0.001, 0.3), failed(0.001, 0.3), Outcome(True, 1.0)]
    assert list(failures.histogram(outcomes, TOLERANCES).items()) == [('turned', 2), ('far', 1)]


def test_a_failure_counts_the_more_the_nearer_it_was_and_never_as_much_as_a_success():
    values = [failures.closeness(outcome, TOLERANCES) for outcome in (
        failed(0.001, 0.0, score=0.9, code=206), failed(0.1, 1.0, 0.3), failed(0.02, 0.04), failed(0.006, 0.04, 0.9),
        Outcome(True, 0.9))]
    assert values[1:] == sorted(values[1:]) and values[-1] == 1.0 and max(values[:-1]) <= 0.5
    assert values[0] < values[3]
    assert failures.value([], TOLERANCES) == 0.0
    assert failures.value([failed(code=213, score=0.0), Outcome(True, 1.0)], TOLERANCES) == 0.5


def test_the_codes_are_those_of_the_action():
    path = os.path.join(os.path.dirname(__file__), '../../enpire_interfaces/action/Rollout.action')
    with open(path, encoding='utf-8') as handle:
        codes = {int(code): name for name, code in re.findall(r'ERROR_(\w+)=(\d+)', handle.read())}
    assert codes[failures.REFUSED_CODE] == 'REFUSED' and codes[failures.UNSEEN_CODE] == 'SCENE_NOT_JUDGED'
    assert {code for code, name in codes.items() if name.startswith('POLICY')} == {*failures.CRASHED_CODES, 211}
    assert codes[211] == 'POLICY_OUTPUT'


def test_push_t_says_what_it_allows_in_what_its_verifier_measures():
    position, angle = registry.get('push_t').tolerances
    assert position == Tolerance('position_error_m', 0.005, 'position')
    assert angle == Tolerance('angle_error_rad', math.radians(3.0), 'angle')


@pytest.mark.parametrize('most, kind', [(0.0, 'position'), (float('nan'), 'angle'), (1.0, 'speed')])
def test_a_tolerance_that_allows_nothing_is_refused(most, kind):
    with pytest.raises(ValueError, match='expected'):
        Tolerance('x', most, kind)

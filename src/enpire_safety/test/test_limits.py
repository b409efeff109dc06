"""Limits files: what is read, what is refused and how the error names it."""

import copy
import pathlib

import numpy as np
import pytest

from enpire_core.joints import JOINT_NAMES
from enpire_safety.gate import limits
from enpire_safety.gate.limits_file import LimitsError, read_yaml

from .helpers import ROBOT, TASK

ROBOT_DATA = read_yaml(ROBOT)


def robot():
    return limits.robot_limits(copy.deepcopy(ROBOT_DATA), str(ROBOT))


def profile(changes):
    return limits.task_limits({'profiles': {'p': changes}}, robot(), 'limits.yaml')['p']


def test_the_robots_limits_hold_for_both_arms_with_the_margin_inside():
    made = robot()
    assert made.hard_lower[0] == made.hard_lower[7] == -2.618
    assert made.soft_lower[0] == pytest.approx(-2.568) and made.soft_upper[13] == 0.096
    assert made.kp[6] == 2000.0 and made.profile == 'robot'


def test_limits_cannot_be_changed_once_made():
    with pytest.raises(ValueError, match='read-only'):
        robot().velocity[0] = 100.0


def test_without_a_task_there_is_one_profile():
    assert list(limits.load(ROBOT)) == ['robot']
    assert list(limits.load(ROBOT, TASK)) == ['rollout', 'reset']


def test_the_robots_file_that_is_shipped_is_read():
    shipped = pathlib.Path(__file__).resolve().parents[2] / 'enpire_description' / 'limits' / 'yam.yaml'
    made = limits.load(shipped)['robot']
    assert (made.soft_lower < made.soft_upper).all() and made.effort[0] == 10.0


def test_a_profile_narrows_by_kind_or_by_full_name_and_the_narrower_wins():
    made = profile({'gripper': {'upper': 0.05}, 'left_gripper': {'upper': 0.004}, 'joint1': {'velocity': 1.0}})
    assert made.soft_upper[6] == 0.004 and made.soft_upper[13] == 0.05
    assert made.velocity[0] == made.velocity[7] == 1.0 and made.velocity[1] == 2.0
    made = profile({'left_gripper': {'upper': 0.05}, 'gripper': {'upper': 0.004}})
    assert made.soft_upper[6] == 0.004
    assert (made.hard_upper == robot().hard_upper).all()


def test_the_hash_tells_limits_apart_and_not_names():
    sets = limits.load(ROBOT, TASK)
    assert sets['reset'].hash == robot().hash != sets['rollout'].hash
    assert profile({'joint1': {'velocity': np.nextafter(2.0, 0.0).item()}}).hash != robot().hash


@pytest.mark.parametrize(
    'name, own, value',
    [('upper', 3.0916, 3.1), ('lower', -2.568, -2.6), ('velocity', 2.0, 2.1), ('effort', 10.0, 10.5)],
)
def test_a_task_that_asks_for_more_than_the_robot_is_refused_with_both_values(name, own, value):
    with pytest.raises(LimitsError) as caught:
        profile({'joint1': {name: value}})
    for part in ('limits.yaml', f'profiles.p.joint1.{name}', str(own)[:6], str(value), 'left_joint1'):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'joint7': {'upper': 1.0}}, ["unknown key 'joint7'", "'joint"]),
        ({'left_griper': {'upper': 0.01}}, ["'left_griper'", "'left_gripper'"]),
        ({'gripper': {'uper': 0.01}}, ["'uper'", "'upper'"]),
        ({'gripper': {'kp': 1.0}}, ["unknown key 'kp'", 'known: lower, upper, velocity, acceleration, jump, effort']),
        ({'gripper': {'upper': float('nan')}}, ['finite number', 'nan']),
        ({'gripper': {'upper': float('-inf')}}, ['finite number', '-inf']),
        ({'gripper': {'upper': '4 mm'}}, ['finite number', "'4 mm'"]),
        ({'gripper': {'upper': True}}, ['finite number', 'True']),
        ({'gripper': {'velocity': 0.0}}, ['more than 0', 'got 0.0']),
        ({'joint1': {'velocity': -1.0}}, ['more than 0', 'got -1.0']),
        ({'joint1': {'lower': 1.0, 'upper': 0.5}}, ['lower < upper', 'left_joint1']),
        ({'gripper': 0.004}, ['expected a mapping', '0.004']),
        (['gripper'], ['expected a mapping']),
    ],
)
def test_a_profile_that_is_wrong_is_refused_and_what_is_wrong_named(changes, words):
    with pytest.raises(LimitsError) as caught:
        profile(changes)
    for word in ('limits.yaml', 'profiles.p', *words):
        assert word in str(caught.value)


def change(*path, to):
    def apply(data):
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to

    return apply


def drop(*path):
    def apply(data):
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return apply


@pytest.mark.parametrize(
    'apply, words',
    [
        (drop('joints', 'joint3'), ['joints', 'joint3 missing']),
        (drop('joints', 'gripper', 'effort'), ['joints.gripper', 'effort missing']),
        (drop('joints'), ['joints missing']),
        (drop('joints', 'joint1', 'source', 'effort'), ['joints.joint1.source', 'effort missing']),
        (change('joints', 'joint1', 'position', to=[0.0]), ['list of 2 numbers']),
        (change('joints', 'joint1', 'position', to={'lower': 0.0}), ['list of 2 numbers']),
        (change('joints', 'gripper', 'unit', to='rad'), ["joints.gripper.unit: expected 'm', got 'rad'"]),
        (change('joints', 'joint1', 'unit', to='deg'), ["expected 'rad', got 'deg'"]),
        (change('joints', 'joint1', 'position', to=[0.0, float('nan')]), ['joints.joint1.position', 'finite number']),
        (change('joints', 'joint1', 'effort', to=float('inf')), ['joints.joint1.effort', 'finite number']),
        (change('joints', 'joint1', 'effort', to=0), ['more than 0']),
        (change('joints', 'joint1', 'velocity', to=-2.0), ['more than 0', '-2.0']),
        (change('joints', 'joint1', 'kd', to=-1.0), ['0 or more']),
        (change('joints', 'joint1', 'soft_margin', to=3.0), ['lower + soft_margin < upper - soft_margin']),
        (change('joints', 'joint1', 'source', 'gains', to=''), ['where the value comes from']),
        (change('joints', 'joint1', 'jerk', to=1.0), ["unknown key 'jerk'"]),
        (change('joints', 'joint8', to={}), ["unknown key 'joint8'"]),
        (change('joints', to=None), ['expected a mapping']),
        (change('limits', to={}), ["unknown key 'limits'"]),
    ],
)
def test_a_robots_file_that_is_wrong_is_refused_and_what_is_wrong_named(apply, words):
    data = copy.deepcopy(ROBOT_DATA)
    apply(data)
    with pytest.raises(LimitsError) as caught:
        limits.robot_limits(data, str(ROBOT))
    for word in ('yam.yaml', *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    'text, words',
    [
        ('profiles:\n  p: {gripper: {upper: 0.004, upper: 0.09}}\n', ["'upper' stands twice", 'line 2']),
        ('profiles: [', ['flow']),
        ('profiles: {? [1] : 2}\n', ['unhashable']),
        ('', ['expected a mapping with profiles']),
        ('profiles: {}\n', ['at least one profile']),
        ('profiles: {1: {}}\n', ['expected names, got 1']),
    ],
)
def test_a_file_that_is_no_limits_file_is_refused_with_its_name(tmp_path, text, words):
    path = tmp_path / 'limits.yaml'
    path.write_text(text)
    with pytest.raises(LimitsError) as caught:
        limits.load(ROBOT, path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_the_names_of_a_profile_may_be_all_fourteen():
    made = profile({name: {'effort': 1.0} for name in JOINT_NAMES})
    assert (made.effort == 1.0).all()

"""Limits of the station's space: what a robot's file must have, and how a profile narrows them."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enpire_safety.gate import limits
from enpire_safety.gate.limits_file import LimitsError, read_yaml

from .helpers import SHIPPED, shipped

DATA = read_yaml(SHIPPED)


def profile(changes, base=None):
    return limits.narrowed(base or shipped(), 'p', changes, 'limits.yaml: profiles.p')


def test_a_profile_narrows_the_box_of_both_tools_or_of_one():
    made = profile({'workspace': {'z': [0.1, 0.4]}, 'right_workspace': {'z': [0.2, 0.3], 'y': [-0.5, 0.0]}}).station
    assert made.box_lower[:, 2].tolist() == [0.1, 0.2] and made.box_upper[:, 2].tolist() == [0.4, 0.3]
    assert made.box_upper[:, 1].tolist() == [0.6, 0.0]


def test_what_must_be_kept_away_from_can_only_become_more():
    lamp = {'from': [0.1, 0.0, 0.5], 'to': [0.1, 0.0, 0.9], 'radius': 0.02}
    made = profile({'keep_out': {'lamp': lamp}}).station
    assert [one.name for one in made.keep_out] == ['top_camera', 'lamp']
    again = profile({'keep_out': {'lamp': lamp}}, profile({'keep_out': {'lamp': lamp}})).station
    assert len(again.keep_out) == 2
    with pytest.raises(LimitsError, match='top_camera: a profile can only narrow'):
        profile({'keep_out': {'top_camera': lamp}})


@pytest.mark.parametrize('changes, words', [
    ({'tool_speed': 1.3}, ['tool_speed', 'at most 1.2 m/s', 'got 1.3']),
    ({'contact_force': 21.0}, ['contact_force', 'at most 20.0 N']),
    ({'contact_force': 0.0}, ['more than 0']),
    ({'table_z': -0.001}, ['table_z', '0.0 m or more', '-0.001']),
    ({'arm_distance': 0.01}, ['arm_distance', '0.02 m or more']),
    ({'workspace': {'z': [0.0, 0.3]}}, ['workspace.z', 'inside 0.004 .. 0.6 m', '0.0 .. 0.3']),
    ({'left_workspace': {'x': [0.3, 0.2]}}, ['left_workspace.x', 'lower < upper']),
    ({'workspace': {'w': [0.0, 0.3]}}, ["unknown key 'w'"]),
    ({'workspace': {'x': [0.0, float('nan')]}}, ['finite number']),
    ({'workspace': {'x': [0.0]}}, ['list of 2 numbers']),
    ({'workspace': {'x': [0.0, 0.1]}, 'left_workspace': {'x': [0.2, 0.3]}},
     ['workspace of the left arm', 'lower < upper']),
    ({'self_distance': 'near'}, ['finite number', "'near'"]),
    ({'keep_out': {'lamp': {'from': [0, 0], 'to': [0, 0, 1], 'radius': 0.1}}}, ['lamp.from', '3 numbers']),
    ({'keep_out': {'lamp': {'from': [0, 0, 0], 'to': [0, 0, 1], 'radius': 0.0}}}, ['lamp.radius', 'more than 0']),
    ({'keep_out': ['lamp']}, ['keep_out', 'mapping'])])
def test_a_space_that_is_wider_or_wrong_is_refused_and_both_values_are_named(changes, words):
    with pytest.raises(LimitsError) as caught:
        profile(changes)
    for word in ('limits.yaml: profiles.p', *words):
        assert word in str(caught.value)


def drop(*path):
    def apply(data):
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]
    return apply


def change(*path, to):
    def apply(data):
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to
    return apply


@pytest.mark.parametrize('apply, words', [
    (drop('station'), 'station missing'), (drop('model'), 'model missing'), (drop('capsules'), 'capsules missing'),
    (drop('station', 'contact_force'), 'station: contact_force missing'),
    (drop('station', 'workspace', 'z'), 'workspace: z missing'),
    (drop('station', 'source', 'table_z'), 'source: table_z'),
    (change('station', 'source', 'arm_distance', to=''), 'where the value comes from'),
    (change('station', 'tool_speed', to=0.0), 'tool_speed: expected more than 0'),
    (change('station', 'self_distance', to=-0.01), 'self_distance: expected 0 or more'),
    (change('station', 'contact_force', to=float('nan')), 'contact_force: expected a finite number'),
    (change('model', to=7), 'model: expected the path of a URDF'), (change('capsules', to={}), 'capsules: expected'),
    (change('capsules', 'link2', to=[]), 'capsules.link2: expected a list'),
    (change('joints', 'joint4', 'measured_velocity', to=6.0), 'could latch the gate'),
    (change('joints', 'joint1', 'jump', to=0.0), 'joint1.jump: expected more than 0')])
def test_a_robots_file_without_a_sound_space_is_refused_and_what_is_wrong_named(apply, words):
    data = copy.deepcopy(DATA)
    apply(data)
    with pytest.raises(LimitsError, match=words):
        limits.robot_limits(data, str(SHIPPED))


def test_the_hash_tells_spaces_and_bodies_apart():
    assert profile({}).hash == shipped().hash
    for changes in ({'tool_speed': 1.0}, {'left_workspace': {'x': [-0.2, 0.6]}}, {'table_z': 0.001}, {'keep_out': {
            'lamp': {'from': [0.0, 0.0, 0.0], 'to': [0.0, 0.0, 1.0], 'radius': 0.1}}}):
        assert profile(changes).hash != shipped().hash
    data = copy.deepcopy(DATA)
    data['capsules']['link5'][0]['radius'] += 0.001
    assert limits.robot_limits(data, str(SHIPPED)).hash != shipped().hash


def test_limits_written_out_are_the_same_limits():
    made = profile({'joint2': {'jump': 0.1}, 'workspace': {'z': [0.1, 0.4]}, 'keep_out': {
        'lamp': {'from': [0.1, 0.0, 0.5], 'to': [0.1, 0.0, 0.9], 'radius': 0.02}}})
    assert profile(limits.as_changes(made)).hash == made.hash


NUMBERS = st.one_of(st.floats(), st.floats(-0.7, 0.7), st.floats(0.0, 25.0))
SPACE = st.dictionaries(
    st.sampled_from(['tool_speed', 'contact_force', 'table_z', 'arm_distance', 'self_distance', 'keep_out_distance']),
    NUMBERS, max_size=3)
BOX = st.dictionaries(st.sampled_from(['workspace', 'left_workspace', 'right_workspace']), st.dictionaries(
    st.sampled_from('xyz'), st.lists(NUMBERS, min_size=2, max_size=2), max_size=2), max_size=2)


@settings(max_examples=300)
@given(SPACE, BOX)
def test_whatever_a_profile_says_of_space_it_is_narrower_or_refused(numbers, boxes):
    own = shipped().station
    try:
        made = profile({**numbers, **boxes}).station
    except LimitsError:
        return
    assert (made.box_lower >= own.box_lower).all() and (made.box_upper <= own.box_upper).all()
    assert (made.box_lower < made.box_upper).all()
    assert 0 < made.tool_speed <= own.tool_speed and 0 < made.contact_force <= own.contact_force
    assert made.table_z >= own.table_z and made.arm_distance >= own.arm_distance
    assert made.self_distance >= own.self_distance and made.keep_out_distance >= own.keep_out_distance

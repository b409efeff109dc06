"""Parameters as a dataclass, without ROS."""

from dataclasses import dataclass

import pytest

from enpire_core.params import (
    ParameterError,
    from_mapping,
    markdown_table,
    parameter,
    replace_table,
    table_in,
    fields_of,
)


@dataclass(frozen=True)
class Example:
    scene: str = parameter(text='folder of the scene')
    state_age_max_s: float = parameter(0.1, 'oldest state', ge=0.01, le=1.0)
    attempts: int = parameter(3, 'tries', unit='1', ge=1, le=8)
    simulated: bool = parameter(True, 'clock of the simulation')
    mode: str = parameter('a', 'how', choices=('a', 'b'))
    profile: str = parameter('640x480x15', 'size and rate', name='top_camera.color_profile')
    names: tuple[str, ...] = parameter(('x',), 'some names')


def test_values_are_taken_by_their_names_on_the_graph():
    made = from_mapping(
        Example, {'scene': 's', 'state_age_max_s': 1, 'top_camera.color_profile': '320x240x10', 'names': ['p', 'q']}
    )
    assert made.state_age_max_s == 1.0 and isinstance(made.state_age_max_s, float)
    assert made.profile == '320x240x10' and made.names == ('p', 'q') and made.attempts == 3


@pytest.mark.parametrize(
    'values, words',
    [
        ({'scene': 's', 'state_age_max': 1.0}, ["unknown parameter 'state_age_max'", "'state_age_max_s'"]),
        ({}, ["'scene' is missing"]),
        ({'scene': 's', 'state_age_max_s': float('nan')}, ['0.01 to 1.0', 'nan']),
        ({'scene': 's', 'state_age_max_s': float('inf')}, ['0.01 to 1.0', 'inf']),
        ({'scene': 's', 'state_age_max_s': 0.0}, ['0.01 to 1.0', '0.0']),
        ({'scene': 's', 'state_age_max_s': '0.1'}, ['expected float', 'str']),
        ({'scene': 's', 'attempts': True}, ['expected int', 'bool']),
        ({'scene': 's', 'attempts': 9}, ['1 to 8', '9']),
        ({'scene': 's', 'simulated': 1}, ['expected bool']),
        ({'scene': 's', 'mode': 'c'}, ["'a', 'b'", "'c'"]),
        ({'scene': 's', 'names': 'p'}, ['expected a list']),
        ({'scene': 's', 'names': ['p', 3]}, ['expected str', '3']),
    ],
)
def test_what_is_wrong_is_refused_and_named(values, words):
    with pytest.raises(ParameterError) as caught:
        from_mapping(Example, values, '/unit0/node')
    for word in ('/unit0/node', *words):
        assert word in str(caught.value)


def test_a_number_without_a_unit_in_its_name_is_refused():
    @dataclass(frozen=True)
    class Bad:
        age: float = parameter(0.1, 'an age')

    with pytest.raises(TypeError, match='Bad.age'):
        fields_of(Bad)


def test_a_name_that_contradicts_its_unit_is_refused():
    @dataclass(frozen=True)
    class Bad:
        age_ms: float = parameter(0.1, 'an age', unit='s')

    with pytest.raises(TypeError, match='_s'):
        fields_of(Bad)


def test_a_rule_between_parameters_is_a_parameter_error():
    @dataclass(frozen=True)
    class Two:
        low_s: float = parameter(0.1, 'low')
        high_s: float = parameter(0.2, 'high')

        def __post_init__(self):
            if not self.low_s <= self.high_s:
                raise ValueError('expected low_s <= high_s')

    with pytest.raises(ParameterError, match='low_s <= high_s'):
        from_mapping(Two, {'low_s': 1.0})


def test_the_table_has_a_row_a_parameter_and_stands_between_its_marks():
    table = markdown_table(Example)
    assert '| `scene` | str | must be given |  | folder of the scene |' in table
    assert '| `state_age_max_s` | float | `0.1` | 0.01 to 1.0 | oldest state |' in table
    assert '`top_camera.color_profile`' in table and '`a`, `b`' in table
    readme = 'a\n<!-- parameters -->\nold\n<!-- end parameters -->\nb\n'
    assert table_in(replace_table(readme, 'parameters', table), 'parameters') == table
    with pytest.raises(ValueError, match='parameters'):
        table_in('no marks', 'parameters')

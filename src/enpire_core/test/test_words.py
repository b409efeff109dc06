"""The nearest known name, and texts that are cut."""

import pytest

from enpire_core.words import CUT, cut, nearest


@pytest.mark.parametrize('text', ['', 'left_joint1', 'x' * CUT])
def test_a_short_text_stays_as_it_is(text):
    assert cut(text) == text


def test_a_long_text_is_cut_and_shows_it():
    assert cut('x' * 5_000_000) == 'x' * CUT + '…' and cut('abcdef', 3) == 'abc…'


def test_the_nearest_known_name_is_named_and_else_all_of_them():
    assert nearest('rolout', ['reset', 'rollout']) == "the nearest known one is 'rollout'"
    assert nearest('xyz', ['reset', 'rollout']) == 'known: reset, rollout' and nearest('a', []) == 'known: none'


def test_a_name_of_megabytes_is_looked_up_like_a_short_one():
    assert nearest('x' * 5_000_000, ['reset']) == 'known: reset'

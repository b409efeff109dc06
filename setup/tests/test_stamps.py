"""What is remembered of stages that are done, begun, or given up."""
from enpire_setup.stamps import Stamps, key_of


def test_a_stage_that_is_done_is_known_by_its_key(tmp_path):
    stamps = Stamps(tmp_path / 'state')
    stamps.begin('build')
    stamps.finish('build', 'abc')
    assert stamps.done('build') == 'abc'
    assert not stamps.interrupted('build')


def test_a_stage_that_was_begun_again_is_no_longer_done(tmp_path):
    stamps = Stamps(tmp_path)
    stamps.begin('build')
    stamps.finish('build', 'abc')
    stamps.begin('build')
    assert stamps.done('build') is None
    assert stamps.interrupted('build')


def test_a_stage_that_gave_up_in_order_is_neither_done_nor_interrupted(tmp_path):
    stamps = Stamps(tmp_path)
    stamps.begin('build')
    stamps.give_up('build')
    assert stamps.done('build') is None
    assert not stamps.interrupted('build')


def test_keys_differ_when_parts_are_cut_elsewhere():
    assert key_of('ab', 'c') != key_of('a', 'bc')
    assert key_of('ab', 'c') == key_of(b'ab', b'c')

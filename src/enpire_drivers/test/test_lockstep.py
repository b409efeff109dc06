"""The book of episodes: who may begin, what silence does, how a broken episode ends."""

import math

import pytest

from enpire_drivers.sim.lockstep import EpisodeError, Lockstep, Mode


def test_an_episode_begins_and_ends():
    book = Lockstep()
    book.begin('t1', 'reset')
    assert book.mode is Mode.LOCKSTEP
    assert book.end('t1') == ''
    assert book.mode is Mode.STANDING


def test_a_second_begin_is_refused_and_names_what_is_under_way():
    book = Lockstep()
    book.begin('t1', 'reset')
    with pytest.raises(EpisodeError, match='reset of trial t1'):
        book.begin('t2', 'rollout')
    assert book.trial_id == 't1'


@pytest.mark.parametrize('trial_id', ['', 'a/b', '../x', 'x' * 65, 'a b', None, 3])
def test_a_trial_id_that_could_not_be_a_file_name_is_refused(trial_id):
    with pytest.raises(EpisodeError, match='trial_id'):
        Lockstep().begin(trial_id, 'reset')


def test_an_unknown_phase_is_refused():
    with pytest.raises(EpisodeError, match='phase'):
        Lockstep().begin('t', 'warmup')


def test_the_end_of_another_trial_is_refused():
    book = Lockstep()
    book.begin('t1', 'reset')
    with pytest.raises(EpisodeError, match="'t1'"):
        book.end('t2')
    assert book.mode is Mode.LOCKSTEP


def test_an_end_without_a_begin_is_refused():
    with pytest.raises(EpisodeError, match='no episode'):
        Lockstep().end('t1')


def test_silence_breaks_the_episode_only_after_its_time():
    book = Lockstep(silence_s=5.0)
    book.begin('t1', 'rollout')
    assert not book.check_silence(100.0)
    assert not book.check_silence(105.0)
    assert book.check_silence(105.1)
    assert book.mode is Mode.FREE_RUN
    assert '5.1 s' in book.broken


def test_signs_of_life_put_the_silence_off():
    book = Lockstep(silence_s=5.0)
    book.begin('t1', 'rollout')
    for wall_s in range(0, 100, 4):
        book.heard(float(wall_s))
        assert not book.check_silence(wall_s + 3.9)


def test_silence_before_the_episode_does_not_count():
    book = Lockstep(silence_s=5.0)
    book.heard(0.0)
    book.begin('t1', 'rollout')
    assert not book.check_silence(1000.0)


@pytest.mark.parametrize('wall_s', [-1.0, math.nan, math.inf])
def test_a_wall_clock_that_cannot_be_trusted_counts_as_silence(wall_s):
    book = Lockstep()
    book.begin('t1', 'rollout')
    book.heard(0.0)
    assert book.check_silence(wall_s)


def test_a_standing_world_is_never_silent():
    assert not Lockstep().check_silence(1e9)


def test_a_free_run_lasts_its_ticks_and_then_the_episode_stays_broken_until_the_next_begin():
    book = Lockstep(free_run_ticks=60)
    book.begin('t1', 'rollout')
    book.break_episode('test')
    assert [book.take_free_tick() for _ in range(62)] == [True] * 60 + [False] * 2
    assert book.mode is Mode.BROKEN
    assert book.end('t1') == 'test'
    assert book.mode is Mode.BROKEN
    book.begin('t2', 'reset')
    assert book.mode is Mode.LOCKSTEP and book.broken == ''


def test_a_broken_episode_that_nobody_ends_does_not_block_the_next():
    book = Lockstep()
    book.begin('t1', 'rollout')
    book.break_episode('server died')
    while book.take_free_tick():
        pass
    book.begin('t2', 'reset')
    assert book.trial_id == 't2'


def test_nothing_begins_during_a_free_run():
    book = Lockstep()
    book.begin('t1', 'rollout')
    book.break_episode('test')
    with pytest.raises(EpisodeError, match='60 ticks'):
        book.begin('t2', 'reset')


def test_a_broken_episode_may_end_while_the_world_still_runs():
    book = Lockstep()
    book.begin('t1', 'rollout')
    book.break_episode('test')
    assert book.end('t1') == 'test'
    assert book.mode is Mode.FREE_RUN


@pytest.mark.parametrize('silence_s', [0, -1, 0.05, 61, math.nan, math.inf])
def test_the_silence_cannot_be_switched_off(silence_s):
    with pytest.raises(ValueError, match='silence_s'):
        Lockstep(silence_s=silence_s)


def test_a_free_run_is_at_least_two_simulated_seconds():
    with pytest.raises(ValueError, match='free_run_ticks'):
        Lockstep(free_run_ticks=59)


def test_an_end_for_a_fault_breaks_the_episode_and_the_world_runs_freely():
    book = Lockstep(free_run_ticks=60)
    book.begin('t1', 'rollout')
    assert book.end('t1', 'the gate latched') == 'the gate latched'
    assert (book.mode, book.trial_id, book.phase) == (Mode.FREE_RUN, '', '')
    with pytest.raises(EpisodeError, match='the gate latched; 60 ticks'):
        book.begin('t2', 'reset')
    with pytest.raises(EpisodeError, match='no episode'):
        book.end('t1', 'again')
    assert [book.take_free_tick() for _ in range(61)] == [True] * 60 + [False]
    book.begin('t2', 'reset')
    assert book.mode is Mode.LOCKSTEP and book.broken == ''


def test_what_broke_an_episode_first_stays_the_reason_though_its_end_names_another():
    book = Lockstep()
    book.begin('t1', 'rollout')
    book.break_episode('silence')
    assert book.take_free_tick()
    assert book.end('t1', 'cancelled') == 'silence'
    assert book.mode is Mode.FREE_RUN and book.free_ticks_left == 59


def test_an_end_for_a_fault_of_another_trial_changes_nothing():
    book = Lockstep()
    book.begin('t1', 'rollout')
    with pytest.raises(EpisodeError, match="'t1'"):
        book.end('t2', 'a fault')
    assert book.mode is Mode.LOCKSTEP and book.broken == ''


@pytest.mark.parametrize('before', ['standing', 'lockstep', 'free run', 'broken'])
def test_the_world_can_be_let_run_freely_from_any_mode_and_what_broke_an_episode_stays(before):
    book = Lockstep()
    if before != 'standing':
        book.begin('t', 'rollout')
    if before in ('free run', 'broken'):
        book.break_episode('silence')
    for _ in range({'free run': 50, 'broken': 60}.get(before, 0)):
        book.take_free_tick()
    book.run_freely('the power was cut')
    assert book.mode is Mode.FREE_RUN and book.free_ticks_left == 60
    with pytest.raises(EpisodeError, match='runs freely after: the power was cut|under way'):
        book.check_begin('next', 'reset')
    while book.take_free_tick():
        continue
    broken = {'standing': '', 'lockstep': 'the power was cut'}.get(before, 'silence')
    assert book.broken == broken and book.mode is (Mode.BROKEN if broken else Mode.STANDING)
    book.begin('next', 'reset')

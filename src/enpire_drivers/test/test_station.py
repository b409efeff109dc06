"""The station: commands move it by one tick, looking doesn't, silence lets it run and hold."""

import numpy as np
import pytest
from fake_world import PROFILES, FakeWorld, make_station

from enpire_core.ticks import TICK_S, tick_to_ns
from enpire_core.types import JointCommand
from enpire_drivers.sim.station import CommandRefused, EpisodeError, Mode, StationBroken


def command(station, offset=0.01):
    state = station.observe()
    return JointCommand(state.stamp_ns, state.positions + offset, np.zeros(14))


def run(station, ticks, look=()):
    for tick in range(ticks):
        station.command(command(station, 0.02 * np.sin(tick)))
        for camera in look:
            station.frame(camera, depth=tick % 2 == 0)


def test_a_command_with_the_right_stamp_moves_the_world_by_one_tick():
    station = make_station()
    station.begin('t', 'reset')
    state = station.command(command(station))
    assert station.tick == 1 and state.stamp_ns == tick_to_ns(1) == station.stamp_ns
    assert state is station.observe()
    assert station.world.ticks == 1


def test_what_a_station_shows_to_everybody_can_not_be_written_into():
    station = make_station()
    station.begin('t', 'reset')
    frame = station.frame('top_camera', depth=True)
    for state in (station.observe(), station.command(command(station))):
        for values in (state.positions, state.velocities, state.efforts, frame.color, frame.depth):
            with pytest.raises(ValueError, match='read-only'):
                values[0] = 0


def test_a_command_with_another_stamp_moves_nothing():
    station = make_station()
    station.begin('t', 'reset')
    answered = command(station)
    station.command(answered)
    before = station.digest()
    for late in (answered, JointCommand(tick_to_ns(2), answered.positions, answered.efforts)):
        with pytest.raises(CommandRefused, match='stamp'):
            station.command(late)
    assert station.digest() == before and station.world.ticks == 1


def test_objects_are_put_back_only_inside_the_episode_of_a_reset():
    station = make_station()
    for begin in (lambda: None, lambda: station.begin('t', 'rollout')):
        begin()
        with pytest.raises(EpisodeError, match='inside the episode of a reset'):
            station.put_back()
    station.end('t')
    station.begin('t', 'reset')
    station.put_back()
    assert station.world.put_backs == 1 and station.tick == 0


def test_objects_are_put_back_once_in_an_episode_however_often_it_is_asked_for():
    station = make_station()
    for episode in (1, 2):
        station.begin('t', 'reset')
        for _ in range(3):
            station.put_back()
            station.command(command(station))
        assert station.world.put_backs == episode
        station.end('t')


def test_a_command_outside_an_episode_moves_nothing():
    station = make_station()
    with pytest.raises(CommandRefused, match='begin an episode'):
        station.command(command(station))
    station.begin('t', 'reset')
    station.end('t')
    with pytest.raises(CommandRefused, match='begin an episode'):
        station.command(command(station))
    assert station.world.ticks == 0


def test_a_nan_in_a_command_moves_nothing():
    station = make_station()
    station.begin('t', 'reset')
    bad = command(station)
    bad.positions[4] = np.nan
    with pytest.raises(CommandRefused, match='left_joint5'):
        station.command(bad)
    assert station.world.ticks == 0


def test_the_clock_stands_still_between_episodes():
    station = make_station()
    station.begin('a', 'reset')
    run(station, 5)
    end = station.end('a')
    assert station.free_tick() is None and not station.check_silence(1e9)
    start = station.begin('a', 'rollout')
    assert (start.stamp_ns, start.digest) == (end.stamp_ns, end.digest)


def test_silence_lets_the_world_run_for_two_seconds_and_hold_within_a_tenth():
    station = make_station()
    station.begin('t', 'rollout')
    run(station, 10)
    station.command(command(station, 0.2))
    last_command_tick = station.tick - 1
    station.heard(0.0)
    assert not station.check_silence(4.9)
    assert station.check_silence(5.1)
    holding_since, ticks = None, 0
    while station.free_tick() is not None:
        ticks += 1
        if station.holding and holding_since is None:
            holding_since = station.tick - 1
            setpoints, velocities, feedforward = station.world.last
            assert not velocities.any() and not feedforward.any()
            assert np.ptp(setpoints, axis=0).max() == 0
    assert ticks == 60 and station.mode is Mode.BROKEN
    assert (holding_since - last_command_tick) * TICK_S <= 0.1 + 1e-9
    assert np.abs(station.observe().velocities).max() < 1e-6
    end = station.end('t')
    assert 'no command and no sign of life' in end.broken


def test_an_end_for_a_fault_lets_the_world_run_and_hold_and_the_next_episode_begins_after_it():
    station = make_station()
    station.begin('t', 'rollout')
    run(station, 5)
    station.command(command(station, 0.2))
    end = station.end('t', 'the safety gate latched')
    assert (end.broken, end.stamp_ns) == ('the safety gate latched', tick_to_ns(6))
    assert station.mode is Mode.FREE_RUN and station.broken == 'the safety gate latched'
    assert station.episode == ('', '') and not station.holding
    with pytest.raises(EpisodeError, match='the safety gate latched'):
        station.begin('u', 'reset')
    ticks = 0
    while station.free_tick() is not None:
        ticks += 1
    assert ticks == 60 and station.holding and station.mode is Mode.BROKEN
    station.begin('u', 'reset')
    assert station.broken == '' and station.end('u').broken == ''


def test_a_keep_alive_is_not_silence():
    station = make_station()
    station.begin('t', 'rollout')
    for wall_s in np.arange(0.0, 60.0, 0.5):
        station.heard(wall_s)
        assert not station.check_silence(wall_s + 0.4)
    assert station.mode is Mode.LOCKSTEP and station.tick == 0


def test_commands_are_not_taken_during_a_free_run():
    station = make_station()
    station.begin('t', 'rollout')
    station.break_episode('test')
    with pytest.raises(CommandRefused, match='free run'):
        station.command(command(station))


def test_a_second_begin_leaves_no_record(tmp_path):
    station = make_station(tmp_path)
    start = station.begin('t', 'rollout')
    with pytest.raises(EpisodeError):
        station.begin('u', 'reset')
    assert [p.name for p in (tmp_path / 'records').iterdir()] == [start.record]


def test_physics_that_fails_breaks_the_episode_and_nothing_begins_after_it():
    station = make_station(make_world=lambda parameters: FakeWorld(parameters, fail_at=3))
    station.begin('t', 'rollout')
    run(station, 2)
    with pytest.raises(StationBroken, match='physics fell over'):
        station.command(command(station))
    assert station.mode is Mode.BROKEN and 'physics fell over' in station.end('t').broken
    with pytest.raises(StationBroken, match='start the station anew'):
        station.begin('u', 'reset')


def test_physics_that_turns_into_nan_breaks_the_episode():
    station = make_station()
    station.begin('t', 'rollout')
    station.world.x[0] = np.nan
    good = JointCommand(0, np.zeros(14), np.zeros(14))
    with pytest.raises(StationBroken, match='finite'):
        station.command(good)


def test_a_frame_has_the_stamp_of_the_latest_multiple_of_its_cameras_period():
    station = make_station()
    station.begin('t', 'rollout')
    for _ in range(7):
        run(station, 1)
        for camera, profile in PROFILES.items():
            newest = station.tick // profile.period_ticks * profile.period_ticks
            assert station.frame_stamp(camera) == tick_to_ns(newest)
            assert station.frame(camera).stamp_ns == tick_to_ns(newest)


def test_a_frame_shows_the_world_at_its_stamp_and_not_when_it_was_asked_for():
    early, late = make_station(), make_station()
    for station in (early, late):
        station.begin('t', 'rollout')
        run(station, 3)
    shown = early.frame('left_wrist_camera')
    run(early, 2)
    run(late, 2)
    assert np.array_equal(late.frame('left_wrist_camera').color, shown.color)


def test_a_frame_is_rendered_only_when_asked_for_and_once():
    station = make_station()
    station.begin('t', 'rollout')
    run(station, 10)
    assert station.world.renders == 0
    assert station.frame('top_camera') is station.frame('top_camera')
    assert station.world.renders == 1


def test_looking_changes_nothing():
    blind, looking = make_station(), make_station()
    for station, look in ((blind, ()), (looking, tuple(PROFILES))):
        station.begin('t', 'rollout')
        run(station, 31, look)
    assert looking.world.renders > 0 == blind.world.renders
    assert blind.digest() == looking.digest()
    assert np.array_equal(blind.frame('top_camera').color, looking.frame('top_camera').color)


def test_depth_comes_only_when_asked_for():
    station = make_station()
    assert station.frame('top_camera').depth is None
    assert station.frame('top_camera', depth=True).depth.shape == (24, 32)


def test_an_unknown_camera_is_refused_and_the_known_ones_named():
    station = make_station()
    for ask in (station.frame, station.frame_stamp, station.camera_info):
        with pytest.raises(ValueError, match='left_wrist_camera, top_camera'):
            ask('topcamera')


def test_the_digest_tells_follower_tick_and_world_apart():
    digests = set()
    for change in ('none', 'world', 'follower', 'tick'):
        station = make_station()
        if change == 'world':
            station.world.x[0] += 1e-12
        elif change == 'follower':
            station._follower.hold(station.observe().positions + 1e-9)
        elif change == 'tick':
            station.tick = 1
        digests.add(station.digest())
    assert len(digests) == 4

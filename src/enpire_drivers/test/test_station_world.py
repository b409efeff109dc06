"""The station on the real world: a replay has the same bits, and looking changes none."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from bench_station import block_scene

from enpire_core.types import JointCommand
from enpire_drivers.sim import records
from enpire_drivers.sim.scene import SceneError, load_scene, write_scene
from enpire_drivers.sim.station import CommandRefused, Mode, open_station

SMALL = {'top_camera': '64x48x15', 'left_wrist_camera': '32x24x10', 'right_wrist_camera': '32x24x6'}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A scene with a block, written once."""
    path = tmp_path_factory.mktemp('scene')
    write_scene(str(path), block_scene())
    return str(path)


def drive(station, ticks, look=(), seed=5):
    """Move ``station`` smoothly at random; return the SHA-256 of all it measured."""
    random = np.random.default_rng(seed)
    target = station.observe().positions.copy()
    digest = hashlib.sha256()
    for tick in range(ticks):
        target = target + random.normal(0, 0.005, 14)
        state = station.command(JointCommand(station.stamp_ns, target, np.zeros(14)))
        for values in (state.positions, state.velocities, state.efforts):
            digest.update(values.tobytes())
        for camera in look:
            station.frame(camera, depth=tick % 3 == 0)
    return digest.hexdigest()


@pytest.mark.parametrize('field', ['positions', 'efforts'])
@pytest.mark.parametrize('value', [1e11, 1e308, -1e308])
def test_an_absurd_command_moves_nothing_and_the_episode_goes_on(folder, field, value):
    station = open_station(folder, 'unit0', 1, SMALL)
    station.begin('t', 'rollout')
    drive(station, 2)
    before, held = station.digest(), station.observe().positions
    command = {'positions': held.copy(), 'efforts': np.zeros(14)}
    command[field][8] = value
    with pytest.raises(CommandRefused, match='right_joint2'):
        station.command(JointCommand(station.stamp_ns, **command))
    assert station.digest() == before and station.mode is Mode.LOCKSTEP
    state = station.command(JointCommand(station.stamp_ns, held, np.zeros(14)))
    assert np.abs(state.positions - held).max() < 0.01


def test_looking_changes_nothing_in_the_real_world(folder):
    digests = []
    for look in ((), ('top_camera', 'left_wrist_camera')):
        station = open_station(folder, 'unit0', 1, SMALL)
        station.begin('t', 'rollout')
        digests.append((drive(station, 40, look), station.end('t').digest))
        station.close()
    assert digests[0] == digests[1]


def test_a_frame_has_the_same_pixels_with_and_without_depth_and_after_a_reset(folder):
    station = open_station(folder, 'unit0', 1, SMALL)
    plain = station.frame('top_camera')
    station.reset_camera('top_camera')
    deep = station.frame('top_camera', depth=True)
    assert plain is not deep and np.array_equal(plain.color, deep.color)
    assert deep.depth.max() > 0
    station.close()


def record_and_go_on(folder, tmp_path, ticks=40):
    """Return (path of a record of unit1 inside a trial, SHA-256 of what came after, digest after)."""
    station = open_station(folder, 'unit1', 7, SMALL, records_folder=str(tmp_path))
    station.begin('t', 'reset')
    drive(station, 25, seed=1)
    station.end('t')
    start = station.begin('t', 'rollout')
    measured = drive(station, ticks)
    shown = station.frame('left_wrist_camera').color.tobytes()
    measured += hashlib.sha256(shown).hexdigest()
    digest = station.end('t').digest
    station.close()
    return os.path.join(str(tmp_path), start.record), measured, digest


def replay(folder, path, ticks=40):
    """Return what record_and_go_on measured, from the record, in a station of another unit."""
    station = open_station(folder, 'unit0', 1, SMALL)
    station.restore(path)
    station.begin('again', 'rollout')
    measured = drive(station, ticks)
    measured += hashlib.sha256(station.frame('left_wrist_camera').color.tobytes()).hexdigest()
    digest = station.end('again').digest
    station.close()
    return measured, digest


def test_a_replay_in_a_station_of_another_unit_has_the_same_bits(folder, tmp_path):
    path, measured, digest = record_and_go_on(folder, tmp_path)
    assert replay(folder, path) == (measured, digest)


def test_a_replay_in_another_process_has_the_same_bits_in_the_real_world(folder, tmp_path):
    path, measured, digest = record_and_go_on(folder, tmp_path)
    code = ('import sys; sys.path.insert(0, sys.argv[1])\n'
            'from test_station_world import replay; print(*replay(sys.argv[2], sys.argv[3]))\n')
    done = subprocess.run([sys.executable, '-c', code, os.path.dirname(__file__), folder, path],
                          check=True, capture_output=True, text=True, timeout=120,
                          env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    assert done.stdout.split() == [measured, digest]


def test_a_record_shows_the_frame_from_before_it(folder, tmp_path):
    station = open_station(folder, 'unit0', 1, SMALL, records_folder=str(tmp_path))
    station.begin('t', 'reset')
    drive(station, 7)
    station.end('t')
    start = station.begin('t', 'rollout')
    shown = station.frame('right_wrist_camera')
    other = open_station(folder, 'unit0', 1, SMALL)
    other.restore(os.path.join(str(tmp_path), start.record))
    again = other.frame('right_wrist_camera')
    assert station.tick == 7 and shown.stamp_ns < station.stamp_ns
    assert again.stamp_ns == shown.stamp_ns and np.array_equal(again.color, shown.color)
    station.close()
    other.close()


def test_two_units_of_a_lab_differ_and_the_same_unit_does_not(folder):
    digests = [open_station(folder, unit, 1, SMALL).parameters for unit in ('unit0', 'unit0', 'unit1')]
    assert digests[0] == digests[1] != digests[2]


def test_a_record_of_another_scene_is_refused_by_the_real_station(folder, tmp_path):
    path, _, _ = record_and_go_on(folder, tmp_path, ticks=1)
    write_scene(str(tmp_path / 'other'), block_scene(position=(0.3, 0.05, 0.025)))
    with pytest.raises(records.RecordError, match='scene'):
        open_station(str(tmp_path / 'other'), 'unit1', 7, SMALL).restore(path)


def test_a_missing_scene_is_named(tmp_path):
    with pytest.raises(SceneError, match='nowhere'):
        open_station(str(tmp_path / 'nowhere'), 'unit0', 1)


def test_an_unknown_camera_in_the_profiles_is_refused(folder):
    with pytest.raises(ValueError, match='topcamera'):
        open_station(load_scene(folder), 'unit0', 1, {'topcamera': '64x48x15'})


def test_arms_that_lose_their_command_at_full_speed_hold_within_two_seconds(folder):
    """The lab's fastest motion, 2 rad/s, is cut off: how far do the arms go on, do they rest?"""
    station = open_station(folder, 'unit0', 1, SMALL)
    station.begin('t', 'rollout')
    target = station.observe().positions.copy()
    for _ in range(12):
        target[[0, 1, 7, 8]] += 2.0 / 30
        station.command(JointCommand(station.stamp_ns, target, np.zeros(14)))
    at_cut = station.observe().positions
    station.break_episode('test')
    path = []
    while station.free_tick() is not None:
        path.append(station.observe().positions)
    path = np.array(path)
    assert len(path) == 60 and station.holding
    # A joint trails its set-point by up to 0.07 rad, and makes up for no more than that before it holds.
    assert np.abs(path - at_cut).max() < 0.1
    assert np.abs(station.observe().velocities).max() < 0.02
    assert np.abs(path[-1] - path[-10]).max() < 0.002
    station.close()

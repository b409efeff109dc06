"""State as bytes: what was saved and restored goes on with the same bits. No ROS."""

import subprocess
import sys

import numpy as np
import pytest
from bench_station import Mover, block_scene, make_world

from enpire_drivers.sim.engine import mujoco
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.world import _WARNINGS, PhysicsError, World

STATION = StationParameters.draw(3, 'unit1')


def push_on(world, ticks):
    """Drive the world by commands that depend on the tick only; a busy scene with contact."""
    rest = np.array([0.0, 1.9, 1.6, -1.3, 0.0, 0.0, 0.01] * 2)
    for tick in range(ticks):
        phase = (np.arange(16)[:, None] + 16 * tick) / 480
        wave = np.sin(2 * np.pi * phase * np.linspace(0.3, 0.7, 14))
        rows = rest + wave * np.array([0.1] * 6 + [0.005] + [0.1] * 6 + [0.005])
        world.step_tick(rows, np.zeros((16, 14)), np.zeros(14))


@pytest.fixture(scope='module')
def scene():
    return build_scene(block_scene((0.30, 0.27, 0.025)))


def test_a_restored_world_goes_on_with_the_same_bits(scene):
    world = World(scene, STATION)
    push_on(world, 40)
    saved = world.state_bytes()
    push_on(world, 20)
    end, state = world.digest(), world.joint_state(0)

    world.restore_bytes(saved)
    assert world.state_bytes() == saved
    push_on(world, 20)
    assert world.digest() == end

    other = World(scene, STATION)
    other.restore_bytes(saved)
    push_on(other, 20)
    assert other.digest() == end
    for name in ('positions', 'velocities', 'efforts'):
        np.testing.assert_array_equal(getattr(other.joint_state(0), name), getattr(state, name))


def test_what_is_measured_is_restored_with_the_state(scene):
    world = World(scene, STATION)
    push_on(world, 10)
    saved, state = world.state_bytes(), world.joint_state(5)
    other = World(scene, STATION)
    other.restore_bytes(saved)
    np.testing.assert_array_equal(other.joint_state(5).efforts, state.efforts)
    np.testing.assert_array_equal(other.joint_state(5).positions, state.positions)
    assert other.snapshot() == world.snapshot()
    assert other._data.time == world._data.time == 10 / 30


def test_a_world_in_another_process_has_the_same_bits(scene, tmp_path):
    world = World(scene, STATION)
    push_on(world, 30)
    saved = tmp_path / 'state'
    saved.write_bytes(world.state_bytes())
    push_on(world, 15)
    code = ('import sys; sys.path[:0] = sys.argv[2:]\n'
            'from test_world_state import STATION, push_on\nfrom bench_station import block_scene\n'
            'from enpire_drivers.sim.scene import build_scene\nfrom enpire_drivers.sim.world import World\n'
            'scene = build_scene(block_scene((0.30, 0.27, 0.025)))\n'
            'world = World(scene, STATION); world.restore_bytes(open(sys.argv[1], "rb").read())\n'
            'push_on(world, 15); print(world.digest())\n'
            'world = World(scene, STATION); push_on(world, 30); push_on(world, 15); print(world.digest())')
    done = subprocess.run([sys.executable, '-c', code, str(saved), *sys.path], capture_output=True, text=True,
                          timeout=120)
    assert done.stdout.split() == [world.digest()] * 2, done.stderr


def test_looking_changes_nothing(scene):
    seen, unseen = World(scene, STATION), World(scene, STATION)
    for world in (seen, unseen):
        for _ in range(10):
            push_on(world, 1)
            if world is seen:
                world.tool_pose('left')
                world.object_pose('block')
                world.digest()
                world.camera_info('top_camera', 64, 48)
    assert seen.state_bytes() == unseen.state_bytes()


@pytest.mark.parametrize('change', [lambda b: b[:-8], lambda b: b + b'\0' * 8, lambda b: b'X' + b[1:], lambda b: b''])
def test_bytes_of_another_form_are_refused_and_change_nothing(scene, change):
    world = World(scene, STATION)
    before = world.state_bytes()
    with pytest.raises(ValueError, match='state of a world: expected'):
        world.restore_bytes(change(before))
    assert world.state_bytes() == before


def test_a_record_with_numbers_that_are_none_is_told_from_a_good_one(scene):
    world = World(scene, STATION)
    state, snapshot = world.state_bytes(), world.snapshot()
    world.check_record(state, [snapshot])
    nan = np.array([np.nan]).tobytes()
    for wrong in ((state[:-8] + nan, [snapshot]), (state, [snapshot, nan + snapshot[8:]]), (state[:-8], []),
                  (state, [snapshot[:-8]]), (state, [snapshot[:-3]])):
        with pytest.raises(ValueError, match='expected'):
            world.check_record(*wrong)
    assert world.state_bytes() == state


def test_a_world_that_diverges_says_so():
    world = make_world()
    world._data.qvel[:] = 1e12
    with pytest.raises(PhysicsError, match='diverged'):
        for _ in range(5):
            Mover(world).hold(1)


@pytest.mark.parametrize('value', [1e11, 1e308])
def test_a_control_value_that_mujoco_would_drop_is_a_fault_of_its_own_name(value):
    world = make_world()
    rows = np.tile(world.joint_state(0).positions, (16, 1))
    rows[:, 2] = value
    with pytest.raises(PhysicsError, match='control value is out of bounds'):
        world.step_tick(rows, np.zeros((16, 14)), np.zeros(14))


def test_every_warning_of_mujoco_is_a_fault_and_has_a_text():
    kinds = [kind for kind in mujoco.mjtWarning.__members__.values() if kind != mujoco.mjtWarning.mjNWARNING]
    assert len(kinds) == len(make_world()._data.warning.number)
    for kind in kinds:
        mover = Mover(make_world())
        mover.world._data.warning[kind].number = 1
        with pytest.raises(PhysicsError, match=_WARNINGS[kind]):
            mover.hold(1)


def test_state_bytes_tell_positions_and_stations_apart(scene):
    one, other = World(scene, STATION), World(scene, STATION)
    assert one.digest() == other.digest()
    push_on(other, 1)
    assert one.digest() != other.digest()

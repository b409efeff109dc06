"""A station whose power is cut: limp, deaf to commands, and back only at rest and without a jump."""

import dataclasses
import importlib.util
import pathlib

import numpy as np
import pytest
from bench_station import block_scene
from fake_world import FakeWorld, make_station

from enpire_core.joints import ARMS, JOINT_NAMES
from enpire_core.params import table_in
from enpire_core.types import JointCommand
from enpire_drivers.arm.power import PowerError
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.station import CommandRefused, EpisodeError, Mode, open_station
from enpire_drivers.sim.switch import SimSwitch

ARM_JOINTS = [index for index, name in enumerate(JOINT_NAMES) if 'gripper' not in name]


def command(station, offset=0.0):
    state = station.observe()
    return JointCommand(state.stamp_ns, state.positions + offset, np.zeros(14))


def run_out(station):
    """Let the free run go to its end; return the joint states."""
    states = []
    while (state := station.free_tick()) is not None:
        states.append(state)
    return states


@pytest.fixture(scope='module')
def scene():
    out = {f'{arm}_joint{joint}': (value,) for arm in ARMS for joint, value in ((2, 1.48), (3, 1.47), (4, -1.56))}
    return build_scene(dataclasses.replace(block_scene(), initial_qpos={**block_scene().initial_qpos, **out}))


# ---- the book ----------------------------------------------------------------------------------
def test_a_cut_breaks_the_episode_and_no_command_moves_anything_until_power_is_back():
    station = make_station()
    station.begin('t', 'rollout')
    station.command(command(station, 0.01))
    station.cut_power('an operator asked for it')
    assert station.mode is Mode.FREE_RUN and not station.world.power
    with pytest.raises(CommandRefused):
        station.command(command(station))
    assert station.end('t').broken == "the motors' power was cut: an operator asked for it"
    run_out(station)
    with pytest.raises(EpisodeError, match='power.*an operator asked for it.*enpire power --restore'):
        station.begin('next', 'reset')
    station.restore_power()
    assert station.world.power and station.holding and not station.power_cut
    run_out(station)
    station.begin('next', 'reset')


@pytest.mark.parametrize('mode', ['standing', 'free run', 'broken'])
def test_a_cut_lets_the_world_run_whatever_it_did_before(mode):
    station = make_station()
    if mode != 'standing':
        station.begin('t', 'reset')
        station.break_episode('silence')
        for _ in range(50 if mode == 'free run' else 60):
            station.free_tick()
    assert station.mode.value.startswith(mode)
    station.cut_power('smoke')
    assert len(run_out(station)) == 60
    # What broke an episode before stays the reason.
    assert mode == 'standing' or station.end('t').broken == 'silence'


def test_arms_that_move_keep_their_power_away_and_time_passes_for_them():
    station = make_station()
    station.world.push = 0.06
    station.cut_power('smoke')
    run_out(station)
    with pytest.raises(PowerError, match='expected the arms at rest.*slower than'):
        station.restore_power()
    assert station.power_cut and not station.world.power and station.mode is Mode.FREE_RUN
    station.world.push = 0.004
    assert len(run_out(station)) == 60
    station.restore_power()
    assert station.world.power


def test_power_comes_back_into_a_hold_where_the_lifted_joints_are_measured():
    station = make_station(offset=0.02)
    first = station.observe().positions
    station.begin('t', 'rollout')
    for _ in range(3):
        station.command(command(station, 0.05))
    station.cut_power('smoke')
    run_out(station)
    station.restore_power()
    assert (station.observe().positions == first).all() and not station.observe().positions.flags.writeable
    station.free_tick()
    setpoints, velocities, feedforward = station.world.last
    assert (setpoints == first).all() and not velocities.any() and not feedforward.any()


def test_twice_is_fine_and_the_first_reason_stays():
    station = make_station()
    station.restore_power()
    assert station.mode is Mode.STANDING
    station.cut_power('smoke')
    station.cut_power('fire')
    assert station.power_cut == 'smoke'


def test_a_state_can_not_be_restored_without_power(tmp_path):
    station = make_station(tmp_path)
    start = station.begin('t', 'reset')
    station.end('t')
    station.cut_power('smoke')
    run_out(station)
    with pytest.raises(EpisodeError, match='power'):
        station.restore(str(tmp_path / 'records' / start.record))


def test_a_station_whose_joints_run_away_while_it_holds_cuts_its_power_by_itself():
    class Runaway(FakeWorld):
        def step_tick(self, *args):
            super().step_tick(*args)
            self.v = np.full(14, 7.0) if self.ticks > 10 else self.v
    station = make_station(make_world=Runaway)
    station.begin('t', 'rollout')
    for _ in range(30):  # commanded: the gate's matter
        station.command(command(station))
    assert not station.power_cut
    station.break_episode('the gate latched')
    moved = len(run_out(station))
    assert station.power_cut.startswith('runaway') and not station.world.power
    # 0.1 s until the driver holds, 0.2 s in which holding has no effect; then it runs on for 2 s, limp.
    assert 60 + 9 <= moved <= 60 + 12


def test_a_world_in_which_physics_failed_is_not_moved_by_a_cut():
    station = make_station()
    station.begin('t', 'rollout')
    station.world.fail_at = 1
    with pytest.raises(RuntimeError):
        station.command(command(station))
    station.cut_power('smoke')
    assert station.free_tick() is None and station.power_cut


def test_the_switch_of_a_simulated_station_cuts_and_restores_at_once():
    station = make_station()
    switch = SimSwitch(station)
    switch.ask(False, 'smoke', 0.0)
    assert switch.done(0.0) and station.power_cut == 'smoke'
    switch.ask(True, 'smoke', 0.0)
    assert switch.done(0.0) and not station.power_cut


# ---- the physics -------------------------------------------------------------------------------
def test_limp_arms_fall_freely_at_first_and_lie_still_in_the_end(scene):
    station = open_station(scene, 'unit0', 1)
    high = {arm: station.world.tool_pose(arm)[0][2] for arm in ARMS}
    station.cut_power('smoke')
    states = run_out(station)
    for state in states:
        assert not state.efforts.any(), 'a motor without power pushes'
    # Gravity alone: the elbows gain about 0.9 rad/s in a tick, and as much in the next one.
    speeds = [np.abs(state.velocities[[2, 9]]).min() for state in states[:3]]
    assert speeds[0] > 0.5 and 1.8 <= speeds[1] / speeds[0] <= 2.1 and speeds[2] > speeds[1]
    for arm in ARMS:
        assert station.world.tool_pose(arm)[0][2] < high[arm] - 0.1
    assert np.abs(states[-1].velocities).max() < 0.01


def test_what_limp_arms_do_does_not_depend_on_what_was_commanded(scene):
    ends = []
    for offset in (0.0, 0.05):
        station = open_station(scene, 'unit0', 1)
        station.begin('t', 'rollout')
        station.cut_power('smoke')
        with pytest.raises(CommandRefused):
            station.command(command(station, offset))
        run_out(station)
        ends.append(station.digest())
    assert ends[0] == ends[1]


def test_a_cut_is_deterministic_and_leaves_no_trace_in_a_world_that_was_restored(scene, tmp_path):
    def trial(station):
        station.begin('t', 'rollout')
        for tick in range(20):
            station.command(command(station, 0.02 * np.sin(tick)))
        return station.end('t').digest

    ends, falls = [], []
    for cut in (False, True, True):
        folder = tmp_path / str(len(ends))
        station = open_station(scene, 'unit0', 1, records_folder=str(folder))
        ends.append(trial(station))
        if cut:
            station.cut_power('smoke')
            run_out(station)
            falls.append(station.digest())
            station.restore_power()
            run_out(station)
            station.restore(*folder.iterdir())
            assert trial(station) == ends[0]
    assert ends[0] == ends[1] == ends[2] and falls[0] == falls[1]


def test_power_that_comes_back_makes_no_arm_jump(scene):
    station = open_station(scene, 'unit0', 1)
    standing = station.observe().positions
    station.cut_power('smoke')
    run_out(station)
    fallen = station.world.object_pose('block')
    station.restore_power()
    assert np.abs(station.observe().positions - standing).max() < 1e-3, 'nobody has lifted them'
    assert (station.world.object_pose('block') == fallen).all()
    states = run_out(station)
    assert np.abs([state.velocities for state in states]).max() < 0.02
    assert np.abs(states[-1].positions - standing).max() < 1e-3


def test_the_table_of_falls_in_the_documents_has_every_pose_as_it_is_measured():
    folder = pathlib.Path(__file__).resolve().parents[1] / 'scripts'
    spec = importlib.util.spec_from_file_location('measure_fall', folder / 'measure_fall.py')
    falls = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(falls)
    rows = table_in((folder.parents[2] / 'docs' / 'safety.md').read_text(encoding='utf-8'), 'fall')
    assert [line.split(' | ')[0][2:] for line in rows.splitlines()[2:]] == list(falls.POSES)
    name = 'as high as a tool may be'
    assert falls.row(name, falls.fall(falls.POSES[name])) in rows

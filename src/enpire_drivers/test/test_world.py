"""The world: motors, limits, grip, pushing. No ROS."""

import copy

import mujoco
import numpy as np
import pytest
from bench_station import BLOCK_HALF, Mover, block_scene, make_world

from enpire_core.joints import ARM_SLICE, ARMS, GRIPPER_INDEX, JOINT_COUNT
from enpire_drivers.sim import motors
from enpire_drivers.sim.cameras import CAMERAS
from enpire_drivers.sim.parameters import (BASE_SD, CAMERA_SD, JOINT_ZERO_SD, TRUNCATION,
                                           StationParameters)
from enpire_drivers.sim.scene import Scene, build_scene
from enpire_drivers.sim.world import World

LEFT = GRIPPER_INDEX['left']
MOTORS = motors.load_motors()
PEAKS = np.array([motor.peak for motor in MOTORS])
ABOVE, AT = (0.30, 0.10, 0.12), (0.30, 0.10, 0.025)


@pytest.fixture
def mover():
    return Mover(make_world())


def test_arms_that_hold_do_not_droop(mover):
    before = mover.world.joint_state(0).positions
    mover.hold(90)
    after = mover.world.joint_state(0).positions
    assert np.abs(after - before).max() <= 1e-5


def test_gravity_is_carried_by_the_motors_and_seen_in_the_efforts(mover):
    mover.tool_to('left', ABOVE, 60, pieces=1)
    mover.hold(90)
    world = mover.world
    gravity = world._data.qfrc_bias[world._joints.dof][:6]
    friction = np.array([motor.coulomb_friction for motor in MOTORS])[:6]
    assert np.abs(gravity).max() >= 5.0
    assert (np.abs(world.joint_state(0).efforts[:6] - gravity) <= friction + 0.01).all()


@pytest.mark.parametrize('arm', ARMS)
def test_a_step_of_the_set_point_is_reached_within_millimetres(mover, arm):
    target = mover.setpoint.copy()
    target[ARM_SLICE[arm]] += [0.1, 0.1, -0.1, 0.1, 0.1, -0.1]
    mover.go(target, 1)
    mover.hold(60)
    found, _ = mover.world.tool_pose(arm)
    assert np.abs(mover.world.joint_state(0).positions - target).max() <= 0.008
    assert np.linalg.norm(found - mover._forward(arm, target)) <= 0.003


@pytest.mark.parametrize('arm', ARMS)
@pytest.mark.parametrize('above', [False, True])
@pytest.mark.parametrize('step', [[0.1, 0.1, -0.1, 0.1, 0.1, -0.1], [0.05] * 6, [-0.1] * 6])
def test_after_a_step_a_tool_is_within_4_mm_in_half_a_second_and_within_2_mm_in_one(mover, arm, above, step):
    if above:
        mover.tool_to(arm, (0.30, 0.10 if arm == 'left' else -0.10, 0.12), 60, pieces=1)
        mover.hold(60)
    target = mover.setpoint.copy()
    target[ARM_SLICE[arm]] += step
    mover.go(target, 1)
    for millimetres in (4, 2):
        mover.hold(15)
        off = mover.world.tool_pose(arm)[0] - mover._forward(arm, target)
        assert 1000 * np.linalg.norm(off) <= millimetres


def test_a_slow_line_is_followed_within_four_millimetres(mover):
    mover.tool_to('left', ABOVE, 60, pieces=1)
    mover.hold(15)
    worst = 0.0
    for step in range(1, 31):
        point = np.array(ABOVE) + [0.0, 0.0, -0.07 * step / 30]
        mover.tool_to('left', point, 2, pieces=1)
        worst = max(worst, np.linalg.norm(mover.world.tool_pose('left')[0] - point))
    assert worst <= 0.004


def test_no_motor_ever_gives_more_than_its_peak(mover):
    for sign in (1, -1):
        mover.go(mover.setpoint + sign * np.array([0.8, 0.5, 0.8, 0.8, 0.8, 0.8, 0.02] * 2), 1)
        mover.hold(10, np.full(JOINT_COUNT, sign * 100.0))
    assert (mover.largest_effort <= PEAKS + 1e-9).all()
    assert (mover.largest_effort >= 0.99 * PEAKS).any()


def test_feed_forward_is_felt_as_torque(mover):
    mover.hold(30)
    feedforward = np.zeros(JOINT_COUNT)
    feedforward[0] = 4.0
    before = mover.world.joint_state(0).positions
    mover.hold(60, feedforward)
    moved = mover.world.joint_state(0).positions - before
    assert moved[0] == pytest.approx(4.0 / 80.0, abs=0.3 / 80.0 + 0.002)
    assert np.abs(moved[7:]).max() <= 1e-4


def test_gains_come_from_the_scene_and_not_from_todays_files(monkeypatch):
    def gone(*parts):
        raise FileNotFoundError(parts)
    scene = build_scene(block_scene())
    model = copy.copy(scene.model)
    model.actuator_gainprm[:, 0] *= 2
    model.actuator_biasprm[:, 1:3] *= [2, 3]
    monkeypatch.setattr(motors, 'share_path', gone)
    world = World(Scene(model, scene.meta), StationParameters())
    kp, kd = (np.array([getattr(motor, gain) for motor in MOTORS]) for gain in ('kp', 'kd'))
    # The command is all in the control value: set-point + (kd/kp) velocity + effort / kp.
    found = world._control(np.zeros((16, 14)), np.ones((16, 14)), np.ones(14))
    np.testing.assert_array_equal(found[0], 3 * kd / (2 * kp) + 1 / (2 * kp))


def test_gains_of_a_scene_written_now_have_the_bits_of_the_file():
    kp, kd = (np.array([getattr(motor, gain) for motor in MOTORS]) for gain in ('kp', 'kd'))
    for found, expected in zip(motors.gains(make_world().scene.model), (kd / kp, 1.0 / kp)):
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize('what', ['setpoints', 'velocities', 'feedforward'])
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_named_and_nothing_moves(what, value):
    world = make_world()
    arrays = {'setpoints': np.tile(world.joint_state(0).positions, (16, 1)), 'velocities': np.zeros((16, 14)),
              'feedforward': np.zeros(14)}
    arrays[what][..., 9] = value
    before = world.state_bytes()
    with pytest.raises(ValueError, match=f'{what}: expected finite.*right_joint3'):
        world.step_tick(**arrays)
    assert world.state_bytes() == before


@pytest.mark.parametrize('shapes', [((16, 13), (16, 14), 14), ((15, 14), (16, 14), 14), ((16, 14), (14,), 14),
                                    ((16, 14), (16, 14), 13)])
def test_wrong_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match='expected the shape'):
        make_world().step_tick(*(np.zeros(shape) for shape in shapes))


def test_the_gripper_opens_to_95_mm_and_closes_until_the_tips_meet(mover):
    mover.gripper_to('left', 0.095, 60)
    mover.hold(30)
    assert mover.world.joint_state(0).positions[LEFT] == pytest.approx(0.095, abs=0.0005)
    mover.gripper_to('left', -0.001, 60)
    mover.hold(30)
    assert abs(mover.world.joint_state(0).positions[LEFT]) <= 0.0001


def test_both_fingers_move_alike(mover):
    mover.gripper_to('left', 0.06, 40)
    data = mover.world._data
    left, right = (data.joint(f'left_{tip}').qpos[0] for tip in ('tip_left', 'tip_right'))
    assert left == pytest.approx(right, abs=0.0002) and left > 0.02


def grasp(mover):
    mover.gripper_to('left', 0.06, 30)
    mover.tool_to('left', ABOVE, 60, yaw=-np.pi / 2, pieces=1)
    mover.tool_to('left', AT, 40, yaw=-np.pi / 2)
    mover.hold(10)
    mover.gripper_to('left', 2 * BLOCK_HALF - 0.0025, 30)
    mover.hold(20)


def test_a_block_is_grasped_with_the_force_that_was_asked_for_and_lifted(mover):
    grasp(mover)
    state = mover.world.joint_state(0)
    assert state.positions[LEFT] == pytest.approx(2 * BLOCK_HALF, abs=0.001)
    assert -12.0 <= state.efforts[LEFT] <= -5.0
    mover.tool_to('left', ABOVE, 60, yaw=-np.pi / 2)
    mover.hold(60)
    assert mover.world.object_pose('block')[2] >= 0.11
    mover.tool_to('left', AT, 60, yaw=-np.pi / 2)
    mover.gripper_to('left', 0.06, 30)
    mover.tool_to('left', ABOVE, 30, yaw=-np.pi / 2)
    mover.hold(15)
    resting = mover.world.object_pose('block')
    assert resting[2] == pytest.approx(0.025, abs=0.0003)


def test_a_closed_gripper_above_nothing_lifts_nothing(mover):
    mover.tool_to('left', ABOVE, 60, pieces=1)
    mover.tool_to('left', (0.30, 0.10, 0.06), 30)
    assert mover.world.object_pose('block')[2] == pytest.approx(0.025, abs=0.0003)


def test_a_block_at_rest_stays_where_it_is(mover):
    mover.hold(15)
    before = mover.world.object_pose('block')
    mover.hold(300)
    assert np.abs(mover.world.object_pose('block') - before).max() <= 1e-5


def test_a_fingertip_pushes_a_block_along_the_tray(mover):
    mover.tool_to('left', (0.24, 0.10, 0.12), 60, pieces=1)
    mover.tool_to('left', (0.24, 0.10, 0.022), 30)
    before = mover.world.object_pose('block')
    mover.tool_to('left', (0.32, 0.10, 0.022), 60)
    mover.hold(20)
    moved = mover.world.object_pose('block') - before
    assert 0.03 <= moved[0] <= 0.06 and abs(moved[1]) <= 0.01 and abs(moved[2]) <= 0.001
    tool = mover.world.tool_pose('left')[0]
    assert mover.world.object_pose('block')[0] - BLOCK_HALF >= tool[0]


def test_a_closed_rim_keeps_the_block_in_the_tray(mover):
    mover.world.set_object_pose('block', [0.43, 0.10, 0.025, 1, 0, 0, 0])
    mover.tool_to('left', (0.38, 0.10, 0.12), 60, pieces=1)
    mover.tool_to('left', (0.38, 0.10, 0.022), 30)
    mover.tool_to('left', (0.44, 0.10, 0.022), 60)
    assert mover.world.object_pose('block')[0] + BLOCK_HALF <= 0.47 + 0.001


def test_an_object_that_was_thrown_off_is_put_back_at_rest_and_the_arms_stay(mover):
    world = mover.world
    first = world.object_pose('block')
    world.set_object_pose('block', [0.32, 0.6, 0.3, 1, 0, 0, 0])
    mover.tool_to('left', (0.30, 0.25, 0.15), 20)
    arms = world.joint_state(0)
    world.put_back()
    after = world.joint_state(0)
    assert np.array_equal(arms.positions, after.positions) and np.array_equal(arms.velocities, after.velocities)
    assert np.array_equal(world.object_pose('block'), first)
    mover.hold(10)
    assert np.abs(world.object_pose('block') - first).max() < 0.003


def test_the_two_arms_can_touch_each_other(mover):
    mover.tool_to('left', (0.32, 0.03, 0.10), 60, pieces=1)
    mover.tool_to('right', (0.32, 0.03, 0.10), 60, pieces=1)
    mover.hold(30)
    left, right = (mover.world.tool_pose(arm)[0] for arm in ARMS)
    assert abs(left[1] - right[1]) >= 0.01
    names = {mover.world._model.body(mover.world._model.geom_bodyid[g]).name[:5]
             for c in mover.world._data.contact for g in (c.geom1, c.geom2)}
    assert {'left_', 'right'} <= names


def test_zero_offsets_show_in_what_is_measured_and_not_in_where_the_arm_goes():
    offsets = np.zeros(JOINT_COUNT)
    offsets[2] = 0.01
    world, nominal = make_world(StationParameters(zero_offsets=tuple(offsets))), make_world()
    difference = world.joint_state(0).positions - nominal.joint_state(0).positions
    np.testing.assert_allclose(difference, offsets, atol=1e-15)
    mover = Mover(world)
    before = world.tool_pose('left')[0]
    mover.hold(30)
    np.testing.assert_allclose(world.tool_pose('left')[0], before, atol=1e-5)


def test_base_errors_move_the_whole_arm_and_only_it():
    error = (0.001, -0.002, 0.0, 0.0, 0.0, 0.0)
    world = make_world(StationParameters(base_errors=(('left', error), ('right', (0.0,) * 6))))
    nominal = make_world()
    np.testing.assert_allclose(world.tool_pose('left')[0] - nominal.tool_pose('left')[0], error[:3], atol=1e-12)
    np.testing.assert_allclose(world.tool_pose('right')[0], nominal.tool_pose('right')[0], atol=1e-12)


def test_the_scene_is_not_changed_by_a_world():
    world = make_world(StationParameters.draw(1, 'unit0'))
    again = World(world.scene, StationParameters())
    assert again.scene is world.scene
    np.testing.assert_array_equal(again._model.body_pos, world.scene.model.body_pos)
    assert not np.array_equal(world._model.body_pos, world.scene.model.body_pos)


def test_station_parameters_are_drawn_once_and_for_all_within_their_bounds():
    one = StationParameters.draw(7, 'unit3')
    assert one == StationParameters.draw(7, 'unit3')
    assert one != StationParameters.draw(8, 'unit3') and one != StationParameters.draw(7, 'unit2')
    for pose, sds in ([(p, BASE_SD) for _, p in one.base_errors] + [(p, CAMERA_SD) for _, p in one.camera_errors]):
        assert (np.abs(pose[:3]) <= TRUNCATION * sds[0]).all() and (np.abs(pose[3:]) <= TRUNCATION * sds[1]).all()
    assert np.abs(one.zero_offsets).max() <= TRUNCATION * JOINT_ZERO_SD
    assert one.zero_offsets[LEFT] == 0.0


def test_a_camera_that_is_off_comes_no_nearer_to_its_arm():
    # Its housing turns 3.8 mm from the forearm: moved along with its error, it jammed wrists (2 of 42 stations).
    scene = build_scene(block_scene((0.32, 0.0, 0.025)))
    for sign in (1.0, -1.0):
        worst = tuple(sign * TRUNCATION * CAMERA_SD[k // 3] for k in range(6))
        errors = tuple((camera, worst) for camera in CAMERAS)
        worlds = World(scene, StationParameters()), World(scene, StationParameters(camera_errors=errors))
        assert clearance(worlds[0]) == clearance(worlds[1]) > 0.003
        for world in worlds:
            world.close()


def clearance(world):
    """Return the smallest distance [m] between a wrist camera's housing and its forearm, as the world begins."""
    model, data = world._model, world._data
    name = [model.geom(i).name for i in range(model.ngeom)]
    return min(mujoco.mj_geomDistance(model, data, i, j, 0.2, None) for arm in ARMS for i in range(model.ngeom)
               for j in range(model.ngeom) if name[i].startswith(f'{arm}_wrist_camera_collision')
               and name[j].startswith(f'{arm}_link4_collision'))


def test_drawn_errors_spread_as_they_should():
    values = [StationParameters.draw(seed, 'unit0').zero_offsets[0] / JOINT_ZERO_SD for seed in range(400)]
    assert abs(np.mean(values)) <= 0.15 and 0.8 <= np.std(values) <= 1.05


def test_station_parameters_survive_json():
    import json
    one = StationParameters.draw(7, 'unit3')
    assert StationParameters.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.parametrize('field, value', [
    ('zero_offsets', [0.0] * 13), ('zero_offsets', [0.0] * 13 + [float('nan')]), ('zero_offsets', None),
    ('zero_offsets', [0.0] * 13 + ['0.0']), ('zero_offsets', [0.0] * 13 + [10**400]),
    ('base_errors', {'left': [0.0] * 6}), ('base_errors', {'left': [0.0] * 6, 'right': [0.0] * 5}),
    ('base_errors', [[0.0] * 6] * 2), ('camera_errors', {'top_camera': [float('inf')] * 6}),
    ('noise_seed', -1), ('noise_seed', 1.5), ('noise_seed', True), ('noise_seed', 2**64), ('more', 1)])
def test_station_parameters_that_cannot_be_are_refused_by_name(field, value):
    values = {**StationParameters.draw(7, 'unit3').to_dict(), field: value}
    with pytest.raises(ValueError, match=field):
        StationParameters.from_dict(values)


def test_station_parameters_must_be_complete():
    with pytest.raises(ValueError, match='expected station parameters with .*zero_offsets'):
        StationParameters.from_dict({'noise_seed': 1})

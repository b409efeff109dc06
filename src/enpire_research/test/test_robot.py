"""The robot as programs see it, on the real world behind the real gate."""

import math
from math import pi

import numpy as np
import pytest
import trial_helpers
from enpire_core.errors import MotionRefused, TimeUp, Unreachable
from enpire_core.joints import ARM_SLICE, GRIPPER_INDEX
from enpire_research.trials import motion
from enpire_research.trials.drive import Drive
from enpire_research.trials.kinematics import Kinematics, pose_to_se3, se3_to_pose
from enpire_research.trials.retreat import go_home, retreat
from enpire_research.trials.robot import Robot
from enpire_research.trials.trial_setup import home_positions, model_file


class Bench:
    """A robot within the limits of resets, and the drive below it."""

    def __init__(self, folder):
        self.runner, _ = trial_helpers.runner(folder)
        self.station, setup = self.runner.station, self.runner.setup
        self.station.select_limits('reset')
        self.station.begin('t', 'reset')
        self.drive = Drive(self.station, lambda: False, lambda: None)
        self.limits = setup.motion['reset']
        self.robot = Robot(self.drive, self.limits, setup.kinematics)
        self.velocities, step = [], self.drive.step

        def watched(positions, efforts=np.zeros(14)):
            self.velocities.append((positions - self.last) * 30)
            self.last = positions.copy()
            return step(positions, efforts)
        self.last = self.drive.state.positions.copy()
        self.drive.step = watched


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    with bench.runner:
        yield bench


def test_a_line_is_straight_arrives_and_stays_below_the_gates_velocity(bench):
    robot = bench.robot
    robot.move_to_pose(0.30, 0.10, 0.12, pi, 0, 0, speed=0.3)
    path = []
    step = bench.drive.step

    def noting(positions, efforts=np.zeros(14)):
        path.append(bench.runner.setup.kinematics.tool_pose('left', positions[ARM_SLICE['left']]))
        return step(positions, efforts)
    bench.drive.step = noting
    began = robot.time
    robot.move_to_pose(0.30, -0.05, 0.04, pi, 0, 0.3, speed=0.1)
    points = np.array(path)[:, :3]
    start, end = np.array([0.30, 0.10, 0.12]), np.array([0.30, -0.05, 0.04])
    along = (end - start) / np.linalg.norm(end - start)
    off = (points - start) - np.outer((points - start) @ along, along)
    assert np.abs(off).max() < 5e-4
    assert np.allclose(points[-1], end, atol=2e-4) and abs(path[-1][5] - 0.3) < 2e-3
    assert 1.7 < robot.time - began < 2.4  # 170 mm at 0.1 m/s with its ramps
    assert (np.abs(bench.velocities) <= bench.limits.velocity).all()
    robot.wait(0.5)
    # What the drives make of it, friction included.
    assert np.linalg.norm(np.array(robot.tool_pose('left')[:3]) - end) < 0.01


def test_both_arms_arrive_together_and_one_arm_leaves_the_other_alone(bench):
    robot = bench.robot
    right = robot.get_joint_states().positions[ARM_SLICE['right']].copy()
    robot.move_to_pose(0.30, 0.15, 0.10, pi, 0, 0, speed=0.3)
    assert np.allclose(bench.last[ARM_SLICE['right']], right, atol=1e-6)
    robot.move_both(left=(0.30, 0.15, 0.05, pi, 0, 0), right=(0.30, -0.10, 0.10, pi, 0, 0), speed=0.3)
    for arm, pose in (('left', (0.30, 0.15, 0.05)), ('right', (0.30, -0.10, 0.10))):
        reached = bench.runner.setup.kinematics.tool_pose(arm, bench.last[ARM_SLICE[arm]])
        assert np.allclose(reached[:3], pose, atol=2e-4)


def test_what_is_out_of_reach_is_said_with_figures_before_anything_moves(bench):
    ticks = bench.drive.ticks
    with pytest.raises(Unreachable, match=r'left arm.*miss by \d+\.\d mm'):
        bench.robot.move_to_pose(0.9, 0.0, 0.1, pi, 0, 0)
    assert bench.drive.ticks == ticks


@pytest.mark.parametrize('call', [
    lambda r: r.move_to_pose(1e9, 0.0, 0.1, pi, 0, 0), lambda r: r.move_to_pose(0.3, 0.0, -1e300, pi, 0, 0, speed=1e-4),
    lambda r: r.move_both((0.3, 0.1, 0.1, pi, 0, 0), (0.3, 1e9, 0.1, pi, 0, 0)),
    lambda r: r.servo({'left': (1e200, 1e200, 0.0, 0, 0, 0)}),
    lambda r: r.move_joints({'left': [1e9] * 6}), lambda r: r.move_joints({'right': [0, 0, 0, 0, 0, -1e300]})])
def test_what_is_farther_away_than_any_arm_can_be_is_not_even_planned(bench, call):
    with pytest.raises(Unreachable, match='expected'):
        call(bench.robot)
    assert bench.drive.ticks == 0


def test_a_turn_of_many_turns_is_the_turn_that_it_ends_at(bench):
    robot = bench.robot
    robot.move_to_pose(0.30, 0.10, 0.12, pi, 0, 200 * pi, speed=0.3)
    assert abs(bench.runner.setup.kinematics.tool_pose('left', bench.last[ARM_SLICE['left']])[5]) < 2e-3


def test_states_are_copies_of_the_caller_s_own(bench):
    robot = bench.robot
    before = robot.get_joint_states().positions.copy()
    for state in (robot.get_joint_states(), robot.wait(0.0)):
        for values in (state.positions, state.velocities, state.efforts):
            values[:] = 9.0
    assert (robot.get_joint_states().positions == before).all()
    robot.hold().positions[:] = 9.0
    assert np.abs(robot.get_joint_states().positions - before).max() < 0.01


def test_an_empty_grasp_is_false_and_one_around_a_block_is_true_with_about_the_force(bench):
    robot = bench.robot
    robot.release('left', 0.06)
    assert abs(robot.get_joint_states().positions[GRIPPER_INDEX['left']] - 0.06) < 2e-3
    assert robot.grasp(5.0, 'left') is False
    robot.release('left', 0.07)
    # The jaws open along station y at yaw 0; the block is 40 mm wide.
    bench.station.sim.world.set_object_pose('block', (0.30, 0.10, 0.03, 1, 0, 0, 0))
    robot.move_to_pose(0.30, 0.10, 0.10, pi, 0, 0, speed=0.3)
    robot.move_to_pose(0.30, 0.10, 0.03, pi, 0, 0, speed=0.1)
    assert robot.grasp(8.0, 'left') is True
    assert 0.035 < robot.get_joint_states().positions[GRIPPER_INDEX['left']] < 0.042
    robot.move_to_pose(0.30, 0.10, 0.10, pi, 0, 0, speed=0.1)
    robot.wait(0.5)
    assert bench.station.sim.world.object_pose('block')[2] > 0.08
    asked = bench.limits.kp[6] * (bench.last[6] - robot.get_joint_states().positions[6])
    assert -16.0 < asked < -3.0


def test_a_refused_motion_names_its_joint_and_the_robot_goes_on_from_where_it_is(bench):
    target = bench.robot.get_joint_states().positions.copy()
    target[1] += 0.3
    with pytest.raises(MotionRefused) as caught:
        bench.robot.step(target)
    assert caught.value.joint == 'left_joint2' and caught.value.unit == 'rad/s' and caught.value.limit == 2.0
    bench.robot.home()
    bench.robot.wait(0.3)
    assert bench.drive.refusals == 1


def test_time_is_up_at_the_deadline_and_nothing_is_sent_beyond_it(bench):
    bench.robot.wait(1.0)  # such as a retreat after an attempt: its time is not the episode's
    bench.drive.ticks = 0
    bench.drive.deadline_ns, bench.drive.episode_s = bench.drive.state.stamp_ns + 500_000_000, 0.5
    assert abs(bench.robot.time_left - 0.5) < 1e-6
    with pytest.raises(TimeUp, match=r'0\.5 s of'):
        bench.robot.wait(1.0)
    assert bench.drive.ticks == 15 and bench.robot.time_left <= 0.0


@pytest.mark.parametrize('call', [
    lambda r: r.move_to_pose(0.3, 0.1, 0.1, pi, 0, math.nan),
    lambda r: r.move_to_pose(0.3, 0.1, 0.1, pi, 0, 0, speed=0),
    lambda r: r.move_to_pose(0.3, 0.1, 0.1, pi, 0, 0, arm='both'), lambda r: r.move_joints({'left': [0] * 5}),
    lambda r: r.move_joints({'left': [math.inf] * 6}), lambda r: r.move_joints({}, speed='fast'),
    lambda r: r.grasp(force=math.nan), lambda r: r.release(opening=-1), lambda r: r.wait(math.nan),
    lambda r: r.step([0.0] * 13), lambda r: r.step(['a'] * 14), lambda r: r.step([math.nan] * 14),
    lambda r: r.step([0.0] * 14, [math.nan] * 14), lambda r: r.capture('rear_camera'),
    lambda r: r.wait(10 ** 400), lambda r: r.wait('1'), lambda r: r.step([10 ** 400] * 14),
    lambda r: r.step(['0'] * 14), lambda r: r.step([1j] * 14), lambda r: r.step([True] * 14),
    lambda r: r.move_joints({'left': [10 ** 400] * 6}),
    lambda r: r.move_to_pose(10 ** 400, 0, 0, 0, 0, 0),
    lambda r: r.move_to_pose(0.3, 0.1, 0.1, pi, 0, 0, speed=10 ** 400)])
def test_wrong_arguments_are_value_errors_and_nothing_moves(bench, call):
    with pytest.raises(ValueError, match='expected'):
        call(bench.robot)
    assert bench.drive.ticks == 0


# ---- retreat -------------------------------------------------------------------------------
def near_home(bench):
    state = bench.robot.get_joint_states().positions
    gap = np.abs(state - bench.limits.home)
    return (gap[ARM_SLICE['left']] < 0.05).all() and (gap[ARM_SLICE['right']] < 0.05).all()


def test_the_retreat_goes_straight_up_first_and_ends_at_home_with_closed_grippers(bench):
    bench.robot.move_both(left=(0.30, 0.12, 0.03, pi, 0, 0), right=(0.30, -0.12, 0.03, pi, 0, 0), speed=0.3)
    track, step = [], bench.drive.step

    def noting(positions, efforts=np.zeros(14)):
        state = step(positions, efforts)
        track.append(bench.robot.tool_pose('left')[:3])
        return state
    bench.drive.step = noting
    assert retreat(bench.robot) == []
    track = np.array(track)
    up = track[track[:, 2] < 0.09]
    assert np.abs(up[:, :2] - up[0, :2]).max() < 0.012, 'it went sideways before it was up'
    assert near_home(bench)
    assert bench.robot.get_joint_states().positions[6] < 0.003


def test_where_no_straight_line_leads_up_the_arms_lift_in_joint_space_and_it_is_said(bench):
    bench.robot.move_to_pose(0.30, 0.12, 0.10, pi, 0, 0, speed=0.3)
    bench.robot.move_poses = lambda goals, speed: (_ for _ in ()).throw(Unreachable('no way up'))
    bench.robot.move_to_pose = None
    notes = retreat(bench.robot)
    assert len(notes) == 1 and 'lifted in joint space' in notes[0]
    assert near_home(bench)


def test_a_refused_part_of_the_retreat_is_said_and_the_rest_is_still_done(bench):
    bench.robot.move_to_pose(0.30, 0.12, 0.05, pi, 0, 0, speed=0.3)

    def refused(openings):
        raise MotionRefused('not now')
    bench.robot.move_grippers = refused
    notes = retreat(bench.robot)
    assert [note for note in notes if 'opening the grippers was refused: not now' in note]
    assert near_home(bench)


def test_home_after_home_takes_no_time(bench):
    go_home(bench.robot, [])
    ticks = bench.drive.ticks
    go_home(bench.robot, [])
    assert bench.drive.ticks - ticks <= 2


# ---- kinematics and plans, pure -------------------------------------------------------------
def test_poses_and_transforms_are_inverses_and_bad_poses_are_refused():
    pose = (0.1, -0.2, 0.3, 0.4, -0.5, 0.6)
    assert np.allclose(se3_to_pose(pose_to_se3(pose)), pose)
    for bad in ((0, 0, 0), (0, 0, 0, 0, 0, math.nan), 'home'):
        with pytest.raises(ValueError):
            pose_to_se3(bad)


def test_inverse_is_the_inverse_of_forward_and_costs_less_than_its_budget():
    import time
    arm = Kinematics(model_file()).arms['left']
    angles, random = np.array([0.1, 1.68, 1.35, -1.24, 0.0, 0.2]), np.random.default_rng(0)
    count, spent = 200, 0.0
    for _ in range(count):
        target = arm.forward(angles + random.normal(0, 0.01, 6))
        began = time.process_time()
        angles = arm.inverse(target, angles)
        spent += time.process_time() - began
        error = target.minus(arm.forward(angles))
        assert np.linalg.norm(error[:3]) <= 1e-4 + 1e-9
    assert spent / count < 3e-3, 'ten times the budget of 0.3 ms'


def test_narrower_limits_narrow_what_can_be_reached():
    lower, upper = np.full(14, -4.0), np.full(14, 4.0)
    upper[0] = 0.2
    arm = Kinematics(model_file(), lower, upper).arms['left']
    home = home_positions()[:6]
    free = Kinematics(model_file()).arms['left']
    target = free.forward(home + np.array([0.4, 0, 0, 0, 0, 0]))
    with pytest.raises(Unreachable, match='left_joint1'):
        arm.inverse(target, home)


def test_a_timed_path_keeps_speed_velocity_and_acceleration_and_ends_exactly():
    points = np.zeros((21, 14))
    points[:, 0], points[:, 1] = np.linspace(0, 0.5, 21), np.linspace(0, 1.2, 21) ** 2
    velocity = np.full(14, 1.0)
    found = motion.timed(points, np.full(20, 0.01), 0.1, 0.5, velocity)
    steps = np.diff(np.vstack([points[0], found]), axis=0) * 30
    assert (np.abs(steps) <= velocity + 1e-9).all()
    assert (found[-1] == points[-1]).all()
    assert np.abs(np.diff(steps, axis=0)).max() * 30 <= motion.JOINT_ACCELERATION * 1.6
    assert len(found) >= 0.2 / 0.1 * 30


def test_a_path_without_length_takes_no_time():
    assert motion.timed(np.zeros((3, 14)), np.zeros(2), 0.1, 0.5, np.ones(14)).shape == (0, 14)

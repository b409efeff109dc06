"""The verifier on rendered pictures: how exact it is, and that it says when it can't tell."""

import math

import numpy as np
import pytest
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t.scene import body_qpos
from enpire_tasks.push_t.start import draw_start
from enpire_tasks.push_t.verifier import judge_goal, judge_start
from scipy.spatial.transform import Rotation
from tray_view import TrayView, camera_info

INFO = camera_info()


@pytest.fixture(scope='module')
def view():
    made = TrayView()
    yield made
    made.close()


def near_goal(along, across, degrees):
    """Return the goal moved by millimetres in its own axes, and turned."""
    x, y = g.place([(along / 1e3, across / 1e3)], g.GOAL)[0]
    return (float(x), float(y), g.GOAL[2] + math.radians(degrees))


def measured_error(judgement, pose):
    m = judgement.measurements
    return (math.hypot(m['x_m'] - pose[0], m['y_m'] - pose[1]), abs(g.wrap(m['yaw_rad'] - pose[2])))


def test_poses_are_exact_to_half_a_millimetre_with_cameras_that_are_off():
    random = np.random.default_rng(1)
    for _ in range(4):
        view = TrayView(random.normal(0, math.radians(0.2), 3), random.normal(0, 0.002, 3))
        for seed in random.integers(0, 10 ** 6, 8):
            pose = draw_start(int(seed))
            judgement = judge_start(view.frame(pose, seed=int(seed)), INFO, pose)
            position, angle = measured_error(judgement, pose)
            assert judgement.answer == 'success', judgement.reason
            assert position < 0.0006 and angle < math.radians(0.4)
        view.close()


@pytest.mark.parametrize('off, answer', [
    ((0, 0, 0), 'success'), ((4.2, 0, 0), 'success'), ((0, -4.2, 0), 'success'), ((0, 0, 2.5), 'success'),
    ((3, -2, -2.4), 'success'), ((5.3, 0, 0), 'failure'), ((0, 5.3, 0), 'failure'),
    ((0, 0, 3.3), 'failure'), ((0, 0, -3.3), 'failure'), ((4.2, -3.4, 0), 'failure'),
    ((40, 20, 90), 'failure'), ((0, 0, 180), 'failure')])
def test_success_is_5_mm_and_3_degrees(view, off, answer):
    pose = near_goal(*off)
    judgement = judge_goal(view.frame(pose), INFO)
    assert judgement.answer == answer, judgement.reason
    assert judgement.score == pytest.approx(g.coverage(pose), abs=0.02)


def test_a_pose_inside_the_tolerance_by_less_than_the_verifiers_error_is_told_so(view):
    judgement = judge_goal(view.frame(near_goal(0, 0, 2.9)), INFO)
    assert judgement.answer == 'failure'
    assert "less the verifier's own error of 0.45 mm and 0.20 degrees" in judgement.reason
    assert "less the verifier's" not in judge_goal(view.frame(near_goal(0, 0, 3.3)), INFO).reason


@pytest.mark.parametrize('gain', [(0.7, 0.7, 0.7), (1.12, 1.12, 1.12), (1.0, 0.95, 0.85), (0.85, 0.95, 1.0)])
def test_light_that_is_dimmer_brighter_or_tinted_changes_no_pose(view, gain):
    pose = near_goal(10, -8, 20)
    judgement = judge_goal(view.frame(pose, gain=gain), INFO)
    position, angle = measured_error(judgement, pose)
    assert position < 0.0008 and angle < math.radians(0.5)


def test_the_same_picture_gives_the_same_judgement(view):
    frame = view.frame(near_goal(2, 1, 1))
    assert judge_goal(frame, INFO) == judge_goal(frame, INFO)
    assert len(judge_goal(frame, INFO).frames_digest) == 64


def test_a_t_that_is_gone_is_a_failure(view):
    away = body_qpos((0.32, 0.0, 0.0))
    away[1] = 2.0
    judgement = judge_goal(view.frame(None, qpos=away), INFO)
    assert judgement.answer == 'failure' and judgement.score == 0.0
    assert 'gone' in judgement.reason


def test_hidden_marks_make_it_unknown():
    plate = {'size': [0.11, 0.24, 0.002], 'pos': [0.40, 0.0, 0.05], 'rgba': [.1, .1, .1, 1]}
    strip = {'size': [0.05, 0.24, 0.002], 'pos': [0.20, 0.0, 0.05], 'rgba': [.1, .1, .1, 1]}
    view = TrayView(extra=[plate, strip])
    judgement = judge_goal(view.frame(g.GOAL), INFO)
    view.close()
    assert judgement.answer == 'unknown' and 'marks' in judgement.reason
    assert math.isnan(judgement.score)


@pytest.mark.parametrize('x, y, half', [(0.30, 0.0, (0.012, 0.10)), (0.31, 0.03, (0.03, 0.03)),
                                        (0.28, 0.02, (0.02, 0.02))])
def test_a_t_partly_hidden_by_an_arm_is_unknown(x, y, half):
    bar = {'size': [*half, 0.01], 'pos': [x, y, 0.10], 'rgba': [.1, .1, .1, 1]}
    view = TrayView(extra=[bar])
    judgement = judge_goal(view.frame(g.GOAL), INFO)
    view.close()
    assert judgement.answer == 'unknown', judgement.reason


def test_a_t_wholly_hidden_is_unknown_not_gone():
    plate = {'size': [0.10, 0.11, 0.002], 'pos': [0.30, 0.0, 0.08], 'rgba': [.15, .15, .15, 1]}
    view = TrayView(extra=[plate])
    judgement = judge_goal(view.frame(g.GOAL), INFO)
    view.close()
    assert judgement.answer == 'unknown', judgement.reason


@pytest.mark.parametrize('second', [(0.38, 0.12, 0.4), (0.26, -0.13, 2.0), (0.32, 0.05, 0.785)])
def test_two_ts_are_unknown(second):
    view = TrayView(second_t=second)
    judgement = judge_goal(view.frame(g.GOAL), INFO)
    view.close()
    assert judgement.answer == 'unknown', judgement.reason


@pytest.mark.parametrize('degrees', [4, 8, 20, 60, 90])
@pytest.mark.parametrize('axis', [(1, 0), (0, 1)])
def test_a_tilted_t_is_never_a_success(view, degrees, axis):
    tilt = Rotation.from_rotvec([*(math.radians(degrees) * np.array(axis)), 0])
    turn = (Rotation.from_euler('z', g.GOAL[2]) * tilt).as_quat(scalar_first=True)
    lift = 0.015 + 0.05 * math.sin(math.radians(degrees))
    judgement = judge_goal(view.frame(None, qpos=[*g.GOAL[:2], g.FLOOR_Z + lift, *turn]), INFO)
    assert judgement.answer != 'success', judgement.reason
    if degrees >= 8:
        assert judgement.answer == 'unknown', judgement.reason

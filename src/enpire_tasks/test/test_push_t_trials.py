"""Resets and policies of Push-T on simulated stations with calibration errors, by the direct runner."""

import math
import os

import numpy as np
import pytest
from enpire_tasks import registry
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t.start import draw_start
from scipy.spatial.transform import Rotation
from stations import done, drop, lay, runner, truth

TASK = registry.get('push_t')
REFERENCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'reference_push_t.py')


@pytest.fixture
def direct(tmp_path):
    made = runner(tmp_path)
    yield made
    made.close()


def check_reset(direct, seed):
    report = direct.reset(f'trial-{seed}', seed)
    assert report.status == 'succeeded', report.error_msg
    distance, angle = g.pose_error(truth(direct)[0], draw_start(seed))
    assert distance < 0.010 and angle < math.radians(6.0)
    assert truth(direct)[1] > 0.9999
    return report


def test_resets_follow_on_each_other(direct):
    for seed in range(3):
        check_reset(direct, seed)


@pytest.mark.parametrize('pose', [
    (0.47 - g.BAR_TOP - 0.0002, 0.0, -math.pi / 2), (0.17 + g.BAR_TOP + 0.0002, 0.05, math.pi / 2),
    (0.40, 0.21 - g.BAR_TOP - 0.0002, 0.0), (0.41 - 0.0002, -0.21 + 0.0794, 0.0)],
    ids=['far rim', 'near rim', 'left rim', 'corner'])
def test_a_t_flush_with_the_rim_is_taken(direct, pose):
    assert g.inside_tray(pose)
    lay(direct, pose)
    assert check_reset(direct, 11).tries == 1


@pytest.mark.parametrize('x, y, turn', [(0.43, -0.145, 0.1), (0.18, 0.02, 0.9), (0.36, 0.19, 2.5)])
def test_a_t_that_lies_on_the_rim_is_brought_back(direct, x, y, turn):
    quaternion = Rotation.from_euler('z', turn).as_quat(scalar_first=True)
    drop(direct, [x, y, 0.06, *quaternion])
    assert direct.station.sim.world.object_pose('t_block')[2] > 0.027
    check_reset(direct, 12)


def test_a_reset_without_a_t_fails_and_says_so(direct):
    drop(direct, [1.2, 0.9, 0.02, 1, 0, 0, 0], seconds=0.1)
    report = direct.reset('trial-0', 13, max_tries=1)
    assert report.status == 'failed' and report.error_code == 104
    assert 'gone' in report.error_msg


def test_the_same_reset_gives_the_same_bits(tmp_path):
    digests = []
    for name in ('one', 'two'):
        direct = runner(tmp_path / name)
        digests.append(check_reset(direct, 4).trajectory_digest)
        direct.close()
    assert digests[0] == digests[1]


def test_the_start_policy_runs_and_is_judged(direct):
    lay(direct, draw_start(21))
    before = truth(direct)[0]
    report = direct.rollout('trial-21', 21, TASK.start_policy)
    assert report.status in ('succeeded', 'failed') and report.error_code == 0, report.error_msg
    assert (report.status == 'succeeded') <= done(direct)
    assert report.score == pytest.approx(g.coverage(truth(direct)[0]), abs=0.02)
    assert math.dist(before[:2], truth(direct)[0][:2]) > 0.02


@pytest.mark.parametrize('seed', [31, 32, 33, 34])
def test_the_reference_policy_succeeds(tmp_path, seed):
    direct = runner(tmp_path, unit=f'unit{seed}')
    lay(direct, draw_start(seed))
    report = direct.rollout(f'trial-{seed}', seed, REFERENCE)
    assert report.status == 'succeeded', report.attempts
    assert done(direct)
    direct.close()


def test_in_rollouts_the_jaws_stay_closed(direct, tmp_path):
    policy = tmp_path / 'grasper.py'
    policy.write_text('def run(robot):\n    robot.release("left", opening=0.06)\n', encoding='utf-8')
    report = direct.rollout('trial-0', 0, str(policy))
    assert report.status == 'failed'
    assert float(np.max(direct.station.sim.observe().positions[[6, 13]])) < 0.006


def test_the_task_names_files_that_exist():
    for path in (TASK.limits_file, TASK.start_policy, TASK.brief):
        assert os.path.isfile(path) and os.path.getsize(path) > 100, path
    assert {polygon.name for polygon in TASK.outlines()} == {'goal', 'workspace'}

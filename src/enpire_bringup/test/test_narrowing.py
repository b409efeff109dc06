"""Limits of a lab can only narrow those of its task."""

import pytest
import yaml

from enpire_bringup import narrowing
from enpire_description import share_path
from enpire_safety.gate import limits
from enpire_safety.gate.limits_file import LimitsError, read_yaml

TASK = {'profiles': {'rollout': {'gripper': {'upper': 0.004}}, 'reset': {}}}


@pytest.fixture
def robot():
    return limits.load(share_path('limits', 'yam.yaml'))['robot']


def merged(robot, lab):
    return narrowing.merge(TASK, 'task.yaml', lab, 'lab.yaml', robot)


def test_an_empty_narrowing_changes_nothing(robot, tmp_path):
    path = tmp_path / 'merged.yaml'
    path.write_text(yaml.safe_dump(merged(robot, {'profiles': {'reset': {}}})))
    found = limits.task_limits(read_yaml(path), robot, 'merged')
    before = limits.task_limits(TASK, robot, 'task.yaml')
    assert {name: one.hash for name, one in found.items()} == {
        name: one.hash for name, one in before.items()}


def test_a_lab_narrows_one_profile_and_leaves_the_other(robot):
    lab = {'profiles': {'rollout': {'joint1': {'velocity': 0.5}, 'left_gripper': {'upper': 0.002}}}}
    found = limits.task_limits(merged(robot, lab), robot, 'merged')
    assert found['rollout'].velocity[0] == found['rollout'].velocity[7] == 0.5
    assert found['rollout'].soft_upper[6] == 0.002 and found['rollout'].soft_upper[13] == 0.004
    assert found['reset'].velocity[0] == robot.velocity[0]


def test_a_number_wider_than_the_tasks_is_refused_and_both_files_are_named(robot):
    lab = {'profiles': {'rollout': {'left_gripper': {'upper': 0.01}}}}
    with pytest.raises(LimitsError) as error:
        merged(robot, lab)
    text = str(error.value)
    assert 'lab.yaml: profiles.rollout.left_gripper.upper' in text
    assert '0.004' in text and "task.yaml" in text and 'left_gripper' in text and 'got 0.01 m' in text


@pytest.mark.parametrize('lab', [
    {'profiles': {'rolout': {'joint1': {'velocity': 0.5}}}},
    {'profiles': {'rollout': {'joint9': {'velocity': 0.5}}}},
    {'profiles': {'rollout': {'joint1': {'speed': 0.5}}}},
    {'profiles': {'rollout': {'joint1': {'velocity': float('nan')}}}},
    {'profiles': {'rollout': {'joint1': {'velocity': 99.0}}}},
    {}, None])
def test_a_wrong_file_is_refused_and_named(robot, lab):
    with pytest.raises(LimitsError, match='lab.yaml'):
        merged(robot, lab)


def test_limits_that_leave_a_joint_no_room_within_the_tasks_are_refused(robot):
    # Each file is sound by itself: the lab's lower end lies above the task's upper end.
    lab = {'profiles': {'rollout': {'gripper': {'lower': 0.004}}}}
    with pytest.raises(LimitsError, match='lab.yaml: .*left_gripper: expected lower < upper'):
        merged(robot, lab)


@pytest.mark.parametrize('lab', [
    {'gripper': {'upper': 0.002}, 'left_gripper': {'upper': 0.003}},
    {'left_gripper': {'upper': 0.003}, 'gripper': {'upper': 0.002}}])
def test_of_two_numbers_for_a_joint_the_narrower_counts(robot, lab):
    found = limits.task_limits(merged(robot, {'profiles': {'rollout': lab}}), robot, 'merged')
    assert found['rollout'].soft_upper[6] == 0.002


def test_a_lab_narrows_the_space_and_what_the_task_left_stays(robot, tmp_path):
    task = {'profiles': {'rollout': {'workspace': {'z': [0.012, 0.3]}, 'tool_speed': 1.0}}}
    lab = {'profiles': {'rollout': {'left_workspace': {'z': [0.02, 0.3]}, 'arm_distance': 0.05, 'keep_out': {
        'lamp': {'from': [0.1, 0.0, 0.5], 'to': [0.1, 0.0, 0.9], 'radius': 0.02}}}}}
    path = tmp_path / 'merged.yaml'
    path.write_text(yaml.safe_dump(narrowing.merge(task, 'task.yaml', lab, 'lab.yaml', robot)))
    space = limits.task_limits(read_yaml(path), robot, 'merged')['rollout'].station
    assert space.box_lower[:, 2].tolist() == [0.02, 0.012] and space.tool_speed == 1.0 and space.arm_distance == 0.05
    assert [one.name for one in space.keep_out] == ['top_camera', 'lamp']


@pytest.mark.parametrize('changes, place', [
    ({'tool_speed': 1.1}, 'tool_speed'), ({'right_workspace': {'z': [0.011, 0.3]}}, 'right_workspace.z'),
    ({'table_z': -0.01}, 'table_z'), ({'joint1': {'acceleration': 41.0}}, 'joint1.acceleration')])
def test_a_space_wider_than_the_tasks_is_refused_and_both_files_are_named(robot, changes, place):
    task = {'profiles': {'rollout': {'workspace': {'z': [0.012, 0.3]}, 'tool_speed': 1.0}}}
    with pytest.raises(LimitsError) as error:
        narrowing.merge(task, 'task.yaml', {'profiles': {'rollout': changes}}, 'lab.yaml', robot)
    assert f'lab.yaml: profiles.rollout.{place}' in str(error.value) and 'task.yaml' in str(error.value)

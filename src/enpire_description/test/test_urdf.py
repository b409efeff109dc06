"""The URDF and the MJCF are one robot. Needs mujoco for the second."""

import importlib.util
import subprocess
import sys
import xml.etree.ElementTree as ET

import mujoco
import numpy as np
import pytest
import yaml

from enpire_description import share_path

ARMS = ('left', 'right')
TREE = ET.parse(share_path('urdf', 'yam_station.urdf')).getroot()
JOINTS = {joint.get('name'): joint for joint in TREE.findall('joint')}
MOVING = [f'{arm}_{name}' for arm in ARMS for name in (*(f'joint{i}' for i in range(1, 7)), 'gripper')]


def numbers(element, key):
    return np.array(element.get(key).split(), dtype=float)


def homogeneous(position, matrix):
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = matrix, position
    return result


def about(axis, angle):
    result = np.zeros(9)
    quaternion = np.zeros(4)
    mujoco.mju_axisAngle2Quat(quaternion, axis / np.linalg.norm(axis), angle)
    mujoco.mju_quat2Mat(result, quaternion)
    return result.reshape(3, 3)


def origin(joint):
    roll, pitch, yaw = numbers(joint.find('origin'), 'rpy')
    x, y, z = np.eye(3)
    return homogeneous(numbers(joint.find('origin'), 'xyz'), about(z, yaw) @ about(y, pitch) @ about(x, roll))


def urdf_frames(positions):
    """Return the pose of each link for joint ``positions`` by name; mimic joints follow."""
    frames, open_joints = {'station': np.eye(4)}, dict(JOINTS)
    while open_joints:
        ready = [n for n, j in open_joints.items() if j.find('parent').get('link') in frames]
        assert ready, f'not connected with station: {list(open_joints)}'
        for name in ready:
            joint = open_joints.pop(name)
            mimic = joint.find('mimic')
            value = positions.get(name, 0.0) if mimic is None else (
                positions[mimic.get('joint')] * float(mimic.get('multiplier')) + float(mimic.get('offset')))
            move = np.eye(4)
            if joint.get('type') == 'revolute':
                move[:3, :3] = about(numbers(joint.find('axis'), 'xyz'), value)
            elif joint.get('type') == 'prismatic':
                move[:3, 3] = numbers(joint.find('axis'), 'xyz') * value
            parent = frames[joint.find('parent').get('link')]
            frames[joint.find('child').get('link')] = parent @ origin(joint) @ move
    return frames


@pytest.fixture(scope='module')
def model():
    return mujoco.MjModel.from_xml_path(str(share_path('mjcf', 'yam_station.xml')))


@pytest.mark.parametrize('seed', range(8))
def test_all_frames_agree_with_the_mjcf_for_any_joint_positions(model, seed):
    generator = np.random.default_rng(seed)
    data = mujoco.MjData(model)
    positions = {}
    for name in MOVING:
        if name.endswith('gripper'):
            positions[name] = generator.uniform(0, 0.095)
            for tip in ('tip_left', 'tip_right'):
                data.joint(name.replace('gripper', tip)).qpos = positions[name] / 2
        else:
            positions[name] = generator.uniform(*model.joint(name).range)
            data.joint(name).qpos = positions[name]
    mujoco.mj_kinematics(model, data)
    frames = urdf_frames(positions)
    found = {model.body(i).name: (data.xpos[i], data.xmat[i]) for i in range(1, model.nbody)}
    found.update({model.site(i).name: (data.site_xpos[i], data.site_xmat[i]) for i in range(model.nsite)})
    for name, (position, matrix) in found.items():
        np.testing.assert_allclose(frames[name], homogeneous(position, matrix.reshape(3, 3)), atol=1e-6,
                                   err_msg=name)
    extra = set(frames) - set(found)
    assert extra == {'station', 'left_gripper_opening', 'right_gripper_opening'}


def test_the_urdf_has_the_joints_that_joint_states_carry_and_the_fingers_mimic():
    free = [n for n, j in JOINTS.items() if j.get('type') != 'fixed' and j.find('mimic') is None]
    assert sorted(free) == sorted(MOVING)
    mimics = {n: j.find('mimic').get('joint') for n, j in JOINTS.items() if j.find('mimic') is not None}
    assert mimics == {f'{arm}_tip_{side}': f'{arm}_gripper' for arm in ARMS for side in ARMS}


def test_limits_of_urdf_and_mjcf_are_those_of_the_limits_file(model):
    table = yaml.safe_load(share_path('limits', 'yam.yaml').read_text())['joints']
    for name in MOVING:
        row = table[name.split('_', 1)[1]]
        limit = JOINTS[name].find('limit')
        assert [float(limit.get(k)) for k in ('lower', 'upper')] == row['position'], name
        assert float(limit.get('effort')) == row['effort'] and float(limit.get('velocity')) == row['velocity']
        if not name.endswith('gripper'):
            np.testing.assert_allclose(model.joint(name).range, row['position'], atol=1e-9)


def test_every_mesh_that_the_urdf_names_is_there():
    names = {mesh.get('filename') for mesh in TREE.iter('mesh')}
    assert len(names) == 11
    for name in names:
        assert name.startswith('package://enpire_description/'), name
        assert share_path(*name.split('/')[3:]).is_file()


def test_the_urdf_is_what_the_script_writes():
    script = share_path('package.xml').parent / 'scripts' / 'make_urdf.py'
    if not script.exists():
        pytest.skip('an installed package has no scripts')
    done = subprocess.run([sys.executable, script, '--check'], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('before, after', [('0.305', '0.3050001'), ('left_link1', 'left_link9'), ('0.305', 'x')])
def test_a_urdf_that_was_changed_by_hand_is_seen(before, after):
    script = share_path('package.xml').parent / 'scripts' / 'make_urdf.py'
    if not script.exists():
        pytest.skip('an installed package has no scripts')
    spec = importlib.util.spec_from_file_location('make_urdf', script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.URDF.read_text(encoding='utf-8')
    assert before in text
    assert module.same(text, module.Builder().build()) and not module.same(text.replace(before, after, 1), text)

"""Composing, writing and loading scenes."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from bench_station import BLOCK_XML, block_scene

from enpire_core.joints import JOINT_NAMES
from enpire_core.scene import TaskScene
from enpire_description import share_path
from enpire_drivers.sim import motors
from enpire_drivers.sim import scene as scene_module
from enpire_drivers.sim.engine import mujoco
from enpire_drivers.sim.motors import load_motors
from enpire_drivers.sim.scene import (META_FILE, MODEL_FILE, SceneError, build_scene, home_positions,
                                      load_scene, station_figures, write_scene)


@pytest.fixture(scope='module')
def scene():
    return build_scene(block_scene())


def test_actuators_stand_in_the_order_of_the_joints(scene):
    assert tuple(scene.model.actuator(i).name for i in range(scene.model.nu)) == JOINT_NAMES


def test_a_step_is_a_sixteenth_of_a_tick(scene):
    assert scene.model.opt.timestep == 1 / 480


def test_gains_and_peaks_are_those_of_the_files(scene):
    for motor in load_motors():
        actuator = scene.model.actuator(motor.joint)
        assert (actuator.gainprm[0], actuator.biasprm[1], actuator.biasprm[2]) == (motor.kp, -motor.kp, -motor.kd)
        limit = (actuator.forcerange if motor.joint.endswith('gripper')
                 else scene.model.jnt_actfrcrange[scene.model.joint(motor.joint).id])
        assert tuple(limit) == (-motor.peak, motor.peak)


def test_home_is_inside_the_soft_limits(scene):
    table = yaml.safe_load(share_path('limits', 'yam.yaml').read_text())['joints']
    for name, value in zip(JOINT_NAMES, home_positions()):
        row = table[name.split('_', 1)[1]]
        low, high = row['position'][0] + row['soft_margin'], row['position'][1] - row['soft_margin']
        assert low <= value <= high, name


def test_nothing_but_the_object_touches_anything_where_the_world_begins(scene):
    data = mujoco.MjData(scene.model)
    data.qpos[:] = scene.meta.initial_qpos
    mujoco.mj_forward(scene.model, data)
    bodies = {scene.model.body(scene.model.geom_bodyid[g]).name for c in data.contact for g in (c.geom1, c.geom2)}
    assert bodies == {'world', 'block'}


def test_the_tray_stands_where_the_figures_say(scene):
    tray = station_figures()['tray']
    floor = scene.model.geom('tray_floor')
    assert floor.pos[2] + floor.size[2] == pytest.approx(tray['floor_z'])
    far, near = scene.model.geom('tray_rim_far'), scene.model.geom('tray_rim_near')
    inside = (far.pos[0] - far.size[0]) - (near.pos[0] + near.size[0])
    assert inside == pytest.approx(tray['size'][0])
    assert far.pos[2] + far.size[2] == pytest.approx(tray['floor_z'] + tray['rim_height'])


def test_the_same_task_scene_gives_the_same_digest_in_another_process(scene):
    code = ('import sys; sys.path[:0] = sys.argv[1:]\n'
            'from bench_station import block_scene\nfrom enpire_drivers.sim.scene import build_scene\n'
            'print(build_scene(block_scene()).meta.digest)')
    done = subprocess.run([sys.executable, '-c', code, *sys.path], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == scene.meta.digest, done.stderr


def test_the_digest_does_not_depend_on_where_the_workspace_lies(scene, tmp_path, monkeypatch):
    elsewhere = tmp_path / 'enpire_description'
    for part in ('mjcf', 'meshes', 'limits', 'config'):
        shutil.copytree(share_path(part), elsewhere / part)
    for module in (scene_module, motors):
        monkeypatch.setattr(module, 'share_path', elsewhere.joinpath)
    assert build_scene(block_scene()).meta.digest == scene.meta.digest
    assert str(share_path('meshes')).encode() not in bytes(scene.model.paths)


def test_another_start_gives_another_digest(scene):
    assert build_scene(block_scene((0.31, 0.1, 0.025))).meta.digest != scene.meta.digest


def test_a_scene_is_written_and_loaded_whole(tmp_path, scene):
    written = write_scene(tmp_path / 'scene', block_scene())
    model, meta = load_scene(tmp_path / 'scene')
    assert meta == written.meta == scene.meta
    assert meta.object_joints == ('block',)
    assert np.array_equal(model.body_pos, scene.model.body_pos) and model.nmeshvert == scene.model.nmeshvert


@pytest.mark.parametrize('name', [MODEL_FILE, META_FILE])
def test_a_changed_file_is_refused(tmp_path, name):
    write_scene(tmp_path, block_scene())
    path = tmp_path / name
    if name == META_FILE:
        meta = json.loads(path.read_text())
        meta['initial_qpos'][0] += 1e-9
        path.write_text(json.dumps(meta))
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(SceneError, match='changed'):
        load_scene(tmp_path)


@pytest.mark.parametrize('change', [
    lambda meta: [], lambda meta: None, lambda meta: {**meta, 'more': 1}, lambda meta: {**meta, 'digest': None},
    lambda meta: {**meta, 'initial_qpos': 3}, lambda meta: {**meta, 'initial_qpos': ['x']},
    lambda meta: {**meta, 'object_joints': [['block']]}, lambda meta: {**meta, 'name': {}},
    *(lambda meta, name=name: {k: v for k, v in meta.items() if k != name}
      for name in ('mujoco_version', 'digest', 'name', 'object_joints', 'initial_qpos'))])
def test_a_description_of_another_form_is_refused(tmp_path, change):
    write_scene(tmp_path, block_scene())
    path = tmp_path / META_FILE
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(SceneError, match='write_scene.*write the scene again'):
        load_scene(tmp_path)


def test_a_scene_of_another_mujoco_is_refused_by_name(tmp_path):
    write_scene(tmp_path, block_scene())
    path = tmp_path / META_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), 'mujoco_version': '1.2.3'}))
    with pytest.raises(SceneError, match='got 1.2.3: write the scene again'):
        load_scene(tmp_path)


@pytest.mark.parametrize('data, text', [(b'no model', 'expected a model of MuJoCo'), (None, 'initial_qpos')])
def test_a_folder_whose_digest_is_right_and_whose_content_is_not_is_refused(tmp_path, data, text):
    scene = write_scene(tmp_path, block_scene())
    fields = {name: value for name, value in vars(scene.meta).items() if name != 'digest'}
    if data is None:
        data, fields['initial_qpos'] = (tmp_path / MODEL_FILE).read_bytes(), (0.0,) * 3
    (tmp_path / MODEL_FILE).write_bytes(data)
    (tmp_path / META_FILE).write_text(json.dumps({**fields, 'digest': scene_module._digest(data, fields)}))
    with pytest.raises(SceneError, match=text):
        load_scene(tmp_path)


def test_what_is_loaded_is_what_was_digested(tmp_path, monkeypatch):
    """Another process may write into the folder between the two."""
    write_scene(tmp_path, block_scene())
    digest = scene_module._digest

    def digest_and_lose_the_file(data, fields):
        (tmp_path / MODEL_FILE).write_bytes(b'another')
        return digest(data, fields)
    monkeypatch.setattr(scene_module, '_digest', digest_and_lose_the_file)
    assert load_scene(tmp_path).model.nu == len(JOINT_NAMES)


def test_a_missing_scene_says_what_to_do(tmp_path):
    with pytest.raises(SceneError, match='write the scene again'):
        load_scene(tmp_path / 'nowhere')


@pytest.mark.parametrize('xml, text', [
    ('<mujoco><worldbody><body/></worldbody>', 'nonsense'),
    ('<mujoco><worldbody><geom type="box"/></worldbody></mujoco>', 'nonsense'),
    ('<mujoco><worldbody><body name="left_flange"/></worldbody></mujoco>', 'nonsense'),
])
def test_a_wrong_task_scene_is_refused_by_name(xml, text):
    with pytest.raises(SceneError, match=text):
        build_scene(TaskScene(text, xml))


@pytest.mark.parametrize('qpos, text', [
    ({'block': [0.3, 0.1, 0.025]}, 'expected 7 finite values'),
    ({'block': [0.3, 0.1, float('nan'), 1, 0, 0, 0]}, 'finite'),
    ({'brick': [0.0] * 7}, 'brick'),
])
def test_a_wrong_start_is_refused(qpos, text):
    with pytest.raises(SceneError, match=text):
        build_scene(TaskScene('block', BLOCK_XML, {}, ('block',), qpos))


def test_an_object_joint_that_is_not_there_is_refused():
    with pytest.raises(SceneError, match="a joint 'brick'"):
        build_scene(TaskScene('block', BLOCK_XML, {}, ('brick',), {}))

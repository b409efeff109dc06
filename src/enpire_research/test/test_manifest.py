"""What the manifest of a station covers: every file that a tick of a trial goes through, and the libraries."""

import importlib.metadata
import os
import shutil

import pytest
from enpire_drivers.sim.scene import write_scene
from enpire_research.trials import libraries, manifest
from enpire_research.trials.trial_setup import robot_limits_file
from enpire_tasks import registry


def entries(code=None):
    task = registry.get('push_t')
    return manifest.entries(task.folder, (robot_limits_file(), task.limits_file), 'a' * 64, code)


@pytest.mark.parametrize('name', (
    'task/verifier.py', 'trials/retreat.py', 'enpire_policy/types.py', 'enpire_safety/gate/core.py',
    'enpire_safety/gate/rules/velocity.py', 'enpire_safety/safety_gate_node.py', 'enpire_drivers/sim/world.py',
    'enpire_drivers/arm/follower.py', 'enpire_core/ticks.py', 'enpire_core/types.py', 'enpire_tasks/types.py',
    'robot/mjcf/yam_station.xml', 'robot/urdf/yam_station.urdf', 'robot/config/station.yaml',
    'limits/robot', 'limits/task', 'scene',
    'trial_server/trial_server_node.py', 'trial_server/conversions.py', 'library/numpy', 'library/mujoco',
    'library/python'))
def test_code_and_data_that_verdicts_and_bits_depend_on_are_in_it(name):
    assert name in entries()


def test_other_tasks_are_not_in_it():
    assert [name for name in entries() if name.startswith('enpire_tasks/')] == [
        'enpire_tasks/protocols.py', 'enpire_tasks/types.py']


def test_a_changed_rule_of_the_gate_changes_the_manifest_and_is_named(tmp_path):
    code = manifest.code()
    copy = tmp_path / 'safety'
    shutil.copytree(code['enpire_safety'], copy)
    code['enpire_safety'] = str(copy)
    before = entries(code)
    with open(os.path.join(copy, 'gate', 'rules', 'velocity.py'), 'a', encoding='utf-8') as handle:
        handle.write('#')
    after = entries(code)
    assert manifest.differences(before, after) == ['enpire_safety/gate/rules/velocity.py']
    assert manifest.total(before) != manifest.total(after)


def test_a_single_file_counts_and_one_that_is_missing_is_named(tmp_path):
    path = tmp_path / 'types.py'
    path.write_text('A = 1')
    first = entries({'shared/types.py': str(path)})
    path.write_text('A = 2')
    assert manifest.differences(first, entries({'shared/types.py': str(path)})) == ['shared/types.py']
    path.unlink()
    with pytest.raises(manifest.ManifestError, match='types.py: expected a folder or file'):
        entries({'shared/types.py': str(path)})


# ---- libraries -----------------------------------------------------------------------------
RECORD = 'numpy/core.py,sha256=aa,10\n../../bin/f2py,sha256=bb,5\nnumpy-2.dist-info/direct_url.json,sha256=cc,1\n'


def test_a_library_counts_by_version_and_files_and_not_by_where_it_is_installed():
    same = libraries.described('numpy', '2', RECORD)
    assert libraries.described('numpy', '2', RECORD.replace('bb', 'dd').replace('cc', 'ee')) == same
    assert libraries.described('numpy', '2', RECORD.replace('aa', 'ff')) != same
    assert libraries.described('numpy', '2.1', RECORD) != same


def test_a_library_without_a_list_of_its_files_is_known_by_its_version():
    assert libraries.described('numpy', '1.26.4', '') == b'numpy==1.26.4'


# ---- the freeze ----------------------------------------------------------------------------
@pytest.fixture
def station(tmp_path):
    """Return (folder, Freeze) of a station with one file of a verifier's model."""
    (tmp_path / 'task').mkdir()
    (tmp_path / 'task' / 'model.onnx').write_bytes(b'weights')
    write_scene(str(tmp_path / 'scene'), registry.get('push_t').scene())
    for name in ('robot', 'limits'):
        (tmp_path / f'{name}.yaml').write_text('profiles: {}')
    return tmp_path, manifest.Freeze(
        str(tmp_path / 'task'), (str(tmp_path / 'robot.yaml'), str(tmp_path / 'limits.yaml')), str(tmp_path / 'scene'))


def test_what_is_as_it_was_has_not_changed(station):
    folder, freeze = station
    assert freeze.changed() == [] and freeze.hash == manifest.total(freeze.entries)
    (folder / 'task' / 'model.onnx').touch()
    assert freeze.changed() == []


@pytest.mark.parametrize('name, entry', [
    ('task/model.onnx', 'task/model.onnx'), ('robot.yaml', 'limits/robot'), ('scene/scene.mjb', 'scene'),
    ('scene/scene.json', 'scene')])
def test_one_bit_that_is_not_as_it_was_is_found_whatever_the_files_times_say(station, name, entry):
    folder, freeze = station
    path = folder / name
    data, times = bytearray(path.read_bytes()), os.stat(path)
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert freeze.changed() == [entry]


def test_a_file_that_is_new_or_gone_is_found(station):
    folder, freeze = station
    (folder / 'task' / 'new.py').write_text('')
    assert freeze.changed() == ['task/new.py']
    (folder / 'task' / 'new.py').unlink()
    (folder / 'task' / 'model.onnx').unlink()
    assert freeze.changed() == ['task/model.onnx']
    (folder / 'robot.yaml').unlink()
    assert 'robot.yaml: expected a file of the manifest that can be read' in freeze.changed()[0]


def test_a_library_that_is_installed_anew_is_found(station, monkeypatch):
    _, freeze = station
    real = importlib.metadata.distribution

    class Newer:
        version = '99'

        def read_text(self, name):
            return ''

    monkeypatch.setattr(libraries.importlib.metadata, 'distribution',
                        lambda name: Newer() if name == 'numpy' else real(name))
    assert freeze.changed() == [], 'nothing was installed'
    monkeypatch.setattr(libraries, 'signature', lambda paths: ())
    assert freeze.changed() == ['library/numpy']
    assert manifest.named(list('abcdefg')) == 'a, b, c, d, e and 2 more'

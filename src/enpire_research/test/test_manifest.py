"""What the manifest of a station covers: every file that a tick of a trial goes through."""

import os
import shutil

import pytest
from enpire_research.trials import manifest
from enpire_research.trials.trial_setup import robot_limits_file
from enpire_tasks import registry


def entries(code=None):
    task = registry.get('push_t')
    return manifest.entries(task.folder, (robot_limits_file(), task.limits_file), 'a' * 64, code)


@pytest.mark.parametrize('name', (
    'task/verifier.py', 'trials/retreat.py', 'enpire_policy/types.py', 'enpire_safety/gate/core.py',
    'enpire_safety/gate/rules/velocity.py', 'enpire_safety/safety_gate_node.py', 'enpire_drivers/sim/world.py',
    'enpire_drivers/arm/follower.py', 'enpire_core/ticks.py', 'enpire_core/types.py', 'enpire_tasks/types.py',
    'robot/mjcf/yam_station.xml', 'robot/config/station.yaml', 'limits/robot', 'limits/task', 'scene'))
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

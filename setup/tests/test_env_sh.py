"""The script that a shell sources."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / 'env.sh'


@pytest.fixture
def root(tmp_path):
    """A repository with a virtual environment that has the ROS wheels, as far as paths go."""
    root = tmp_path / 'repository'
    (root / 'setup').mkdir(parents=True)
    shutil.copy(SCRIPT, root / 'setup')
    (root / '.venv' / 'bin').mkdir(parents=True)
    (root / '.venv' / 'bin' / 'python').symlink_to('/bin/true')
    (root / '.venv' / 'share' / 'rclpy').mkdir(parents=True)
    (root / '.venv' / 'lib/python3.11/site-packages/ros_rcl.libs').mkdir(parents=True)
    return root


def source(root, then, shell='bash', options='', **extra):
    env = {'PATH': os.defpath, **extra}
    if shell == 'dash':
        env['ENPIRE_ROOT'] = str(root)
    command = f'{options} . "$1/setup/env.sh" || exit 7; {then}'
    return subprocess.run(
        [shell, '-c', command, shell, str(root)], env=env, capture_output=True, text=True
    )


def value(root, name, **keywords):
    result = source(root, f'printf %s "${name}"', **keywords)
    assert result.returncode == 0, result.stderr
    return result.stdout


SHELLS = [
    pytest.param(s, marks=pytest.mark.skipif(shutil.which(s) is None, reason=f'no {s} here'))
    for s in ('bash', 'dash', 'zsh')
]


@pytest.mark.parametrize('shell', SHELLS)
def test_the_environment_is_the_prefix_of_ros_in_each_shell(root, shell):
    venv = str(root / '.venv')
    assert value(root, 'AMENT_PREFIX_PATH', shell=shell) == venv
    assert value(root, 'CMAKE_PREFIX_PATH', shell=shell) == venv
    libraries = value(root, 'LD_LIBRARY_PATH', shell=shell).split(':')
    assert libraries == [f'{venv}/lib', f'{venv}/lib/python3.11/site-packages/ros_rcl.libs']
    assert value(root, '_ROS_WHEELS_BOOTSTRAP_COMPLETE', shell=shell) == '1'
    assert value(root, 'PATH', shell=shell).startswith(f'{venv}/bin:')
    assert value(root, 'ROS_AUTOMATIC_DISCOVERY_RANGE', shell=shell) == 'LOCALHOST'


def test_a_folder_that_the_set_up_refuses_is_still_taken_as_one_word(root):
    # The set-up refuses blanks; who sources the script there must not get half a path.
    odd = root.rename(root.with_name('a folder with blanks'))
    assert value(odd, 'VIRTUAL_ENV') == f'{odd}/.venv'


def test_sourcing_twice_adds_nothing(root):
    once = source(root, 'env').stdout
    twice = source(root, '. "$1/setup/env.sh"; env').stdout
    assert once.splitlines() == twice.splitlines()


def test_what_the_user_chose_stays(root):
    assert value(root, 'ROS_AUTOMATIC_DISCOVERY_RANGE', ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET') == (
        'SUBNET'
    )
    assert value(root, 'LD_LIBRARY_PATH', LD_LIBRARY_PATH='/mine').endswith(':/mine')


def test_it_can_be_sourced_where_unset_variables_and_errors_end_the_shell(root):
    (root / 'install').mkdir()
    (root / 'install' / 'local_setup.bash').write_text('X="$NEVER_SET"; export WORKSPACE=there\n')
    assert value(root, 'WORKSPACE', options='set -eu;') == 'there'
    result = source(root, 'echo "$NEVER_SET"', options='set -u;')
    assert result.returncode != 0, '`set -u` must be in force again'


def test_the_set_up_sources_it_without_the_workspace(root):
    (root / 'install').mkdir()
    (root / 'install' / 'local_setup.bash').write_text('export WORKSPACE=there\n')
    assert value(root, 'WORKSPACE') == 'there'
    assert value(root, 'WORKSPACE', ENPIRE_ENV_WITHOUT_WORKSPACE='1') == ''


def test_where_ros_is_sourced_only_environment_and_workspace_are_added(root):
    shutil.rmtree(root / '.venv' / 'share')
    extra = {'AMENT_PREFIX_PATH': '/opt/ros/jazzy', 'ROS_DISTRO': 'jazzy'}
    assert value(root, 'AMENT_PREFIX_PATH', **extra) == '/opt/ros/jazzy'
    assert value(root, 'LD_LIBRARY_PATH', **extra) == ''
    assert value(root, '_ROS_WHEELS_BOOTSTRAP_COMPLETE', **extra) == ''
    assert value(root, 'VIRTUAL_ENV', **extra) == str(root / '.venv')


def test_without_an_environment_it_says_what_to_do_and_fails(root):
    shutil.rmtree(root / '.venv')
    result = source(root, 'true')
    assert result.returncode == 7
    assert 'expected a virtual environment' in result.stderr and 'make setup' in result.stderr


def test_no_helper_of_the_script_is_left_in_the_shell(root):
    before = subprocess.run(
        ['bash', '-c', 'set'], env={'PATH': os.defpath}, capture_output=True, text=True
    ).stdout
    after = source(root, 'set').stdout
    assert '_enpire' not in before
    names = [line.split('=')[0].split(' ')[0] for line in after.splitlines()]
    assert not [name for name in names if name.startswith('_enpire')]


@pytest.mark.parametrize('shell', SHELLS)
def test_mujoco_renders_with_what_the_set_up_has_found_unless_the_user_chose(root, shell):
    assert value(root, 'MUJOCO_GL', shell=shell) == 'egl'
    state = root / '.venv' / '.enpire'
    state.mkdir()
    (state / 'mujoco_gl').write_text('osmesa\n')
    assert value(root, 'MUJOCO_GL', shell=shell, options='set -eu;') == 'osmesa'
    assert value(root, 'MUJOCO_GL', shell=shell, MUJOCO_GL='glfw') == 'glfw'
    (state / 'mujoco_gl').write_text('')
    assert value(root, 'MUJOCO_GL', shell=shell) == 'egl'

"""What the machine lacks, told in one sentence; which ROS the shell has sourced."""
import sys
from pathlib import Path

import pytest
from enpire_setup import machine
from enpire_setup.errors import SetupError
from enpire_setup.log import Log
from enpire_setup.machine import Need


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / 'setup.log')
    log.open()
    yield log
    log.close()


def lacking(monkeypatch, *lost):
    monkeypatch.setattr(machine, 'needs', lambda environ: list(lost))


COMPILER = Need('a C compiler (gcc)', False, ('gcc',))
HEADERS = Need("python3.11's headers", False, ('python3.11-dev',))


def test_a_machine_that_has_everything_is_left_alone(monkeypatch, log):
    lacking(monkeypatch, Need('git', True, ('git',)))
    monkeypatch.setattr(log, 'run', lambda *a, **k: pytest.fail('nothing is to be run'))
    machine.provide(log, {'PATH': '/usr/bin'})


def test_without_root_the_exact_command_is_told_and_nothing_is_run(monkeypatch, log, tmp_path):
    lacking(monkeypatch, COMPILER, Need('libGL.so.1', False, ('libgl1',)))
    monkeypatch.setattr(machine.os, 'geteuid', lambda: 1000)
    monkeypatch.setattr(log, 'run', lambda *a, **k: pytest.fail('nothing is to be run'))
    fake = tmp_path / 'apt-get'
    fake.write_text('#!/bin/sh\n')
    fake.chmod(0o755)
    with pytest.raises(SetupError) as caught:
        machine.provide(log, {'PATH': str(tmp_path)})
    sentence = str(caught.value)
    assert 'lacks a C compiler (gcc), libGL.so.1' in sentence
    assert (
        '`sudo apt-get update && sudo apt-get install --yes --no-install-recommends gcc libgl1`'
        in sentence
    )


def test_without_apt_the_packages_are_named_by_their_names_on_debian(monkeypatch, log, tmp_path):
    lacking(monkeypatch, COMPILER)
    with pytest.raises(SetupError, match='no apt-get.*on Debian they are called: gcc'):
        machine.provide(log, {'PATH': str(tmp_path)})


def test_a_python_that_debian_does_not_own_gets_no_debian_headers():
    sentence = machine.lacking_sentence([HEADERS], apt=True, system_python=False)
    assert sys.executable in sentence
    assert 'PYTHON=/usr/bin/python3' in sentence
    assert 'apt-get' not in sentence


def test_an_apt_that_fails_is_told_with_its_last_error(monkeypatch, log, tmp_path):
    lacking(monkeypatch, COMPILER)
    monkeypatch.setattr(machine.os, 'geteuid', lambda: 0)
    fake = tmp_path / 'apt-get'
    fake.write_text('#!/bin/sh\necho "E: Unable to fetch some archives"\necho later\nexit 100\n')
    fake.chmod(0o755)
    with pytest.raises(SetupError, match=r'apt-get update.*status 100 \(E: Unable to fetch'):
        machine.provide(log, {'PATH': str(tmp_path)})


def test_as_root_only_what_is_missing_is_installed_after_one_update(monkeypatch, log, tmp_path):
    calls = tmp_path / 'calls'
    fake = tmp_path / 'apt-get'
    fake.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    fake.chmod(0o755)
    found = iter([[COMPILER, Need('git', True, ('git',))], [Need('gcc', True, ('gcc',))]])
    monkeypatch.setattr(machine, 'needs', lambda environ: next(found))
    monkeypatch.setattr(machine.os, 'geteuid', lambda: 0)
    machine.provide(log, {'PATH': f'{tmp_path}:/usr/bin:/bin'})
    assert calls.read_text().splitlines() == [
        'update',
        'install --yes --no-install-recommends gcc',
    ]


def test_a_need_that_apt_did_not_meet_is_told(monkeypatch, log, tmp_path):
    fake = tmp_path / 'apt-get'
    fake.write_text('#!/bin/sh\nexit 0\n')
    fake.chmod(0o755)
    lacking(monkeypatch, COMPILER)
    monkeypatch.setattr(machine.os, 'geteuid', lambda: 0)
    with pytest.raises(SetupError, match='still lacks a C compiler'):
        machine.provide(log, {'PATH': f'{tmp_path}:/usr/bin:/bin'})


def test_a_path_without_programs_lacks_each_of_them(tmp_path):
    missing = {need.packages[0] for need in machine.needs({'PATH': str(tmp_path)}) if not need.met}
    assert {'git', 'make', 'gcc', 'g++', 'cmake'} <= missing


def test_a_compiler_named_by_cc_counts(tmp_path):
    fake = tmp_path / 'clang-15'
    fake.write_text('#!/bin/sh\n')
    fake.chmod(0o755)
    environ = {'PATH': str(tmp_path), 'CC': 'clang-15 -m64'}
    met = {need.packages[0]: need.met for need in machine.needs(environ)}
    assert met['gcc'] and not met['g++']


@pytest.mark.parametrize(
    'libraries, driver, chosen',
    [
        (['libEGL.so.1', 'libEGL_mesa.so.0'], True, 'egl'),
        (['libEGL.so.1', 'libEGL_mesa.so.0'], False, None),
        (['libEGL.so.1', 'libEGL_nvidia.so.0'], False, 'egl'),
        (['libEGL.so.1'], True, None),
        (['libEGL.so.1', 'libOSMesa.so.8'], False, 'osmesa'),
        (['libOSMesa.so.6'], False, 'osmesa'),
        (['libEGL.so.1', 'libEGL_mesa.so.0', 'libOSMesa.so.8'], True, 'egl'),
        ([], False, None),
    ],
)
def test_rendering_is_by_egl_with_a_driver_or_else_by_osmesa(
    monkeypatch, libraries, driver, chosen
):
    monkeypatch.setattr(machine, '_loads', lambda library: library in libraries)
    monkeypatch.setattr(machine.glob, 'glob', lambda pattern: ['driver'] if driver else [])
    assert machine.rendering() == chosen


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('wheels', 'Darwin', 'arm64', ''), 'expected Linux and found Darwin'),
        (('sourced-ros', 'Windows', 'AMD64', ''), 'expected Linux and found Windows'),
        (('wheels', 'Linux', 'aarch64', 'glibc'), 'x86-64 machine and found aarch64.*Jazzy'),
        (('wheels', 'Linux', 'x86_64', ''), 'glibc and found another C library'),
    ],
)
def test_a_machine_without_wheels_is_refused(arguments, words):
    with pytest.raises(SetupError, match=words):
        machine.check_platform(*arguments)


@pytest.mark.parametrize(
    'arguments',
    [('wheels', 'Linux', 'x86_64', 'glibc'), ('sourced-ros', 'Linux', 'aarch64', 'glibc')],
)
def test_a_machine_with_wheels_or_with_its_own_ros_is_accepted(arguments):
    machine.check_platform(*arguments)


@pytest.mark.parametrize('folder', ['/home/a b/enpire', '/a:b', '/a;b', "/it's", '/a$b', '/a\nb'])
def test_a_folder_whose_name_breaks_programs_is_refused_in_one_sentence(folder):
    with pytest.raises(SetupError, match='move it to a folder') as caught:
        machine.check_folder(Path(folder))
    assert '\n' not in str(caught.value)


def test_a_folder_with_an_ordinary_name_is_accepted():
    machine.check_folder(Path('/home/jürgen/enpire-2.0_(copy)'))


def test_too_little_room_is_told_with_both_figures(tmp_path, monkeypatch):
    usage = type('Usage', (), {'free': 0.25 * machine.GIB})
    monkeypatch.setattr(machine.shutil, 'disk_usage', lambda folder: usage)
    with pytest.raises(SetupError, match=r'expected 1.5 GiB .* found 0.25 GiB: free some space'):
        machine.check_room(tmp_path, 1.5 * machine.GIB)
    machine.check_room(tmp_path, 0.25 * machine.GIB)


def ros(folder):
    (folder / 'share' / 'rclpy').mkdir(parents=True)
    return folder


def test_a_sourced_jazzy_is_found(tmp_path):
    prefix = ros(tmp_path / 'jazzy')
    environ = {'AMENT_PREFIX_PATH': f'/nowhere:{prefix}', 'ROS_DISTRO': 'jazzy'}
    assert machine.sourced_ros(environ, tmp_path / 'repository') == prefix


def test_the_projects_own_environment_is_not_a_sourced_ros(tmp_path):
    # setup/env.sh names the virtual environment as a prefix and sets ROS_DISTRO.
    prefix = ros(tmp_path / 'repository' / '.venv')
    environ = {'AMENT_PREFIX_PATH': str(prefix), 'ROS_DISTRO': 'jazzy'}
    assert machine.sourced_ros(environ, tmp_path / 'repository') is None


def test_the_projects_own_environment_is_known_through_a_link_too(tmp_path):
    ros(tmp_path / 'repository' / '.venv')
    (tmp_path / 'link').symlink_to(tmp_path / 'repository')
    environ = {'AMENT_PREFIX_PATH': str(tmp_path / 'link' / '.venv'), 'ROS_DISTRO': 'jazzy'}
    assert machine.sourced_ros(environ, tmp_path / 'repository') is None


ANOTHER = 'environment of another clone .*: open a new shell'


def test_the_environment_of_another_clone_is_not_a_sourced_ros_and_refused(tmp_path):
    prefix = ros(tmp_path / 'other' / '.venv')
    (prefix / 'pyvenv.cfg').touch()
    environ = {'AMENT_PREFIX_PATH': str(prefix), 'ROS_DISTRO': 'jazzy'}
    with pytest.raises(SetupError, match=ANOTHER) as caught:
        machine.sourced_ros(environ, tmp_path / 'repository')
    assert str(prefix) in str(caught.value)


def test_the_workspace_of_another_clone_on_a_sourced_ros_is_refused(tmp_path):
    prefix = ros(tmp_path / 'jazzy')
    package = tmp_path / 'repository' / 'src' / 'things'
    package.mkdir(parents=True)
    (package / 'package.xml').touch()
    for clone in ('other', 'repository'):
        (tmp_path / clone / 'install' / 'things').mkdir(parents=True)
    mine = tmp_path / 'overlay' / 'install' / 'of_the_user'
    mine.mkdir(parents=True)

    def path(*prefixes):
        return {'AMENT_PREFIX_PATH': ':'.join(map(str, prefixes)), 'ROS_DISTRO': 'jazzy'}

    root = tmp_path / 'repository'
    assert machine.sourced_ros(path(root / 'install' / 'things', mine, prefix), root) == prefix
    with pytest.raises(SetupError, match=ANOTHER):
        machine.sourced_ros(path(tmp_path / 'other' / 'install' / 'things', prefix), root)


def test_another_ros_is_refused_by_name(tmp_path):
    prefix = ros(tmp_path / 'humble')
    environ = {'AMENT_PREFIX_PATH': str(prefix), 'ROS_DISTRO': 'humble'}
    with pytest.raises(SetupError, match='expected ROS 2 Jazzy or no ROS.*ROS_DISTRO=humble'):
        machine.sourced_ros(environ, tmp_path / 'repository')


def test_no_ros_is_none(tmp_path):
    assert machine.sourced_ros({}, tmp_path) is None


@pytest.mark.parametrize(
    'output, line',
    [
        ('a\nERROR: broken\nnote: see above\n', 'ERROR: broken'),
        ('E: Unable to fetch\nlater\n', 'E: Unable to fetch'),
        ('x.c:3:1: error: expected ;\nmake: *** [x] Error 1\n', 'x.c:3:1: error: expected ;'),
        ("SyntaxError: '(' was never closed\nsubprocess.CalledProcessError: Command x failed\n",
         "SyntaxError: '(' was never closed"),
        ('a\nb\n\n', 'b'),
        ('', 'it wrote nothing'),
    ],
)  # fmt: skip
def test_the_telling_line_of_an_output_is_the_last_that_speaks_of_an_error(output, line):
    assert machine.last_error(output) == line

"""The set-up as a whole: what is due, what an error looks like, one at a time."""
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from enpire_setup import command, machine, python_packages, workspace
from enpire_setup.command import Setup
from enpire_setup.errors import SetupError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with the real lock files, no package in src, and no ROS sourced."""
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    shutil.copytree(REPOSITORY / 'setup' / 'lock', tmp_path / 'setup' / 'lock')
    (tmp_path / 'src').mkdir()
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Stages that take no time; the list holds the names of those that ran."""
    ran = []

    def make(log, venv, keep, system_packages):
        ran.append('environment')
        (venv / 'bin').mkdir(parents=True, exist_ok=True)
        (venv / 'bin' / 'python').touch()

    monkeypatch.setattr(python_packages, 'make_environment', make)
    monkeypatch.setattr(python_packages, 'download_packages', lambda *a: None)
    monkeypatch.setattr(
        python_packages, 'install_packages', lambda *a: ran.append('packages')
    )
    monkeypatch.setattr(
        command.wheel_paths, 'patch_tree', lambda *a: ran.append('paths') or []
    )
    monkeypatch.setattr(workspace, 'build', lambda *a: ran.append('build'))
    monkeypatch.setattr(machine, 'provide', lambda *a: None)
    monkeypatch.setattr(machine, 'check_room', lambda *a: None)
    return ran


ALL = ['environment', 'packages', 'paths', 'build']


def test_the_first_call_does_every_stage_and_the_second_nothing(root, quick, capsys):
    assert command.run([], root) == 0
    assert quick == ALL
    out = capsys.readouterr().out
    assert out.count('\n') == 2 + 1 + len(ALL), 'a line a stage, one before, one after, the machine'
    assert command.run([], root) == 0
    assert quick == ALL
    assert capsys.readouterr() == ('', '')


def test_what_the_machine_renders_with_is_noted_for_the_shells(root, quick, monkeypatch):
    monkeypatch.setattr(machine, 'rendering', lambda: 'osmesa')
    command.run([], root)
    assert (root / '.venv' / '.enpire' / 'mujoco_gl').read_text() == 'osmesa\n'


def test_a_changed_lock_file_installs_and_builds_and_keeps_the_environment(root, quick):
    command.run([], root)
    with open(root / 'setup' / 'lock' / 'wheels.txt', 'a') as file:
        file.write('# changed\n')
    command.run([], root)
    assert quick == ALL + ALL[1:]


def test_a_download_that_fails_leaves_an_environment_that_works(root, quick, monkeypatch):
    command.run([], root)
    (root / '.venv' / 'in-use').touch()
    lock = root / 'setup' / 'lock' / 'wheels.txt'
    old = lock.read_bytes()
    lock.write_bytes(old + b'# changed\n')
    with monkeypatch.context() as patch:
        offline = SetupError('the package index cannot be reached')
        patch.setattr(
            python_packages, 'download_packages', lambda *a: (_ for _ in ()).throw(offline)
        )
        for _ in range(2):
            assert command.run([], root) == 1
        lock.write_bytes(old)
        assert command.run([], root) == 0
    assert quick == ALL
    assert (root / '.venv' / 'in-use').exists()
    lock.write_bytes(old + b'# changed\n')
    assert command.run([], root) == 0
    assert quick == ALL + ALL[1:]


def test_a_new_package_only_builds(root, quick):
    command.run([], root)
    (root / 'src' / 'things').mkdir()
    (root / 'src' / 'things' / 'package.xml').write_text('<package/>')
    command.run([], root)
    assert quick == ALL + ['build']


@pytest.mark.parametrize('lost', ['build', 'install'])
def test_a_removed_result_is_built_again(root, quick, lost):
    (root / 'src' / 'things').mkdir()
    (root / 'src' / 'things' / 'package.xml').write_text('<package/>')
    command.run([], root)
    for name in ('build', 'install'):
        (root / name / 'things').mkdir(parents=True)
    assert Setup(root).due() == []
    shutil.rmtree(root / lost)
    assert [stage.name for stage in Setup(root).due()] == ['build']


def test_an_interrupted_installation_starts_from_an_empty_environment(root, quick, monkeypatch):
    def interrupted(*arguments):
        quick.append('half')
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(python_packages, 'install_packages', interrupted)
        assert command.run([], root) == 130
    assert quick == ['environment', 'half']
    (root / '.venv' / 'half-written').touch()
    assert command.run([], root) == 0
    assert quick == ['environment', 'half'] + ALL
    assert not (root / '.venv' / 'half-written').exists()


def test_a_build_that_failed_in_order_is_built_upon_and_an_interrupted_one_is_begun_again(
    root, quick, monkeypatch
):
    for name in ('build', 'install'):
        (root / name / 'things').mkdir(parents=True)
    (root / 'src' / 'things').mkdir()
    (root / 'src' / 'things' / 'package.xml').write_text('<package/>')
    command.run([], root)
    for name in ('build', 'install'):
        (root / name / 'things').mkdir(parents=True)
    (root / 'src' / 'things' / 'setup.py').write_text('broken')

    for error, kept in ((SetupError('things failed'), True), (KeyboardInterrupt(), False)):
        with monkeypatch.context() as patch:
            patch.setattr(workspace, 'build', lambda *a, error=error: (_ for _ in ()).throw(error))
            assert command.run([], root) != 0
        assert command.run([], root) == 0
        assert (root / 'build' / 'things').is_dir() is kept
        (root / 'src' / 'things' / 'setup.py').write_text('broken again')
        (root / 'install' / 'things').mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize(
    'error, words',
    [
        (SetupError('Expected this, found that: do so.'), 'Expected this, found that: do so.'),
        (OSError(errno.ENOSPC, 'No space left on device'), 'disk (or the quota) is full'),
        (OSError('cannot be read'), '"cannot be read" for one of them'),
        (PermissionError(errno.EACCES, 'Permission denied', '/x'), '"Permission denied" for /x'),
    ],
)
def test_an_error_is_one_sentence_and_the_name_of_the_log(
    root, quick, capsys, monkeypatch, error, words
):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(python_packages, 'install_packages', fail)
    assert command.run([], root) == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.count('\n') == 1 and 'Traceback' not in err
    assert str(root / '.venv' / '.enpire' / 'setup.log') in err


def test_a_folder_that_programs_cannot_work_in_is_refused_before_anything_is_written(
    root, quick, capsys
):
    odd = root / 'a folder'
    odd.mkdir()
    assert command.run([], odd) == 1
    out, err = capsys.readouterr()
    assert 'no blank, colon' in err and err.count('\n') == 1 and out == ''
    assert list(odd.iterdir()) == [] and quick == []


def test_a_disk_that_is_full_from_the_start_is_told_without_a_log(root, quick, capsys, monkeypatch):
    def full(self, *arguments, **keywords):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'mkdir', full)
    assert command.run([], root) == 1
    err = capsys.readouterr().err
    assert 'is full: free some space' in err and 'Details' not in err


def test_a_second_set_up_waits_for_the_first_and_says_so(root, quick, capsys):
    state = root / '.venv' / '.enpire'
    state.mkdir(parents=True)
    with open(state / 'lock', 'w') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write('4321\n')
        held.flush()
        entered = threading.Event()

        def second():
            with command.only_one(state):
                entered.set()

        thread = threading.Thread(target=second)
        thread.start()
        deadline = time.monotonic() + 30
        text = ''
        while 'waiting' not in text and time.monotonic() < deadline:
            text += capsys.readouterr().out
            entered.wait(0.01)
        assert 'another set-up of this folder (process 4321), or a program that it started' in text
        assert not entered.is_set()
        fcntl.flock(held, fcntl.LOCK_UN)
        thread.join(timeout=30)
        assert entered.is_set()


def test_a_sourced_ros_has_its_own_lock_and_no_patching(root, quick, monkeypatch, tmp_path):
    prefix = tmp_path / 'elsewhere' / 'jazzy'
    (prefix / 'share' / 'rclpy').mkdir(parents=True)
    monkeypatch.setattr(machine, 'sourced_ros', lambda environ, root: prefix)
    monkeypatch.setattr(Setup, 'check_sourced_python', lambda self, ros: None)
    assert command.run([], root) == 0
    assert quick == ['environment', 'packages', 'build']
    assert Setup(root).lock.name == 'sourced-ros.txt'


def test_a_python_that_cannot_import_the_sourced_rclpy_is_refused(root, monkeypatch, tmp_path):
    fake = tmp_path / 'python'
    fake.write_text('#!/bin/sh\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setattr(command.sys, 'executable', str(fake))
    with pytest.raises(SetupError, match='expected a Python that can import rclpy .*/opt/ros'):
        Setup(root).check_sourced_python(Path('/opt/ros/jazzy'))


@pytest.fixture
def bare(tmp_path):
    """A copy of the real set-up, and an environment whose package index is a closed port."""
    root = tmp_path / 'repository'
    shutil.copytree(
        REPOSITORY / 'setup', root / 'setup', ignore=shutil.ignore_patterns('__pycache__', 'tests')
    )
    keep = ('PATH', 'HOME', 'LANG')
    env = {name: os.environ[name] for name in keep if name in os.environ}
    env.update(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL='http://127.0.0.1:9/simple')
    env.update(PIP_RETRIES='0', PIP_NO_CACHE_DIR='1', LD_LIBRARY_PATH='')
    return root, env


def start(bare):
    root, env = bare
    base = getattr(sys, '_base_executable', sys.executable)
    return subprocess.Popen(
        [base, str(root / 'setup' / 'bootstrap.py')],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_real_set_up_without_network_ends_with_one_sentence(bare):
    process = start(bare)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert 'the package index cannot be reached' in err
    assert err.count('\n') == 1 and 'Traceback' not in out + err


def test_the_real_set_up_that_is_terminated_says_how_to_go_on_and_leaves_no_process(bare):
    root, _ = bare
    process = start(bare)
    begun = root / '.venv' / '.enpire' / 'environment.begun'
    deadline = time.monotonic() + 60
    wait = threading.Event()
    while not begun.exists() and time.monotonic() < deadline and process.poll() is None:
        wait.wait(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 'interrupted: run the same command again' in err
    assert err.count('\n') == 1
    # Killed is not gone at once.
    deadline = time.monotonic() + 5
    while command_lines_with(root) and time.monotonic() < deadline:
        wait.wait(0.01)
    assert not command_lines_with(root)


def command_lines_with(path):
    found = []
    for entry in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            line = entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(path).encode() in line:
            found.append(line)
    return found


def test_the_packages_for_training_come_only_where_asked_for_and_stay_then(root, quick):
    assert command.run([], root) == 0 and 'training' not in quick
    assert command.run(['--training'], root) == 0
    assert quick == [*ALL, 'packages'], 'one more installation, and nothing else again'
    assert command.run([], root) == 0 and quick == [*ALL, 'packages']
    with open(root / 'setup' / 'lock' / 'training.txt', 'a') as file:
        file.write('# another edition\n')
    assert command.run([], root) == 0 and quick == [*ALL, 'packages', 'packages']


def test_an_interrupted_installation_of_them_makes_the_environment_anew(root, quick):
    assert command.run(['--training'], root) == 0
    Setup(root).stamps.begin('training')
    quick.clear()
    assert command.run([], root) == 0
    assert quick == [*ALL, 'packages']

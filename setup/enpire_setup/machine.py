"""What the machine must have, and what it lacks.

Each need is looked for itself (a program, a header, a library that can be
loaded), never the package database: so it does not matter who installed it.
Not covered: version of compiler and CMake; a broken one shows in the build.
"""
from __future__ import annotations

import ctypes
import glob
import importlib.util
import os
import platform
import re
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional

from .errors import SetupError
from .log import Log, plain_environment

GIB = 1024**3
# Installed size plus what pip unpacks on the way, measured and rounded up.
ROOM_BYTES = {'wheels': 1.5 * GIB, 'sourced-ros': 1.2 * GIB}
ROOM_TO_BUILD_BYTES = 0.2 * GIB
# torch with CUDA: what is downloaded, and what is installed from it.
ROOM_FOR_TRAINING_BYTES = 12 * GIB
_BREAKING = re.compile(r'[\s:;\'"`$\\]')


@dataclass(frozen=True)
class Need:
    """Something that the machine must have: in words, whether it is there, who brings it."""

    what: str
    met: bool
    packages: tuple[str, ...]


def sourced_ros(environ: Mapping[str, str], root: Path) -> Optional[Path]:
    """Return the prefix of the ROS that the shell has sourced, or None.

    The project's own folders don't count: `setup/env.sh` names them as prefixes
    too. Raises SetupError when a ROS other than Jazzy is sourced, or what another
    clone of this repository has built.
    """
    ours = {path.parent.name for path in root.glob('src/*/package.xml')}
    found = None
    for entry in environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        prefix = Path(entry)
        if not entry or _is_inside(prefix, root):
            continue
        is_ros = (prefix / 'share' / 'rclpy').is_dir()
        # ROS of its own packages is no virtual environment; ours is one.
        of_a_clone = is_ros and (prefix / 'pyvenv.cfg').exists()
        if of_a_clone or (prefix.name in ours and prefix.is_dir()):
            raise SetupError(
                'Set-up expected ROS 2 Jazzy of its own packages or no ROS, and this shell has '
                f'sourced the environment of another clone ({prefix}): open a new shell.'
            )
        if is_ros and found is None:
            found = prefix
    distro = environ.get('ROS_DISTRO', 'unnamed')
    if found is not None and distro != 'jazzy':
        raise SetupError(
            f'Set-up expected ROS 2 Jazzy or no ROS in this shell, and found ROS_DISTRO='
            f'{distro} ({found}): open a shell that does not source it, or source Jazzy.'
        )
    return found


def _is_inside(path: Path, root: Path) -> bool:
    """Say whether a path is below `root`, by its words or through links above it."""
    return any(folder == root or folder.resolve() == root for folder in (path, *path.parents))


def check_folder(root: Path) -> None:
    """Raise SetupError when programs that the set-up needs can't work in a folder of this name.

    A blank breaks the first line of installed programs (`#!/folder/.venv/bin/python`),
    a colon breaks PATH, a semicolon CMake's lists, the others shell code that is generated.
    """
    found = sorted(set(_BREAKING.findall(str(root))))
    if found:
        raise SetupError(
            'Set-up expected a folder whose path has no blank, colon, semicolon, quote, dollar or '
            f'backslash, and found {" ".join(map(repr, found))} in {str(root)!r}: move it to a '
            'folder with a plain name, then run the same command there.'
        )


def check_platform(mode: str, system: str, machine: str, libc: str) -> None:
    """Refuse a machine for which the ROS wheels don't exist.

    mode: 'wheels' or 'sourced-ros'. Raises SetupError.
    """
    if system != 'Linux':
        raise SetupError(f'Set-up expected Linux and found {system}: use a Linux machine.')
    if mode == 'sourced-ros':
        return
    if machine not in ('x86_64', 'AMD64'):
        raise SetupError(
            f'Set-up expected an x86-64 machine and found {machine}, for which the ROS wheels do '
            'not exist: install ROS 2 Jazzy from its own packages, source it, run this again.'
        )
    if libc != 'glibc':
        raise SetupError(
            f'Set-up expected a Linux with glibc and found {libc or "another C library"}, for '
            'which the ROS wheels do not exist: use Debian 12 or Ubuntu 24.04.'
        )


def check_this_platform(mode: str) -> None:
    """Apply `check_platform` to this machine."""
    check_platform(mode, platform.system(), platform.machine(), platform.libc_ver()[0])


def check_room(folder: Path, needed_bytes: float) -> None:
    """Raise SetupError unless the file system of `folder` has this much room."""
    free = shutil.disk_usage(folder).free
    if not free >= needed_bytes:
        raise SetupError(
            f'Set-up expected {needed_bytes / GIB:.1f} GiB of free disk for {folder} and found '
            f'{free / GIB:.2f} GiB: free some space, then run the same command again.'
        )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def rendering() -> Optional[str]:
    """Return how MuJoCo can render without a screen: 'egl' (a library and a driver), 'osmesa', None."""
    if _loads('libEGL.so.1') and (_loads('libEGL_nvidia.so.0') or _has_mesa_driver()):
        return 'egl'
    if _loads('libOSMesa.so.8') or _loads('libOSMesa.so.6'):
        return 'osmesa'
    return None


def _has_mesa_driver() -> bool:
    drivers = ('*/dri/swrast_dri.so', '*/libgallium-*.so')
    found = any(glob.glob(f'{lib}/{name}') for lib in ('/usr/lib', '/lib') for name in drivers)
    return found and _loads('libEGL_mesa.so.0')


def _has_compiler(variable: str, names: tuple[str, ...], environ: Mapping[str, str]) -> bool:
    path = environ.get('PATH', os.defpath)
    named = environ.get(variable, '').split()
    return any(shutil.which(name, path=path) for name in (*named[:1], *names))


def needs(environ: Mapping[str, str]) -> list[Need]:
    """Return everything that set-up, build and simulation need from this machine."""
    path = environ.get('PATH', os.defpath)
    python = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    header = Path(sysconfig.get_paths()['include']) / 'Python.h'
    return [
        Need('git', shutil.which('git', path=path) is not None, ('git',)),
        Need('make', shutil.which('make', path=path) is not None, ('make',)),
        Need('a C compiler (gcc)', _has_compiler('CC', ('cc', 'gcc'), environ), ('gcc',)),
        Need('a C++ compiler (g++)', _has_compiler('CXX', ('c++', 'g++'), environ), ('g++',)),
        Need('cmake', shutil.which('cmake', path=path) is not None, ('cmake',)),
        Need(
            f"{python}'s venv and ensurepip",
            all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip')),
            (f'{python}-venv',),
        ),
        Need(f"{python}'s headers ({header})", header.is_file(), (f'{python}-dev',)),
        Need(
            'OSMesa, or EGL with Mesa (rendering without a screen)',
            rendering() is not None,
            ('libegl1', 'libegl-mesa0', 'libgl1-mesa-dri'),
        ),
        Need('libGL.so.1', _loads('libGL.so.1'), ('libgl1',)),
        Need('bubblewrap, to confine what agents write', shutil.which('bwrap', path=path) is not None, ('bubblewrap',)),
    ]


def lacking_sentence(missing: list[Need], apt: bool, system_python: bool) -> str:
    """Return what to tell somebody who must install these needs themselves."""
    words = ', '.join(need.what for need in missing)
    packages = ' '.join(package for need in missing for package in need.packages)
    if not system_python and any(p.startswith('python3.') for p in packages.split()):
        return (
            f'Set-up lacks {words}, and {sys.executable} is not the Python of Debian: install it '
            'with headers and ensurepip, or name another: `make setup PYTHON=/usr/bin/python3`.'
        )
    if not apt:
        return (
            f'Set-up lacks {words}, and this machine has no apt-get: install them with its own '
            f'package manager (on Debian they are called: {packages}), then run this again.'
        )
    return (
        f'Set-up lacks {words}, and only root can install Debian packages: run '
        f'`sudo apt-get update && sudo apt-get install --yes --no-install-recommends {packages}`, '
        'then this again.'
    )


def provide(log: Log, environ: Mapping[str, str]) -> None:
    """Install the Debian packages that the machine lacks (as root), or say which.

    Raises SetupError when something is lacking and can't be installed here.
    """
    missing = [need for need in needs(environ) if not need.met]
    if not missing:
        return
    log.write(''.join(f'missing: {need.what}\n' for need in missing))
    apt = shutil.which('apt-get', path=environ.get('PATH', os.defpath)) is not None
    system_python = sys.base_prefix == '/usr'
    packages = [package for need in missing for package in need.packages]
    foreign = not system_python and any(p.startswith('python3.') for p in packages)
    if os.geteuid() != 0 or not apt or foreign:
        raise SetupError(lacking_sentence(missing, apt, system_python))
    env = plain_environment(environ)
    env['DEBIAN_FRONTEND'] = 'noninteractive'
    install = ['apt-get', 'install', '--yes', '--no-install-recommends', *packages]
    for command in (['apt-get', 'update'], install):
        outcome = log.run(command, env=env)
        if outcome.status != 0:
            raise SetupError(
                f'Set-up expected `{" ".join(command)}` to succeed, and it ended with status '
                f'{outcome.status} ({last_error(outcome.tail)}): see to that, then run this again.'
            )
    importlib.invalidate_caches()
    left = [need for need in needs(environ) if not need.met]
    if left:
        words = ', '.join(need.what for need in left)
        raise SetupError(
            f'Set-up installed {" ".join(packages)} and still lacks {words}: install that by hand, '
            'then run this again.'
        )


# How apt, pip, CMake, compilers and Python begin the line that says what is wrong.
_TELLING = re.compile(
    r'E: |ERROR|CMake Error|error: |[^ ]+: (fatal )?error: |fatal: |[\w.]*(Error|Exception): '
)


def last_error(text: str) -> str:
    """Return the most telling line of a program's output: the last that speaks of an error.

    A Python program that failed because another did is not telling.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if _TELLING.match(line) and 'CalledProcessError' not in line:
            return line[:300]
    return lines[-1][:300] if lines else 'it wrote nothing'

"""The virtual environment and the pinned packages in it."""
from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from pathlib import Path
from typing import Mapping

from .errors import SetupError, disk_full, says_disk_full
from .lockfile import Pin, normal, read_lock
from .log import Log, plain_environment
from .machine import last_error

# One package of the lock has no wheel and is built with these, so that pip
# fetches no unpinned build tools of its own.
BUILD_TOOLS = ('packaging', 'setuptools', 'wheel')

_OFFLINE = (
    'temporary failure in name resolution',
    'name or service not known',
    'nodename nor servname',
    'failed to establish a new connection',
    'network is unreachable',
    'no route to host',
    'connection refused',
    'connecttimeout',
    'proxyerror',
    'sslerror',
    'certificate_verify_failed',
)
_BROKEN_OFF = (
    'incompleteread',
    'incompletedownload',
    'connection broken',
    'connection reset',
    'read timed out',
    'protocolerror',
)


def site_packages(venv: Path) -> Path:
    """Return the folder of the packages of an environment made by this Python."""
    version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    return venv / 'lib' / version / 'site-packages'


def clear_environment(venv: Path, keep: Path) -> None:
    """Remove everything in the virtual environment but `keep`."""
    venv.mkdir(parents=True, exist_ok=True)
    for entry in venv.iterdir():
        if entry == keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def make_environment(log: Log, venv: Path, keep: Path, system_packages: bool) -> None:
    """Make the virtual environment anew; of what was there only `keep` stays.

    Raises SetupError when Python's venv or ensurepip does not succeed.
    """
    clear_environment(venv, keep)
    make = [sys.executable, '-m', 'venv', '--without-pip', str(venv)]
    if system_packages:
        make.append('--system-site-packages')
    # venv would call ensurepip itself, and hide what it says of a full disk.
    add_pip = [str(venv / 'bin' / 'python'), '-I', '-m', 'ensurepip', '--upgrade', '--default-pip']
    for command in (make, add_pip):
        outcome = log.run(command, env=plain_environment(os.environ))
        if outcome.status == 0:
            continue
        if says_disk_full(outcome.tail):
            raise disk_full(str(venv))
        raise SetupError(
            f'Set-up expected `{" ".join(command)}` to succeed, and it ended with status '
            f'{outcome.status} ({last_error(outcome.tail)}): see to that, then run this again.'
        )


def pip_environment(base: Mapping[str, str], venv: Path, temporary: Path) -> dict[str, str]:
    """Return the environment for pip: into this venv, temporary files beside it."""
    env = plain_environment(base)
    env.update(
        VIRTUAL_ENV=str(venv),
        PATH=f'{venv / "bin"}{os.pathsep}{env["PATH"]}',
        TMPDIR=str(temporary),
        PIP_USER='0',
        PIP_DISABLE_PIP_VERSION_CHECK='1',
        PIP_NO_INPUT='1',
        # The wheels' start-up hook would start every pip twice.
        _ROS_WHEELS_BOOTSTRAP_COMPLETE='1',
    )
    for name in ('PYTHONPATH', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_REQUIRE_VIRTUALENV'):
        env.pop(name, None)
    return env


def explain_pip(output: str, status: int, where: Path) -> SetupError:
    """Turn the output of a pip that failed into one sentence."""
    lowered = output.lower()
    if says_disk_full(output):
        return disk_full(str(where))
    # pip also writes "connection broken by" when there was none: offline is asked first.
    if 'do not match the hashes' in lowered:
        return SetupError(
            'Set-up expected the downloaded packages to have the hashes of the lock file, and one '
            'has another: the download is damaged or the index serves something else; run the same '
            'command again, and if it repeats, `python3 -m pip cache purge` first.'
        )
    if any(words in lowered for words in _OFFLINE):
        return SetupError(
            'Set-up expected to download the pinned Python packages, and the package index cannot '
            'be reached: check network, proxy and certificates (pip must be able to reach its '
            'index), then run the same command again.'
        )
    if any(words in lowered for words in _BROKEN_OFF):
        return SetupError(
            'Set-up expected to download the pinned Python packages, and the connection broke off: '
            'run the same command again, it continues.'
        )
    return SetupError(
        f'Set-up expected pip to install the pinned packages, and it ended with status {status} '
        f'({last_error(output)}): see to that, then run the same command again.'
    )


def missing_packages(venv: Path, lock: Path) -> list[Pin]:
    """Return the pins that are not installed, those for other Pythons among them.

    Raises SetupError when the lock file cannot be read as one.
    """
    folder = [str(site_packages(venv))]
    installed = {
        (normal(found.metadata['Name'] or ''), found.version)
        for found in importlib.metadata.distributions(path=folder)
    }
    return [pin for pin in read_lock(lock) if (pin.name, pin.version) not in installed]


def download_packages(log: Log, venv: Path, lock: Path, work: Path) -> None:
    """Download what the lock file pins and the environment lacks; nothing in it changes.

    `work/downloads` holds it until `install_packages`. Raises SetupError with the reason
    when pip does not succeed.
    """
    remove_downloads(work)
    missing = missing_packages(venv, lock)
    if not missing:
        return
    tools = [pin for pin in missing if pin.name in BUILD_TOOLS]
    env = {}
    try:
        if tools:
            # To read a package without a wheel takes the build tools: from beside the environment.
            beside = work / 'build-tools'
            _pip(log, venv, work, tools, *_DOWNLOAD)
            _pip(log, venv, work, tools, *_INSTALL, '--target', str(beside))
            env = {'PYTHONPATH': str(beside)}
        _pip(log, venv, work, missing, *_DOWNLOAD, **env)
    except BaseException:
        remove_downloads(work)
        raise


def install_packages(log: Log, venv: Path, lock: Path, work: Path) -> None:
    """Install exactly what the lock file pins, from `work/downloads`, which is then removed.

    Each file is checked by its hash once more. Raises SetupError with the reason when pip
    does not succeed.
    """
    pins = read_lock(lock)
    tools = [pin for pin in pins if pin.name in BUILD_TOOLS]
    try:
        for chosen in (tools, pins):
            if chosen:
                _pip(log, venv, work, chosen, *_INSTALL)
    finally:
        remove_downloads(work)


def remove_downloads(work: Path) -> None:
    """Remove what a download or an installation has left or needs no more."""
    for name in _PASSING:
        shutil.rmtree(work / name, ignore_errors=True)


_PASSING = ('downloads', 'build-tools', 'tmp')
_DOWNLOAD = ('download', '--dest', 'downloads', '--retries', '3')
_INSTALL = ('install', '--no-index', '--find-links', 'downloads')


def _pip(log: Log, venv: Path, work: Path, pins: list[Pin], *words: str, **extra: str) -> None:
    """Run pip in the folder `work` on these pins. Raises SetupError when it does not succeed."""
    temporary = work / 'tmp'
    shutil.rmtree(temporary, ignore_errors=True)
    for name in ('tmp', 'downloads'):
        (work / name).mkdir(parents=True, exist_ok=True)
    requirements = temporary / 'requirements.txt'
    requirements.write_text(''.join(pin.text for pin in pins), encoding='utf-8')
    command = [
        str(venv / 'bin' / 'python'), '-m', 'pip', *words, '--no-deps', '--no-build-isolation',
        '--require-hashes', '--progress-bar', 'off', '--requirement', str(requirements),
    ]  # fmt: skip
    env = {**pip_environment(os.environ, venv, temporary), **extra}
    outcome = log.run(command, env=env, cwd=work)
    if outcome.status != 0:
        raise explain_pip(outcome.tail, outcome.status, venv)

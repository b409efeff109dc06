"""The virtual environment and the pinned packages in it."""
from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Mapping

from .errors import SetupError, disk_full, says_disk_full
from .lockfile import subset
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

    Raises SetupError when Python's venv does not succeed.
    """
    clear_environment(venv, keep)
    command = [sys.executable, '-m', 'venv', str(venv)]
    if system_packages:
        command.append('--system-site-packages')
    outcome = log.run(command, env=plain_environment(os.environ))
    if outcome.status == 0:
        return
    if says_disk_full(outcome.tail):
        raise disk_full(str(venv))
    raise SetupError(
        f'Set-up expected `python -m venv` to make {venv}, and it ended with status '
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


def install_packages(log: Log, venv: Path, lock: Path, work: Path) -> None:
    """Install exactly what the lock file pins, each file checked by its hash.

    Raises SetupError with the reason when pip does not succeed.
    """
    temporary = work / 'tmp'
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    tools = work / 'build-tools.txt'
    tools.write_text(subset(lock.read_text(encoding='utf-8'), BUILD_TOOLS), encoding='utf-8')
    env = pip_environment(os.environ, venv, temporary)
    try:
        for requirements in (tools, lock):
            command = [
                str(venv / 'bin' / 'python'), '-m', 'pip', 'install', '--no-deps',
                '--no-build-isolation', '--require-hashes', '--progress-bar', 'off',
                '--retries', '3', '--requirement', str(requirements),
            ]  # fmt: skip
            outcome = log.run(command, env=env)
            if outcome.status != 0:
                raise explain_pip(outcome.tail, outcome.status, venv)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

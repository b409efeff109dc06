"""Builds the packages in `src/` with colcon, only when something calls for it.

The build uses `--symlink-install`: an edited Python or data file is in force at
once. A new build is called for by interfaces, by what a package declares
(package.xml, setup.py, setup.cfg, CMakeLists.txt) and by a data file or a
top-level Python package that is new or gone.
"""
from __future__ import annotations

import os
import shutil
from pathlib import Path

from .errors import SetupError, disk_full, says_disk_full
from .log import Log, plain_environment
from .machine import last_error
from .stamps import key_of

DECLARATIONS = ('package.xml', 'setup.py', 'setup.cfg', 'CMakeLists.txt', 'colcon.pkg')
INTERFACES = ('.msg', '.srv', '.action', '.idl')
_SKIPPED = ('__pycache__', 'test', 'tests', '.git', '.pytest_cache', '.ruff_cache')


def packages(source: Path) -> dict[str, Path]:
    """Return the workspace's packages: folder name to folder, sorted."""
    return {path.parent.name: path.parent for path in sorted(source.glob('*/package.xml'))}


def source_key(root: Path) -> str:
    """Return a hash of everything that calls for a new build when it changes."""
    parts: list[object] = []
    meta = root / 'colcon.meta'
    if meta.is_file():
        parts += ['colcon.meta', meta.read_bytes()]
    for name, folder in packages(root / 'src').items():
        parts.append(name)
        modules = set()
        for parent, folders, files in os.walk(folder):
            folders[:] = sorted(f for f in folders if f not in _SKIPPED and '.egg' not in f)
            relative = Path(parent).relative_to(folder)
            for file in sorted(files):
                path = relative / file
                if file in DECLARATIONS or path.suffix in INTERFACES:
                    parts += [path, (folder / path).read_bytes()]
                elif path.suffix == '.py' and len(path.parts) > 1:
                    modules.add(path.parts[0])
                elif not file.startswith('.'):
                    parts.append(path)
        parts += sorted(modules)
    return key_of(*parts)


def is_installed(root: Path) -> bool:
    """Say whether each package of the workspace has its folders in `install/` and `build/`.

    `install/` holds links into `build/`: one without the other is nothing.
    """
    bases = (root / 'install', root / 'build')
    return all((base / name).is_dir() for base in bases for name in packages(root / 'src'))


def remove_leftovers(root: Path, everything: bool) -> None:
    """Remove what an earlier build left and colcon can't build upon.

    That is the result for packages that are gone from `src/`, one of which half
    is gone, a build without symlinks (colcon then fails on its folders), and, on
    demand, everything.
    """
    known = packages(root / 'src')
    for base in (root / 'build', root / 'install'):
        if everything:
            shutil.rmtree(base, ignore_errors=True)
            continue
        for folder in sorted(base.glob('*')):
            other = (root / 'install' if base.name == 'build' else root / 'build') / folder.name
            if folder.is_dir() and not (folder.name in known and other.is_dir()):
                shutil.rmtree(folder)
    for cache in sorted((root / 'build').glob('*/CMakeCache.txt')):
        text = cache.read_text(encoding='utf-8', errors='replace')
        symlinked = 'AMENT_CMAKE_SYMLINK_INSTALL:UNINITIALIZED=1' in text
        symlinked = symlinked or 'AMENT_CMAKE_SYMLINK_INSTALL:BOOL=1' in text
        here = f'CMAKE_HOME_DIRECTORY:INTERNAL={root / "src"}' in text
        if not (symlinked and here):
            name = cache.parent.name
            shutil.rmtree(cache.parent)
            shutil.rmtree(root / 'install' / name, ignore_errors=True)


def build(log: Log, root: Path) -> None:
    """Build the workspace. Raises SetupError naming the first package that failed."""
    if not packages(root / 'src'):
        log.write('no package in src: nothing to build\n')
        return
    command = [
        'bash', '-c', '. setup/env.sh && exec "$@"', 'bash',
        'colcon', 'build', '--base-paths', 'src', '--symlink-install',
        '--continue-on-error', '--event-handlers', 'console_direct+', 'console_cohesion-',
        '--cmake-args', f'-DPython3_EXECUTABLE={root / ".venv" / "bin" / "python"}',
        '--no-warn-unused-cli',
    ]  # fmt: skip
    env = plain_environment(os.environ)
    # The workspace is built on what is below it, not on its own last result.
    env['ENPIRE_ENV_WITHOUT_WORKSPACE'] = '1'
    outcome = log.run(command, env=env, cwd=root)
    if outcome.status == 0:
        return
    if says_disk_full(outcome.tail):
        raise disk_full(str(root))
    failed = [line for line in outcome.tail.splitlines() if line.startswith('Failed   <<< ')]
    name = failed[0].split()[2] if failed else 'a package'
    raise SetupError(
        f'Set-up expected colcon to build the workspace, and {name} failed '
        f'({last_error(outcome.tail)}): mend that, then run the same command again.'
    )

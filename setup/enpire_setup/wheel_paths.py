"""Makes the CMake files of the ROS wheels point to this machine.

They were written on the machine that built the wheels and hold its Python's
folders (`/opt/python/cp311-cp311/...`). CMake stops at an include folder that
does not exist, so both are replaced by the real ones. Patched files hold no
such path any more: patching twice changes nothing.
"""
from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import SetupError

_BUILDER = r'/opt/python/cp3\d+-cp3\d+t?'
_NUMPY = re.compile(_BUILDER + r'/lib/python3\.\d+/site-packages/numpy/_?core/include')
_SITE = re.compile(_BUILDER + r'/lib/python3\.\d+/site-packages')
_INCLUDE = re.compile(_BUILDER + r'/include/python3\.\d+')


def patch_text(text: str, include: str, site_packages: str, numpy_include: str) -> str:
    """Return the text of a CMake file with the builder's folders replaced by these."""
    text = _NUMPY.sub(lambda _: numpy_include, text)
    text = _SITE.sub(lambda _: site_packages, text)
    return _INCLUDE.sub(lambda _: include, text)


def numpy_include(site_packages: Path) -> Path:
    """Return numpy's include folder (numpy 2 has another place than numpy 1).

    Raises SetupError when numpy is not installed there.
    """
    for core in ('_core', 'core'):
        folder = site_packages / 'numpy' / core / 'include'
        if folder.is_dir():
            return folder
    raise SetupError(
        f'Set-up expected the pinned numpy with its include folder in {site_packages}, and found '
        'none: remove .venv, then run the same command again.'
    )


def patch_tree(share: Path, include: Path, site_packages: Path) -> list[Path]:
    """Patch every `*.cmake` below `share`; return the files that changed.

    Files are replaced whole, so an interruption leaves none half written.
    Raises SetupError when a path of the builder is left that isn't known here.
    """
    numpy = numpy_include(site_packages)
    changed = []
    for path in sorted(share.rglob('*.cmake')):
        text = path.read_text(encoding='utf-8', errors='surrogateescape')
        if '/opt/python/' not in text:
            continue
        patched = patch_text(text, str(include), str(site_packages), str(numpy))
        if '/opt/python/' in patched:
            line = next(line for line in patched.splitlines() if '/opt/python/' in line)
            raise SetupError(
                'Set-up expected of the machine that built the wheels only its folders of headers '
                f'and packages, and found another in {path} ({line.strip()[:200]}): teach '
                f'{Path(__file__).name} that path, or lock the version before.'
            )
        part = path.with_name(path.name + '.part')
        part.write_text(patched, encoding='utf-8', errors='surrogateescape')
        os.replace(part, path)
        changed.append(path)
    return changed

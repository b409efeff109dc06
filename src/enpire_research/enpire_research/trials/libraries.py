"""The libraries that a trial's bits depend on, as they are installed: a hash each.

The lock file says what was asked for, and an installed workspace has none; what counts is what is there. The hash is
over name, version and the hashes that the installer wrote down of the library's files (RECORD), without those that
differ from folder to folder: scripts and what the installer says of itself. A library of a system package has no such
list, and is known by name and version alone.

Not covered: a library's file that was changed since it was installed (the installer's hashes are believed), libraries
that only carry messages (rclpy and below), the C library and the kernel.
"""

import hashlib
import importlib.metadata
import os
import platform
import re

NAMES = ('numpy', 'scipy', 'mujoco', 'mink', 'qpsolvers', 'daqp', 'opencv-python-headless', 'opencv-python', 'shapely',
         'onnxruntime', 'msgpack', 'PyYAML')
_OWN_LINE = re.compile(r'^([^/,\n]+\.dist-info/RECORD),', re.MULTILINE)


def hashes():
    """Return {name: SHA-256 hex} of Python and of those of `NAMES` that are installed."""
    python = f'{platform.python_implementation()} {platform.python_version()} {platform.machine()}'
    found = {'python': hashlib.sha256(python.encode()).hexdigest()}
    for name in NAMES:
        known = _distribution(name)
        if known is not None:
            found[name] = hashlib.sha256(described(name, known.version, known.read_text('RECORD') or '')).hexdigest()
    return found


def described(name, version, record):
    """Return the bytes that stand for a library; ``record``: the text of its RECORD, '' for none."""
    lines = [line for line in record.splitlines()
             if ',sha256=' in line and not line.startswith(('..', '/')) and '.dist-info/' not in line]
    return '\n'.join([f'{name}=={version}', *sorted(lines)]).encode()


def lists():
    """Return the paths of the RECORDs of `NAMES`: they change with each installation."""
    paths = []
    for known in filter(None, map(_distribution, NAMES)):
        own = _OWN_LINE.search(known.read_text('RECORD') or '')
        if own:
            paths.append(os.fspath(known.locate_file(own.group(1))))
    return tuple(paths)


def signature(paths):
    """Return what tells, without reading them, whether the files ``paths`` are as they were."""
    return tuple(map(_stamp, paths))


def _stamp(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _distribution(name):
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None

"""The manifest: SHA-256 of what is frozen while trials are compared.

It covers the task's folder (start distribution, reset program, verifier, scene source), the compiled scene,
the limits, the robot's model, and the code that a tick of a trial goes through: trials, policy API, gate,
drivers with the simulated world, core, what tasks have in common.

Not covered: the lock file and the interpreter (one set-up makes both); the nodes of enpire_research
and what turns their messages (they carry values; replays compare their bits with those of the direct runner).
"""

import hashlib
import json
import os

import enpire_core
import enpire_drivers
import enpire_policy
import enpire_safety
import enpire_tasks
from enpire_core.files import sha256_file
from enpire_description import share_path

_SKIPPED = ('__pycache__',)


class ManifestError(ValueError):
    """What is frozen can't be read; the text names the file."""


def entries(task_folder, limit_files, scene_digest, code_folders=None):
    """Return {name: SHA-256 hex} of all that is frozen, names sorted.

    ``limit_files``: the robot's and the task's; ``scene_digest``: hex, '' where there is no scene (on
    hardware); ``code_folders``: {name: folder or file}, None: `code`.
    """
    found = {}
    try:
        for name, folder in {'task': task_folder, **(code() if code_folders is None else code_folders)}.items():
            for path in _files(folder):
                found[name if path == folder else f'{name}/{os.path.relpath(path, folder)}'] = sha256_file(path)
        for name, path in zip(('limits/robot', 'limits/task'), limit_files):
            found[name] = sha256_file(path)
    except OSError as error:
        raise ManifestError(f'{error.filename}: expected a file of the manifest that can be read: '
                            f'{error.strerror}') from error
    found['scene'] = scene_digest
    return dict(sorted(found.items()))


def code():
    """Return {name: folder or file} of the code and data that every task's trials go through."""
    packages = (enpire_core, enpire_drivers, enpire_policy, enpire_safety)
    tasks = os.path.dirname(os.path.abspath(enpire_tasks.__file__))
    return {'trials': os.path.dirname(os.path.abspath(__file__)),
            **{package.__name__: os.path.dirname(os.path.abspath(package.__file__)) for package in packages},
            # Not its folder: the other tasks lie there too, and change no trial of this one.
            **{f'enpire_tasks/{name}': os.path.join(tasks, name) for name in ('protocols.py', 'types.py')},
            **{f'robot/{name}': str(share_path(name)) for name in ('config', 'mjcf')}}


def total(found):
    """Return the SHA-256 (hex) over ``found`` (`entries`)."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def differences(expected, found):
    """Return the names that are not the same in two results of `entries`, sorted."""
    return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))


def _files(folder):
    """Return the paths of all files under ``folder``, sorted, but for what Python leaves behind; a file is its own."""
    if os.path.isfile(folder):
        return [folder]
    if not os.path.isdir(folder):
        raise ManifestError(f'{folder}: expected a folder or file of the manifest, there is none')
    paths = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        paths += [os.path.join(base, name) for name in sorted(names) if not name.endswith('.pyc')]
    return paths

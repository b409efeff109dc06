"""The manifest: SHA-256 of everything that is frozen while trials are compared.

It covers the task's folder (start distribution, reset program, verifier, scene source), the compiled
scene, the limits, and the code that runs trials. Not covered yet: the lock file, the interpreter.
"""

import hashlib
import json
import os

import enpire_policy
from enpire_core.files import sha256_file

_SKIPPED = ('__pycache__',)


class ManifestError(ValueError):
    """What is frozen can't be read; the text names the file."""


def entries(task_folder, limit_files, scene_digest, code_folders=None):
    """Return {name: SHA-256 hex} of all that is frozen, names sorted.

    ``limit_files``: the robot's and the task's; ``scene_digest``: hex, '' where there is no scene (on
    hardware); ``code_folders``: {name: folder}, None: those of the trial code.
    """
    found = {}
    if code_folders is None:
        code_folders = {'trials': os.path.dirname(os.path.abspath(__file__)),
                        'enpire_policy': os.path.dirname(os.path.abspath(enpire_policy.__file__))}
    try:
        for name, folder in {'task': task_folder, **code_folders}.items():
            for path in _files(folder):
                found[f'{name}/{os.path.relpath(path, folder)}'] = sha256_file(path)
        for name, path in zip(('limits/robot', 'limits/task'), limit_files):
            found[name] = sha256_file(path)
    except OSError as error:
        raise ManifestError(f'{error.filename}: expected a file of the manifest that can be read: '
                            f'{error.strerror}') from error
    found['scene'] = scene_digest
    return dict(sorted(found.items()))


def total(found):
    """Return the SHA-256 (hex) over ``found`` (`entries`)."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def differences(expected, found):
    """Return the names that are not the same in two results of `entries`, sorted."""
    return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))


def _files(folder):
    """Return the paths of all files under ``folder``, sorted, but for what Python leaves behind."""
    if not os.path.isdir(folder):
        raise ManifestError(f'{folder}: expected a folder of the manifest, there is none')
    paths = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        paths += [os.path.join(base, name) for name in sorted(names) if not name.endswith('.pyc')]
    return paths

"""The manifest: SHA-256 of what is frozen while trials are compared.

It covers the task's folder (start distribution, reset program, verifier with its model, scene source), the compiled
scene, the limits, the robot's model, the code that a tick of a trial goes through (trials, the trial server's own node,
policy API, gate, drivers with the simulated world, core, what tasks have in common), and the libraries that its bits
depend on, as they are installed. The seeds of a campaign are tied to it in the ledger's first record.

Not covered: the other nodes of enpire_research and the interfaces (they carry values; replays compare their bits with
those of the direct runner), and what `libraries` says of these. A process has read its files before the first check:
what was changed and put back in between, nobody sees.
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
from enpire_drivers.sim.scene import SceneError, read_digest
from enpire_research.trials import libraries

_SKIPPED = ('__pycache__',)
# Of enpire_research, beside its folder `trials`.
_SERVER = ('trial_server.py', 'trial_server_node.py', 'trial_server_parameters.py', 'conversions.py', 'layout.py')
_LIBRARY = 'library/'
# Files that a sentence names.
_SHOWN = 5


class ManifestError(ValueError):
    """What is frozen can't be read; the text names the file."""


class Freeze:
    """What was frozen when this was made, and whether it still is. ManifestError where it can't be read.

    ``task_folder``, ``limit_files``, ``scene_folder``: paths; ``code_folders`` as of `entries`. All files are read and
    hashed again at each look, for what a file's times say is easily set (17 ms); only the lists of installed libraries
    are told by size, inode and times.
    """

    def __init__(self, task_folder, limit_files, scene_folder, code_folders=None):
        self._where = task_folder, limit_files, scene_folder, code_folders
        self._lists = libraries.lists()
        self._signature = libraries.signature(self._lists)
        self.entries = of_folders(*self._where)
        self.hash = total(self.entries)

    def changed(self):
        """Return the names of what is not as it was, sorted; [] is what one expects."""
        task_folder, limit_files, scene_folder, code_folders = self._where
        now = {name: value for name, value in self.entries.items() if name.startswith(_LIBRARY)}
        if libraries.signature(self._lists) != self._signature:
            now = _libraries()
        try:
            now.update(files(task_folder, limit_files, _digest(scene_folder), code_folders))
        except ManifestError as error:
            return [str(error)]
        return differences(self.entries, now)


def of_folders(task_folder, limit_files, scene_folder, code_folders=None):
    """Return `entries` of what lies in these folders now; a scene that is damaged counts as none."""
    return entries(task_folder, limit_files, _digest(scene_folder), code_folders)


def entries(task_folder, limit_files, scene_digest, code_folders=None):
    """Return {name: SHA-256 hex} of all that is frozen, names sorted: `files`, and the libraries."""
    found = {**files(task_folder, limit_files, scene_digest, code_folders), **_libraries()}
    return dict(sorted(found.items()))


def files(task_folder, limit_files, scene_digest, code_folders=None):
    """Return {name: SHA-256 hex} of all files that are frozen.

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
    return found


def code():
    """Return {name: folder or file} of the code and data that every task's trials go through."""
    packages = (enpire_core, enpire_drivers, enpire_policy, enpire_safety)
    tasks = os.path.dirname(os.path.abspath(enpire_tasks.__file__))
    trials = os.path.dirname(os.path.abspath(__file__))
    return {'trials': trials,
            **{f'trial_server/{name}': os.path.join(os.path.dirname(trials), name) for name in _SERVER},
            **{package.__name__: os.path.dirname(os.path.abspath(package.__file__)) for package in packages},
            # Not its folder: the other tasks lie there too, and change no trial of this one.
            **{f'enpire_tasks/{name}': os.path.join(tasks, name) for name in ('protocols.py', 'types.py')},
            **{f'robot/{name}': str(share_path(name)) for name in ('config', 'mjcf', 'urdf')}}


def total(found):
    """Return the SHA-256 (hex) over ``found`` (`entries`)."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def differences(expected, found):
    """Return the names that are not the same in two results of `entries`, sorted."""
    return sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))


def named(names):
    """Return ``names`` for a sentence: the first of them, and how many more there are."""
    shown = ', '.join(names[:_SHOWN])
    return shown + (f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else '')


def _libraries():
    return {_LIBRARY + name: value for name, value in libraries.hashes().items()}


def _digest(scene_folder):
    try:
        return read_digest(scene_folder)
    except SceneError:
        return ''


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

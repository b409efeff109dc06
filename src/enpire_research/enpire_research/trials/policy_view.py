"""What a policy's process is given: its environment, and the files that it may see. Everything else is closed to it.

Of ours it sees what its own program imports, and the robot's model. The packages installed beside numpy it sees as they
are, those of ROS among them: without network and shared memory they meet nobody.
"""

import functools
import importlib.util
import os

from enpire_core import numerics
from enpire_description import share_path
from enpire_safety.sandbox import system

_NUMERIC = ('numpy', 'mujoco', 'mink', 'cv2', 'msgpack', 'onnxruntime')
_OURS = ('enpire_core', 'enpire_policy')
_TRIALS = ('__init__', 'arguments', 'frames', 'kinematics', 'motion', 'policy_host', 'robot', 'wire')


def environment(home):
    """Return the whole environment of a policy's process: nothing is inherited."""
    values = {'PATH': '/usr/bin:/bin', 'HOME': home, 'TMPDIR': home, 'LANG': 'C.UTF-8',
              'PYTHONPATH': os.pathsep.join(python_path()), 'PYTHONHASHSEED': '0', 'PYTHONUNBUFFERED': '1',
              'PYTHONNOUSERSITE': '1', 'MUJOCO_GL': 'disable',
              # The ROS wheels start Python twice unless told that the library path is set: not needed here.
              '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1',
              # No wall, but whoever takes ROS up after all meets nobody.
              'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}
    values.update({name: '1' for name in numerics.THREADS})
    return values


def python_path():
    """Return the folders that hold the packages a policy's process imports beyond the interpreter's own."""
    return list(dict.fromkeys(os.path.dirname(folder_of(name)) for name in (*_OURS, 'enpire_research', *_NUMERIC)))


def listed():
    """Return the folders in which a policy's process looks for modules by their names."""
    return (*python_path(), folder_of('enpire_research'))


@functools.cache
def visible():
    """Return the files and folders that a policy's process may read."""
    research = folder_of('enpire_research')
    return (*system.interpreter(), *installed(_NUMERIC), *map(folder_of, _OURS), *module(research, '__init__'),
            *(path for name in _TRIALS for path in module(os.path.join(research, 'trials'), name)),
            *spread(str(share_path('mjcf'))), *spread(str(share_path('meshes'))))


def folder_of(name):
    """Return the folder of a package, links followed; ImportError where there is none."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ImportError(f'expected the package {name} for confined programs: run the set-up again')
    return os.path.dirname(os.path.realpath(spec.origin))


def installed(names):
    """Return what to show so that the packages ``names``, and what they need, can be imported.

    That is all that is installed in the same folders, but for packages of ours.
    """
    found = []
    for folder in dict.fromkeys(os.path.dirname(folder_of(name)) for name in names):
        entries = os.listdir(folder)
        if any(entry.startswith('enpire') for entry in entries):
            found += [os.path.join(folder, entry) for entry in entries if not entry.startswith('enpire')]
        else:
            found.append(folder)
    return found


def module(folder, name):
    """Return the file of a module and, where there is one, its compiled form."""
    source = os.path.join(folder, f'{name}.py')
    return [path for path in (source, importlib.util.cache_from_source(source)) if os.path.exists(path)]


def spread(folder):
    """Return every file below ``folder``: links among them may lead anywhere, and are shown as what they lead to."""
    return [os.path.join(top, name) for top, _, names in os.walk(folder, followlinks=True) for name in names]

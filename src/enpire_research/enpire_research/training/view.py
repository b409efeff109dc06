"""What a training script is given: its environment, and the files and devices that it may see.

More than a policy: the simulator and the tasks with their nominal scenes, which the environment for training needs, and
GPUs. Nothing of a campaign, of agents, or of the run but the data that its query chose.
"""

import functools
import glob
import importlib.util
import json
import os

from enpire_core import numerics
from enpire_description import share_path
from enpire_policy.training import VARIABLE
from enpire_research.trials.policy_view import folder_of, installed, module, spread
from enpire_safety.sandbox import system

# Where they are installed. The last is what finds the data of an installed workspace.
_NUMERIC = ('numpy', 'mujoco', 'mink', 'cv2', 'msgpack', 'yaml', 'onnxruntime', 'torch', 'onnx', 'gymnasium',
            'ament_index_python')
_OURS = ('enpire_core', 'enpire_description', 'enpire_drivers', 'enpire_policy', 'enpire_safety', 'enpire_tasks')
# Of ours it inherits only these: where our data and libraries lie, how to render, which GPUs.
_INHERITED = ('AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'MUJOCO_GL', 'CUDA_VISIBLE_DEVICES', 'NVIDIA_VISIBLE_DEVICES',
              'NVIDIA_DRIVER_CAPABILITIES')
_GPUS = ('/dev/nvidia*', '/dev/nvidia-caps/*', '/dev/dri/*')
_DATA = ('config', 'limits', 'meshes', 'mjcf', 'urdf')


def environment(home, given, environ):
    """Return the whole environment of a training: what ``environ`` has of _INHERITED, and nothing else of it."""
    values = {name: environ[name] for name in _INHERITED if environ.get(name)}
    values.update({
        'PATH': '/usr/bin:/bin', 'HOME': home, 'TMPDIR': home, 'LANG': 'C.UTF-8', 'PYTHONHASHSEED': '0',
        'PYTHONPATH': os.pathsep.join(python_path()), 'PYTHONUNBUFFERED': '1', 'PYTHONNOUSERSITE': '1',
        'MPLBACKEND': 'Agg', VARIABLE: json.dumps(given), 'LOGNAME': 'training',
        # The ROS wheels start Python twice unless told that the library path is set: not needed here.
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF',
        # What torch needs to choose the same kernels of cuBLAS each time.
        'CUBLAS_WORKSPACE_CONFIG': ':4096:8'})
    values.update({name: str(given['threads']) for name in numerics.THREADS})
    return values


def python_path():
    """Return the folders that hold what a script may import; packages that are not installed are left out."""
    return list(dict.fromkeys(os.path.dirname(folder_of(name)) for name in (*_OURS, 'enpire_research', *_there())))


def listed():
    """Return the folders in which it looks for modules by their names."""
    return (*python_path(), folder_of('enpire_research'))


@functools.cache
def visible():
    """Return the files and folders that a training may read, beside its script and its data."""
    research, share = folder_of('enpire_research'), os.path.dirname(str(share_path('mjcf')))
    found = [*system.interpreter(), *installed(_there()), *map(folder_of, _OURS), *module(research, '__init__'),
             *module(research, 'layout'), os.path.join(research, 'trials'), os.path.join(research, 'training'),
             *(path for name in _DATA for path in spread(os.path.join(share, name))),
             # By these `share_path` knows a source tree, and ament an installed package.
             os.path.join(share, 'package.xml'), os.path.join(os.path.dirname(share), 'ament_index')]
    if devices():
        found.append('/sys')
    return tuple(path for path in found if os.path.exists(path))


@functools.cache
def devices():
    """Return the GPUs of this machine, as devices."""
    return tuple(path for pattern in _GPUS for path in sorted(glob.glob(pattern)) if not os.path.isdir(path))


def _there():
    return [name for name in _NUMERIC if importlib.util.find_spec(name) is not None]

"""MuJoCo, imported so that no OpenGL is opened by the import: `from .engine import mujoco`.

MuJoCo opens OpenGL when it is imported, as MUJOCO_GL says, and fails with a riddle where that is missing.
Physics needs none; pictures open their own (`rendering`) and say what is missing.
"""

import os


def _import_without_opengl():
    wanted = os.environ.get('MUJOCO_GL')
    os.environ['MUJOCO_GL'] = 'disable'
    try:
        import mujoco as module
    finally:
        if wanted is None:
            del os.environ['MUJOCO_GL']
        else:
            os.environ['MUJOCO_GL'] = wanted
    return module


mujoco = _import_without_opengl()

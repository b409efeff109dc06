"""The scene of a simulated station: robot, table, tray, camera mast, and what a task adds.

`compose` builds it from enpire_description and a TaskScene; `write_scene` puts it into a folder as a
compiled model with a description beside it, `load_scene` takes it from there, `build_scene` does both
in memory. The same task scene gives the same bytes.
"""

import dataclasses
import hashlib
import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from enpire_core.files import write_bytes, write_json
from enpire_core.joints import station_positions
from enpire_core.ticks import TICK_RATE_HZ
from enpire_description import share_path
from enpire_drivers.arm.follower import STEPS_PER_TICK

from .engine import mujoco
from .motors import JointIndex, add_motors, load_motors
from .surroundings import add_surroundings

STEP_RATE_HZ = STEPS_PER_TICK * TICK_RATE_HZ
MODEL_FILE, META_FILE = 'scene.mjb', 'scene.json'


# MuJoCo appends its warnings to a file in the current folder. They are looked at where they can happen:
# `World` takes each of them for a fault after a tick, and a scene that is wrong does not compile or load.
mujoco.set_mju_user_warning(lambda text: None)


class SceneError(ValueError):
    """A scene can't be composed or loaded; the text says what was expected, what came, what to do."""


@dataclass(frozen=True)
class SceneMeta:
    """What is known about a scene beside its model.

    ``digest``: SHA-256 (hex) of the compiled model and of the other fields; it goes into manifests.
    ``initial_qpos``: the model's qpos where the world begins, robots at home.
    """

    name: str
    mujoco_version: str
    object_joints: tuple
    initial_qpos: tuple
    digest: str


class Scene(NamedTuple):
    """A compiled model (mujoco.MjModel, nominal) and its SceneMeta."""

    model: mujoco.MjModel
    meta: SceneMeta


def station_figures():
    """Return enpire_description's config/station.yaml."""
    return yaml.safe_load(share_path('config', 'station.yaml').read_text(encoding='utf-8'))


def home_positions():
    """Return the 14 joint positions of home."""
    return np.array(station_positions(station_figures()['home']))


def compose(task_scene):
    """Return the mujoco.MjSpec of a station with ``task_scene`` (enpire_core.scene.TaskScene) in it.

    SceneError where the task's XML does not parse or clashes with the robot.
    """
    spec = _robot()
    spec.modelname = f'station_{task_scene.name}'
    _set_options(spec)
    figures = station_figures()
    add_motors(spec, load_motors())
    add_surroundings(spec, figures)
    try:
        child = mujoco.MjSpec.from_string(task_scene.xml, assets=dict(task_scene.assets))
        spec.attach(child, prefix='', frame=spec.worldbody.add_frame())
    except (ValueError, mujoco.FatalError) as error:
        raise SceneError(f'task scene {task_scene.name!r}: expected an MJCF document that fits into the '
                         f'station, got: {error}') from error
    return spec


def _robot():
    """Return the MjSpec of the robot alone, its meshes handed in as bytes.

    A compiled model remembers the files that it was made of. Read from files these would be paths of this
    machine, and one scene would have another digest wherever the workspace lies.
    """
    meshes = {path.name: path.read_bytes() for path in share_path('meshes').glob('*.stl')}
    return mujoco.MjSpec.from_string(share_path('mjcf', 'yam_station.xml').read_text(encoding='utf-8'), assets=meshes)


def _set_options(spec):
    option = spec.option
    option.timestep = 1.0 / STEP_RATE_HZ
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Elliptic cones and a stiff friction: a block at rest stays where it is, a pushed one slides truly.
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    # A world that goes wrong shall be seen, not put back to its start in silence.
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    # Each canvas sets its own (`rendering`); these are here because they are part of a scene's digest.
    spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1920
    spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
    spec.visual.headlight.diffuse = [0.35, 0.35, 0.35]
    spec.visual.headlight.specular = [0.05, 0.05, 0.05]
    spec.visual.map.znear = 0.01
    spec.stat.extent, spec.stat.center = 1.2, [0.3, 0.0, 0.2]


def _initial_qpos(model, task_scene):
    qpos = model.qpos0.copy()
    JointIndex(model).set_position(qpos, home_positions())
    for name in (*task_scene.object_joints, *task_scene.initial_qpos):
        if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name) < 0:
            raise SceneError(f'task scene {task_scene.name!r}: expected a joint {name!r} in its XML, there '
                             'is none: check object_joints and initial_qpos')
    for name, values in task_scene.initial_qpos.items():
        joint = model.joint(name)
        width = {int(mujoco.mjtJoint.mjJNT_FREE): 7, int(mujoco.mjtJoint.mjJNT_BALL): 4}.get(int(joint.type[0]), 1)
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (width,) or not np.isfinite(values).all():
            raise SceneError(f'task scene {task_scene.name!r}: expected {width} finite values for joint '
                             f'{name!r} in initial_qpos, got {values.tolist()}')
        qpos[joint.qposadr[0]:joint.qposadr[0] + width] = values
    return qpos


def _model_bytes(model):
    buffer = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def _digest(model_bytes, fields):
    digest = hashlib.sha256(model_bytes)
    digest.update(json.dumps(fields, sort_keys=True).encode())
    return digest.hexdigest()


def build_scene(task_scene):
    """Return the Scene of ``task_scene``; SceneError where it can't be composed."""
    try:
        spec = compose(task_scene)
        with warnings.catch_warnings():
            # About saving the spec as XML again, which nobody does: names stay as the task wrote them.
            warnings.filterwarnings('ignore', message='Attaching a spec with an empty prefix')
            model = spec.compile()
    except ValueError as error:
        if isinstance(error, SceneError):
            raise
        raise SceneError(f'task scene {task_scene.name!r} does not compile: {error}') from error
    fields = {'name': task_scene.name, 'mujoco_version': mujoco.__version__,
              'object_joints': tuple(task_scene.object_joints),
              'initial_qpos': tuple(_initial_qpos(model, task_scene).tolist())}
    return Scene(model, SceneMeta(digest=_digest(_model_bytes(model), fields), **fields))


def write_scene(folder, task_scene):
    """Write the scene of ``task_scene`` into ``folder`` (made if need be) and return the Scene.

    Each file is whole or not there. OSError where the folder can't be written.
    """
    scene = build_scene(task_scene)
    os.makedirs(folder, exist_ok=True)
    write_bytes(os.path.join(folder, MODEL_FILE), _model_bytes(scene.model))
    write_json(os.path.join(folder, META_FILE), asdict(scene.meta))
    return scene


def load_scene(folder):
    """Return the Scene in ``folder``; SceneError where it is missing, damaged or of another MuJoCo."""
    data, fields, digest = _read(Path(folder))
    try:
        # From the bytes that were digested: the file may be another by now.
        model = mujoco.MjModel.from_binary_path(MODEL_FILE, {MODEL_FILE: data})
    except ValueError as error:
        raise SceneError(f'scene in {folder}: expected a model of MuJoCo in {MODEL_FILE}, got {error}: write '
                         'the scene again') from error
    if len(fields['initial_qpos']) != model.nq:
        raise SceneError(f'scene in {folder}: expected {model.nq} numbers as initial_qpos, got '
                         f'{len(fields["initial_qpos"])}: write the scene again')
    return Scene(model, SceneMeta(digest=digest, **fields))


def read_digest(folder):
    """Return the digest of the scene in ``folder`` without loading its model; SceneError as `load_scene`."""
    return _read(Path(folder))[2]


def _read(folder):
    """Return (bytes of the model, the other fields of its SceneMeta, digest), checked; SceneError."""
    try:
        fields = _fields_in(json.loads((folder / META_FILE).read_text(encoding='utf-8')))
        data = (folder / MODEL_FILE).read_bytes()
    except (OSError, ValueError) as error:
        raise SceneError(f'scene: expected {MODEL_FILE} and {META_FILE} as write_scene makes them in '
                         f'{folder}, got {error!r}: write the scene again') from error
    digest = fields.pop('digest')
    if fields['mujoco_version'] != mujoco.__version__:
        raise SceneError(f'scene in {folder}: expected one written by MuJoCo {mujoco.__version__}, got '
                         f'{fields["mujoco_version"]}: write the scene again')
    if _digest(data, fields) != digest:
        raise SceneError(f'scene in {folder}: expected the digest {digest}, the files have another: they '
                         'were changed; write the scene again')
    return data, fields, digest


def _fields_in(values):
    """Return the fields of a SceneMeta out of JSON; ValueError for anything else."""
    names = {field.name for field in dataclasses.fields(SceneMeta)}
    if not isinstance(values, dict) or set(values) != names:
        found = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise ValueError(f'expected the fields {sorted(names)}, got {found}')
    lists = {'object_joints': str, 'initial_qpos': float}
    for name, value in values.items():
        sound = (isinstance(value, list) and all(isinstance(item, lists[name]) for item in value)
                 if name in lists else isinstance(value, str))
        if not sound:
            raise ValueError(f'expected {name} as write_scene writes it, got {value!r}')
    return {name: tuple(value) if name in lists else value for name, value in values.items()}

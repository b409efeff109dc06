"""Pictures of a simulated station: camera frames, quick, with noise; and fine pictures for documents.

OpenGL without a screen, by EGL or OSMesa; MUJOCO_GL=egl or osmesa chooses. A renderer has its own
MjData: it never touches the world. It belongs to the thread that first asked for a picture.

Noise is a function of (seed, camera, stamp) alone: a piece of a fixed table of noise, and a small
change of brightness. Not covered: motion blur, lens distortion, exposure control, depth errors.
"""

import copy
import hashlib
import importlib
import os
import sys
import threading
import weakref
from dataclasses import dataclass

import numpy as np

from enpire_core.types import CameraInfo, Frame

from .cameras import CAMERAS
from .engine import mujoco

BACKENDS = ('egl', 'osmesa')
# Samples a pixel: without them an edge along the rows of a picture is known no better than a pixel.
CAMERA_SAMPLES, PICTURE_SAMPLES = 4, 8
NOISE_SD = 2.0
NOISE_MAX = 7
BRIGHTNESS_MAX = 3
_NOISE_LENGTH = 1 << 21
_MARGIN = NOISE_MAX + BRIGHTNESS_MAX
_OFFSCREEN = mujoco.mjtFramebuffer.mjFB_OFFSCREEN
_OPENGL_ERRORS = (ImportError, AttributeError, RuntimeError, OSError, mujoco.FatalError)


class RenderingError(RuntimeError):
    """This machine can't render, or not from this thread; the text says what to do."""


@dataclass(frozen=True)
class View:
    """A free camera: ``look_at`` (3,) [m], ``distance`` [m], ``azimuth`` and ``elevation`` [degrees].

    Azimuth as in MuJoCo: 180 looks from the front (station +x) back at the robots.
    """

    look_at: tuple = (0.28, 0.0, 0.15)
    distance: float = 1.35
    azimuth: float = 150.0
    elevation: float = -28.0


def _open_opengl(model, width, height):
    """Return a current offscreen OpenGL context and MuJoCo's resources of ``model`` in it.

    RenderingError, with nothing left open, says what failed with each backend and what to install.
    """
    wanted = os.environ.get('MUJOCO_GL', '').lower()
    if wanted not in ('', *BACKENDS):
        raise RenderingError(f'MUJOCO_GL: expected one of {", ".join(BACKENDS)} or nothing, got {wanted!r}')
    reasons = []
    for backend in (wanted,) if wanted else BACKENDS:
        if reasons:
            _forget_opengl()
        try:
            return _open_backend(backend, model, width, height)
        except _OPENGL_ERRORS as error:
            reasons.append(f'{backend}: {type(error).__name__}: {error}')
    raise RenderingError(
        'this machine can not render: expected EGL (Debian: libegl1 libegl-mesa0 libgl1-mesa-dri) or OSMesa '
        f'(Debian: libosmesa6), got {"; ".join(reasons)}. Install one of them; MUJOCO_GL chooses')


def _open_backend(backend, model, width, height):
    gl = _import_backend(backend).GLContext(width, height)
    try:
        gl.make_current()
        # Asks OpenGL for what MuJoCo needs of it: an old or broken one shows here, and not before.
        context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(_OFFSCREEN, context)
        if context.currentBuffer != _OFFSCREEN:
            raise RuntimeError('expected a framebuffer beside the screen, this OpenGL gives none')
        return gl, context
    except _OPENGL_ERRORS:
        gl.free()
        raise


def _import_backend(backend):
    """Return mujoco's module of ``backend``; its platform is in the environment while PyOpenGL looks for it."""
    before = os.environ.get('PYOPENGL_PLATFORM')
    os.environ['PYOPENGL_PLATFORM'] = backend
    try:
        return importlib.import_module(f'mujoco.{backend}')
    finally:
        if before is None:
            del os.environ['PYOPENGL_PLATFORM']
        else:
            os.environ['PYOPENGL_PLATFORM'] = before


def _forget_opengl():
    """Forget PyOpenGL, which keeps the platform that it was first imported with."""
    for name in list(sys.modules):
        if name.split('.')[0] == 'OpenGL' or name.startswith(('mujoco.egl', 'mujoco.osmesa')):
            del sys.modules[name]


class Canvas:
    """An OpenGL context with MuJoCo's resources of one model for pictures of one size.

    ``fine``: with shadows and a sky.
    """

    def __init__(self, model, width, height, samples, fine):
        self.model, self.size, self.fine = model, (width, height), fine
        quality = model.vis.quality
        quality.offsamples = samples
        quality.shadowsize = 4096 if fine else 0
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        self._gl, self._context = _open_opengl(model, width, height)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._option = mujoco.MjvOption()
        self._perturb = mujoco.MjvPerturb()
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._thread = threading.get_ident()
        # Also at the end of the program, while the modules that free it still exist.
        self.close = weakref.finalize(self, _free, self._context, self._gl)

    def draw(self, data, camera, depth=False):
        """Return color (H, W, 3) uint8 and depth (H, W) float32 of OpenGL, or None, bottom row first."""
        if threading.get_ident() != self._thread:
            raise RenderingError('expected to render in the thread that rendered first: OpenGL belongs to a '
                                 'thread. Make one World for each thread')
        self._gl.make_current()
        scene = self._scene
        mujoco.mjv_updateScene(self.model, data, self._option, self._perturb, camera,
                               mujoco.mjtCatBit.mjCAT_ALL.value, scene)
        scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = self.fine
        scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        scene.flags[mujoco.mjtRndFlag.mjRND_HAZE] = False
        scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = self.fine
        width, height = self.size
        color = np.empty((height, width, 3), np.uint8)
        values = np.empty((height, width), np.float32) if depth else None
        try:
            mujoco.mjr_render(self._rect, scene, self._context)
            mujoco.mjr_readPixels(color, values, self._rect, self._context)
        except mujoco.FatalError as error:
            raise RenderingError(f'expected OpenGL to draw {width}x{height} pixels, got: {error}. Reset the '
                                 'camera, which opens OpenGL anew') from error
        return color, values


def _free(context, gl):
    """Free OpenGL's resources, of this context and no other."""
    gl.make_current()
    context.free()
    gl.free()


class CameraRenderer:
    """Frames of a station's cameras. ``model``: with the station's errors; ``nominal``: without."""

    def __init__(self, model, nominal, noise_seed):
        self._source, self._nominal, self._seed = model, nominal, noise_seed
        self._canvases = {}
        self._model = self._data = None

    def frame(self, camera, qpos, stamp_ns, width, height, depth):
        """Return the Frame of ``camera`` for joint positions ``qpos``."""
        identifier = camera_id(self._nominal, camera)
        view = mujoco.MjvCamera()
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, identifier
        color, values = self._draw(('camera', width, height, CAMERA_SAMPLES), view, qpos, depth)
        color = add_noise(color[::-1], self._seed, camera, stamp_ns)
        return Frame(camera, stamp_ns, color, None if values is None else self._millimetres(values[::-1]))

    def open(self, camera, width, height):
        """Do now what the first frame of this size needs: a quarter of a second of CPU time. Shows nothing."""
        self.frame(camera, self._nominal.qpos0, 0, width, height, False)

    def picture(self, view, qpos, width, height):
        """Return (H, W, 3) uint8 from a free View, with shadows and smooth edges."""
        camera = mujoco.MjvCamera()
        camera.lookat[:] = view.look_at
        camera.distance, camera.azimuth, camera.elevation = view.distance, view.azimuth, view.elevation
        color, _ = self._draw(('picture', width, height, PICTURE_SAMPLES), camera, qpos, False)
        return np.ascontiguousarray(color[::-1])

    def _draw(self, key, view, qpos, depth):
        if self._data is None:
            self._model = copy.copy(self._source)
            self._data = mujoco.MjData(self._model)
        if key not in self._canvases:
            kind, width, height, samples = key
            self._canvases[key] = Canvas(self._model, width, height, samples, fine=kind == 'picture')
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        return self._canvases[key].draw(self._data, view, depth)

    def _millimetres(self, values):
        """Return OpenGL depth (1 at the near plane, 0 at the far one) as uint16 millimetres, 0: none."""
        extent = self._model.stat.extent
        near, far = self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent
        metres = near * far / (near + values * (far - near))
        return np.where(metres < 60.0, np.round(metres * 1000.0), 0).astype(np.uint16)

    def close(self):
        """Free all canvases; may be called twice."""
        while self._canvases:
            self._canvases.popitem()[1].close()


def camera_id(model, camera):
    """Return the number of ``camera``; ValueError names the cameras there are."""
    if camera not in CAMERAS:
        raise ValueError(f'camera: expected one of {", ".join(CAMERAS)}, got {camera!r}')
    return model.camera(camera).id


def camera_info(model, camera, width, height):
    """Return the nominal CameraInfo of ``camera`` for pictures of ``width`` x ``height`` pixels."""
    identifier = camera_id(model, camera)
    focal = height / 2 / np.tan(np.radians(model.cam_fovy[identifier]) / 2)
    # Pixel centres lie at whole numbers, as in OpenCV: the middle of 640 pixels is 319.5.
    matrix = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    body = model.body(f'{camera}_color_optical_frame')
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, body.quat)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.reshape(3, 3), body.pos
    parent = model.body(body.parentid[0])
    return CameraInfo(camera, width, height, matrix, parent.name if parent.id else 'station', pose)


_noise_table = None


def _noise(count):
    """Return at least ``count`` numbers of the fixed noise as uint8 that wrap around: -1 is 255."""
    global _noise_table
    if _noise_table is None:
        generator = np.random.Generator(np.random.PCG64(20261124))
        values = np.clip(np.rint(generator.standard_normal(_NOISE_LENGTH) * NOISE_SD), -NOISE_MAX, NOISE_MAX)
        _noise_table = values.astype(np.int8).view(np.uint8)
    return _noise_table if count <= _NOISE_LENGTH else np.resize(_noise_table, count)


def add_noise(color, seed, camera, stamp_ns):
    """Return ``color`` (H, W, 3) uint8 with the noise of (``seed``, ``camera``, ``stamp_ns``)."""
    digest = hashlib.sha256(f'{seed}/{camera}/{stamp_ns}'.encode()).digest()
    brightness = digest[0] % (2 * BRIGHTNESS_MAX + 1) - BRIGHTNESS_MAX
    table = _noise(color.size + 65536)
    start = int.from_bytes(digest[1:8], 'big') % (table.size - color.size)
    noise = table[start:start + color.size].reshape(color.shape)
    # Kept off the ends of the range, so that the sum can't wrap around.
    result = np.clip(color, _MARGIN, 255 - _MARGIN)
    result += noise
    result += np.uint8(brightness % 256)
    return result

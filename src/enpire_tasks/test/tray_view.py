"""Pictures of the Push-T scene from a top camera, for tests: the tray without the arms.

The camera stands where the station's does; `TrayView` can be told to be a little off, as stations are.
"""

import math

import numpy as np
from enpire_core.types import CameraInfo, Frame
from enpire_drivers.sim.engine import mujoco
from enpire_drivers.sim.rendering import Canvas
from enpire_tasks.push_t import geometry as g
from enpire_tasks.push_t.scene import body_qpos, task_scene
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT, FOCAL = 640, 480, 433.0
EYE = np.array([-0.1665, 0.0, 0.9543])


def nominal_pose():
    """Return the camera's nominal pose (4, 4): 30 degrees off the vertical, looking forward."""
    tilt = math.pi / 6
    forward = np.array([math.sin(tilt), 0.0, -math.cos(tilt)])
    right = np.array([0.0, -1.0, 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    pose[:3, 3] = EYE
    return pose


def camera_info():
    """Return the nominal CameraInfo of the top camera."""
    matrix = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
    return CameraInfo('top_camera', WIDTH, HEIGHT, matrix, 'station', nominal_pose())


class TrayView:
    """A world of tray, T and camera. ``extra``: more geoms, dicts for MjSpec's `add_geom`."""

    def __init__(self, camera_turn=(0, 0, 0), camera_shift=(0, 0, 0), extra=(), second_t=None):
        scene = task_scene()
        spec = mujoco.MjSpec.from_string(scene.xml, assets=dict(scene.assets))
        world = spec.worldbody
        cx, cy = g.TRAY_CENTRE
        hx, hy = g.TRAY_SIZE[0] / 2, g.TRAY_SIZE[1] / 2
        box = mujoco.mjtGeom.mjGEOM_BOX
        world.add_geom(type=box, size=[0.6, 0.7, 0.01], pos=[0.3, 0, -0.01], rgba=[.5, .48, .45, 1])
        world.add_geom(type=box, size=[hx + .01, hy + .01, 0.005], pos=[cx, cy, 0.005], rgba=[.8, .8, .8, 1])
        top = g.FLOOR_Z + g.RIM_HEIGHT
        for x, y, sx, sy in ((cx - hx - .005, cy, .005, hy + .01), (cx + hx + .005, cy, .005, hy + .01),
                             (cx, cy + hy + .005, hx, .005), (cx, cy - hy - .005, hx, .005)):
            world.add_geom(type=box, size=[sx, sy, top / 2], pos=[x, y, top / 2], rgba=[.3, .3, .32, 1])
        world.add_light(pos=[0.3, 0, 1.5], dir=[0, 0, -1], diffuse=[.5] * 3, ambient=[.3] * 3)
        for geom in extra:
            world.add_geom(type=box, **geom)
        if second_t is not None:
            other = mujoco.MjSpec.from_string(scene.xml, assets=dict(scene.assets))
            other.delete(other.geom('push_t_floor'))
            spec.attach(other, prefix='second_', frame=world.add_frame())
        pose = nominal_pose()
        turned = pose[:3, :3] @ Rotation.from_rotvec(camera_turn).as_matrix()
        quaternion = Rotation.from_matrix(turned @ np.diag([1, -1, -1])).as_quat(scalar_first=True)
        world.add_camera(name='top', pos=pose[:3, 3] + camera_shift, quat=quaternion,
                         fovy=math.degrees(2 * math.atan(HEIGHT / 2 / FOCAL)))
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        if second_t is not None:
            self._data.joint('second_t_block').qpos = body_qpos(second_t)
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = self._model.camera('top').id
        self._canvas = Canvas(self._model, WIDTH, HEIGHT, samples=4, fine=False)

    def frame(self, pose, noise=2.0, seed=0, gain=(1.0, 1.0, 1.0), qpos=None):
        """Return the Frame with the T at ``pose``, or at ``qpos`` (7,), with noise [grey levels]."""
        self._data.joint('t_block').qpos = body_qpos(pose) if qpos is None else qpos
        mujoco.mj_forward(self._model, self._data)
        color, _ = self._canvas.draw(self._data, self._camera)
        clean = color[::-1].astype(float) * np.asarray(gain)
        noisy = clean + np.random.default_rng(seed).normal(0, noise, clean.shape)
        return Frame('top_camera', seed, np.clip(noisy, 0, 255).astype(np.uint8))

    def close(self):
        """Free OpenGL's resources."""
        self._canvas.close()

"""Camera frames: where things appear, noise, the same bits everywhere. Needs EGL or OSMesa, no ROS."""

import hashlib
import os
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
from bench_station import DOWN, Mover, block_scene, make_world

from enpire_drivers.sim import rendering
from enpire_drivers.sim.cameras import CAMERAS
from enpire_drivers.sim.engine import mujoco
from enpire_drivers.sim.parameters import StationParameters
from enpire_drivers.sim.rendering import BRIGHTNESS_MAX, NOISE_MAX, RenderingError, View, add_noise
from enpire_drivers.sim.scene import build_scene
from enpire_drivers.sim.world import World

TOP = 'top_camera'


@pytest.fixture(scope='module')
def world():
    world = make_world()
    yield world
    world.close()


def project(info, point):
    """Return the pixel where a camera with ``info`` sees ``point`` of its parent's frame, and its depth."""
    local = np.linalg.inv(info.pose) @ [*point, 1.0]
    u, v, w = info.matrix @ local[:3]
    return np.array([u, v]) / w, w


def blue_centre(color):
    """Return the mean (u, v) of the block's pixels."""
    red, _, blue = color.astype(int).transpose(2, 0, 1)
    rows, columns = np.nonzero(blue - red > 60)
    assert rows.size > 50, 'the block is not in the picture'
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize('size', [(640, 480), (320, 240), (640, 360)])
def test_the_block_appears_where_the_camera_info_says(world, size):
    world.set_object_pose('block', [0.32, 0.0, 0.025, 1, 0, 0, 0])
    frame = world.render(TOP, world.snapshot(), 0, *size)
    assert frame.color.shape == (size[1], size[0], 3) and frame.color.dtype == np.uint8
    expected, _ = project(world.camera_info(TOP, *size), (0.32, 0.0, 0.04))
    assert np.abs(blue_centre(frame.color) - expected).max() <= 0.6


@pytest.mark.parametrize('camera, parent', [(TOP, 'station'), ('left_wrist_camera', 'left_flange'),
                                            ('right_wrist_camera', 'right_flange')])
def test_a_camera_hangs_on_the_body_that_its_info_names(world, camera, parent):
    assert world.camera_info(camera, 64, 48).parent == parent


def test_up_in_the_top_picture_is_forward_and_left_is_left(world):
    info = world.camera_info(TOP, 640, 480)
    middle, _ = project(info, (0.32, 0.0, 0.01))
    ahead, _ = project(info, (0.42, 0.0, 0.01))
    left, _ = project(info, (0.32, 0.1, 0.01))
    assert ahead[1] < middle[1] - 40 and abs(ahead[0] - middle[0]) < 1e-6
    assert left[0] < middle[0] - 40 and abs(left[1] - middle[1]) < 1e-6


def test_the_whole_tray_is_seen_when_the_arms_are_home(world):
    info = world.camera_info(TOP, 640, 480)
    color = world.render(TOP, world.snapshot(), 0, 640, 480).color
    for x in np.linspace(0.175, 0.465, 9):
        for y in np.linspace(-0.205, 0.205, 9):
            if abs(x - 0.32) < 0.06 and abs(y) < 0.06:
                continue
            (u, v), _ = project(info, (x, y, 0.01))
            assert color[round(v), round(u)].min() > 120, (x, y)


def test_a_wrist_camera_sees_what_its_flange_says(world):
    mover = Mover(make_world())
    mover.tool_to('left', (0.24, 0.10, 0.15), 60, pieces=1)
    mover.world.set_object_pose('block', [0.27, 0.10, 0.025, 1, 0, 0, 0])
    info = mover.world.camera_info('left_wrist_camera', 320, 240)
    assert info.parent == 'left_flange'
    position, rotation = mover.world.tool_pose('left')
    assert np.abs(rotation - DOWN).max() < 0.03
    flange = np.eye(4)
    data = mover.world._data
    flange[:3, :3] = data.body('left_flange').xmat.reshape(3, 3)
    flange[:3, 3] = data.body('left_flange').xpos
    expected, _ = project(info, (np.linalg.inv(flange) @ [0.27, 0.10, 0.035, 1.0])[:3])
    frame = mover.world.render('left_wrist_camera', mover.world.snapshot(), 0, 320, 240)
    assert np.abs(blue_centre(frame.color) - expected).max() <= 6.0
    mover.world.close()


def test_opening_a_camera_early_changes_no_picture_and_no_state():
    early, late = make_world(), make_world()
    early.open_camera(TOP, 320, 240)
    assert early.digest() == late.digest()
    pictures = [w.render(TOP, w.snapshot(), 0, 320, 240).color for w in (early, late)]
    np.testing.assert_array_equal(*pictures)
    early.close()
    late.close()


def test_depth_is_in_millimetres_along_the_optical_axis(world):
    world.set_object_pose('block', [0.32, 0.0, 0.025, 1, 0, 0, 0])
    frame = world.render(TOP, world.snapshot(), 0, 640, 480, depth=True)
    info = world.camera_info(TOP, 640, 480)
    for point, at in (((0.32, 0.0, 0.04), 660), ((0.40, 0.0, 0.01), 690), ((0.62, 0.0, 0.0), 700)):
        (u, v), depth = project(info, point)
        assert depth * 1000 == pytest.approx(at, abs=0.5)
        assert abs(int(frame.depth[round(v), round(u)]) - at) <= 1
    assert frame.depth.dtype == np.uint16
    assert world.render(TOP, world.snapshot(), 0, 640, 480).depth is None


def test_a_camera_that_is_off_shows_another_picture_but_the_same_nominal_info():
    scene = build_scene(block_scene((0.32, 0.0, 0.025)))
    error = (0.002, 0.0, 0.0, 0.0, 0.0, 0.0)
    errors = tuple((camera, error if camera == TOP else (0.0,) * 6) for camera in CAMERAS)
    nominal, off = World(scene, StationParameters()), World(scene, StationParameters(camera_errors=errors))
    centres = [blue_centre(w.render(TOP, w.snapshot(), 0, 640, 480).color) for w in (nominal, off)]
    shift = nominal.camera_info(TOP, 640, 480).matrix[0, 0] * 0.002 / 0.66
    assert centres[1][0] - centres[0][0] == pytest.approx(-shift, abs=0.4)
    np.testing.assert_array_equal(nominal.camera_info(TOP, 640, 480).pose, off.camera_info(TOP, 640, 480).pose)
    nominal.close()
    off.close()


def test_pictures_do_not_touch_the_world(world):
    other = make_world()
    for tick in range(5):
        for w in (world, other):
            if tick == 0:
                w.restore_bytes(make_world().state_bytes())
            Mover(w).hold(1)
        world.render(TOP, world.snapshot(), tick, 320, 240, depth=True)
        world.picture(View(), 160, 120)
    assert world.state_bytes() == other.state_bytes()


def test_a_frame_of_an_old_snapshot_shows_that_moment(world):
    world.set_object_pose('block', [0.30, 0.10, 0.025, 1, 0, 0, 0])
    snapshot = world.snapshot()
    before = world.render(TOP, snapshot, 7, 320, 240).color
    world.set_object_pose('block', [0.36, -0.10, 0.025, 1, 0, 0, 0])
    assert np.array_equal(world.render(TOP, snapshot, 7, 320, 240).color, before)
    assert not np.array_equal(world.render(TOP, world.snapshot(), 7, 320, 240).color, before)


def test_frames_have_the_same_bits_in_another_process_whatever_was_rendered_before():
    world = make_world()
    for camera in CAMERAS:
        world.render(camera, world.snapshot(), 1, 160, 120)
    frames = [world.render(camera, world.snapshot(), 66_666_666, 320, 240, depth=True) for camera in CAMERAS]
    code = ('import sys, hashlib; sys.path[:0] = sys.argv[1:]\n'
            'from bench_station import make_world\nfrom enpire_drivers.sim.cameras import CAMERAS\n'
            'world = make_world()\n'
            'for camera in reversed(CAMERAS):\n'
            '    frame = world.render(camera, world.snapshot(), 66_666_666, 320, 240, depth=True)\n'
            '    print(hashlib.sha256(frame.color.tobytes() + frame.depth.tobytes()).hexdigest())\n'
            'world.close()')
    done = subprocess.run([sys.executable, '-c', code, *sys.path], capture_output=True, text=True, timeout=120)
    ours = [hashlib.sha256(f.color.tobytes() + f.depth.tobytes()).hexdigest() for f in reversed(frames)]
    assert done.stdout.split() == ours, done.stderr
    world.close()


def test_noise_depends_on_seed_camera_and_stamp_and_on_nothing_else():
    grey = np.full((240, 320, 3), 128, np.uint8)
    one = add_noise(grey, 5, TOP, 100)
    assert np.array_equal(add_noise(grey, 5, TOP, 100), one)
    others = [add_noise(grey, 6, TOP, 100), add_noise(grey, 5, CAMERAS[1], 100), add_noise(grey, 5, TOP, 101)]
    assert not any(np.array_equal(other, one) for other in others)
    darker = add_noise(grey - 20, 5, TOP, 100)
    assert np.array_equal(one.astype(int) - 20, darker)


@pytest.mark.parametrize('level', [0, 1, 127, 254, 255])
def test_noise_is_small_and_never_wraps_around(level):
    flat = np.full((480, 640, 3), level, np.uint8)
    for stamp in range(5):
        noisy = add_noise(flat, 1, TOP, stamp).astype(int)
        assert np.abs(noisy - level).max() <= 2 * (NOISE_MAX + BRIGHTNESS_MAX)
        assert 1.5 <= noisy.std() <= 2.5


def test_large_pictures_have_noise_too():
    noisy = add_noise(np.full((1080, 1920, 3), 128, np.uint8), 1, TOP, 0)
    assert noisy.shape == (1080, 1920, 3) and 1.5 <= noisy.std() <= 2.5


def test_an_unknown_camera_is_refused_and_the_known_ones_named(world):
    with pytest.raises(ValueError, match='expected one of top_camera, left_wrist_camera'):
        world.render('front_camera', world.snapshot(), 0, 320, 240)
    with pytest.raises(ValueError, match='front_camera'):
        world.camera_info('front_camera', 320, 240)


def test_a_snapshot_of_another_scene_is_refused(world):
    with pytest.raises(ValueError, match='another scene'):
        world.render(TOP, world.snapshot()[:-8], 0, 320, 240)


def test_a_wrong_mujoco_gl_is_named(monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'glfw')
    world = make_world()
    with pytest.raises(RenderingError, match="MUJOCO_GL: expected one of egl, osmesa.*got 'glfw'"):
        world.render(TOP, world.snapshot(), 0, 64, 48)


def test_a_machine_without_opengl_gets_one_sentence_that_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(f'no {name}')
    monkeypatch.delenv('MUJOCO_GL', raising=False)
    monkeypatch.setattr(rendering.importlib, 'import_module', missing)
    with pytest.raises(RenderingError, match='libegl1.*libosmesa6.*egl: .*osmesa: '):
        make_world().render(TOP, make_world().snapshot(), 0, 64, 48)


PICTURE = '''
import hashlib, os, sys
sys.path[:0] = sys.argv[1:]
from bench_station import make_world
from enpire_drivers.sim.rendering import RenderingError
world = make_world()
try:
    frame = world.render("top_camera", world.snapshot(), 3, 320, 240, depth=True)
    print(hashlib.sha256(frame.color.tobytes() + frame.depth.tobytes()).hexdigest())
except RenderingError as error:
    print(error)
assert "PYOPENGL_PLATFORM" not in os.environ
'''


def picture_elsewhere(**environment):
    """Return what a process in ``environment`` says: the SHA-256 of a picture, or why there is none."""
    ours = {name: value for name, value in os.environ.items() if name not in ('MUJOCO_GL', 'PYOPENGL_PLATFORM')}
    done = subprocess.run([sys.executable, '-c', PICTURE, *sys.path], capture_output=True, text=True, timeout=120,
                          env={**ours, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize('backend', rendering.BACKENDS)
def test_each_backend_gives_the_same_bits(backend):
    said = picture_elsewhere(MUJOCO_GL=backend)
    if 'this machine can not render' in said:
        pytest.skip(f'{backend} is missing here: {said}')
    world = make_world()
    frame = world.render(TOP, world.snapshot(), 3, 320, 240, depth=True)
    world.close()
    assert said == hashlib.sha256(frame.color.tobytes() + frame.depth.tobytes()).hexdigest()


@pytest.mark.parametrize('name, value, what', [
    ('MESA_GL_VERSION_OVERRIDE', '1.4', 'OpenGL version 1.5'),
    ('MESA_EXTENSION_OVERRIDE', '-GL_ARB_framebuffer_object', 'ARB_framebuffer_object')])
def test_an_opengl_that_is_too_old_for_mujoco_is_a_rendering_error_and_the_other_backend_is_tried(name, value, what):
    if 'this machine can not render' in picture_elsewhere(MUJOCO_GL='egl'):
        pytest.skip('EGL is missing here')
    said = picture_elsewhere(**{name: value})
    assert 'egl: FatalError: OpenGL' in said and what in said and 'osmesa: ' in said, said


class OffscreenGL:
    """An OpenGL context that opens and can't be drawn into; counts how often it was freed."""

    freed = 0

    def __init__(self, width, height):
        del width, height

    def make_current(self):
        """Nothing to do."""

    def free(self):
        """Count."""
        OffscreenGL.freed += 1


def test_where_one_backend_fails_the_other_is_taken_and_the_first_is_freed(monkeypatch):
    """Which backends a machine has differs: both modules are stand-ins, and so is MuJoCo's part."""
    imported, resources = [], types.SimpleNamespace(currentBuffer=rendering._OFFSCREEN)

    def import_module(name):
        imported.append((name, os.environ['PYOPENGL_PLATFORM']))
        return types.SimpleNamespace(GLContext=OffscreenGL)

    def make_context(model, scale):
        if len(imported) == 1:
            raise mujoco.FatalError('OpenGL version 1.5 or higher required')
        return resources
    monkeypatch.delenv('MUJOCO_GL', raising=False)
    monkeypatch.delenv('PYOPENGL_PLATFORM', raising=False)
    monkeypatch.setattr(OffscreenGL, 'freed', 0)
    monkeypatch.setattr(rendering.importlib, 'import_module', import_module)
    monkeypatch.setattr(rendering.mujoco, 'MjrContext', make_context)
    monkeypatch.setattr(rendering.mujoco, 'mjr_setBuffer', lambda buffer, context: None)
    monkeypatch.setattr(rendering, '_forget_opengl', lambda: imported.append('forgotten'))
    gl, context = rendering._open_opengl(None, 64, 48)
    assert context is resources and isinstance(gl, OffscreenGL)
    assert imported == [('mujoco.egl', 'egl'), 'forgotten', ('mujoco.osmesa', 'osmesa')]
    assert OffscreenGL.freed == 1 and 'PYOPENGL_PLATFORM' not in os.environ


def test_an_opengl_without_an_offscreen_buffer_and_one_that_fails_to_draw_are_rendering_errors(monkeypatch):
    with monkeypatch.context() as patch:
        window = types.SimpleNamespace(currentBuffer=mujoco.mjtFramebuffer.mjFB_WINDOW)
        patch.setattr(rendering.mujoco, 'MjrContext', lambda model, scale: window)
        patch.setattr(rendering.mujoco, 'mjr_setBuffer', lambda buffer, context: None)
        with pytest.raises(RenderingError, match='framebuffer beside the screen'):
            make_world().open_camera(TOP, 64, 48)

    def fails(*_):
        raise mujoco.FatalError('out of memory')
    world = make_world()
    world.open_camera(TOP, 64, 48)
    monkeypatch.setattr(rendering.mujoco, 'mjr_render', fails)
    with pytest.raises(RenderingError, match='out of memory.*Reset the camera'):
        world.open_camera(TOP, 64, 48)
    world.close()


def test_rendering_from_a_second_thread_is_refused(world):
    world.render(TOP, world.snapshot(), 0, 64, 48)
    seen = []

    def other():
        try:
            world.render(TOP, world.snapshot(), 0, 64, 48)
        except RenderingError as error:
            seen.append(str(error))
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(seen) == 1 and 'thread' in seen[0]


def test_a_fine_picture_has_shadows_and_both_arms(world):
    picture = world.picture(View(), 480, 320)
    assert picture.shape == (320, 480, 3) and picture.std() > 20

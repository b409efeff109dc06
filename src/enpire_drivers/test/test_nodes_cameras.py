"""The camera driver on a graph of its own, beside the arm driver, over a fake world."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from fake_world import FakeWorld  # noqa: E402
from node_lab import Lab, options  # noqa: E402
from sensor_msgs.msg import CameraInfo  # noqa: E402
from std_srvs.srv import Empty as EmptyService  # noqa: E402

from enpire_core import conversions  # noqa: E402
from enpire_core.params import ParameterError  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.ticks import tick_to_ns  # noqa: E402
from enpire_drivers.bench import Bench  # noqa: E402
from enpire_drivers.camera_driver_node import NO_WORLD, CameraDriver  # noqa: E402
from enpire_drivers.sim.cameras import DEFAULT_PROFILES  # noqa: E402
from enpire_drivers.sim.rendering import RenderingError  # noqa: E402


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def test_images_are_rendered_and_published_only_when_somebody_looks(graph):
    lab = Lab(graph)
    lab.client.begin()
    for _ in range(6):
        lab.client.step()
    assert lab.station.world.renders == 0
    seen = lab.client.look('top_camera/color/image_raw')
    assert graph.until(lambda: seen)
    image = seen[0]
    assert (image.width, image.height, image.encoding) == (64, 48, 'rgb8')
    assert image.header.frame_id == 'unit0/top_camera_color_optical_frame'
    assert conversions.stamp_to_ns(image.header.stamp) == tick_to_ns(6)
    assert np.array_equal(conversions.pixels_from_image(image), lab.station.frame('top_camera').color)
    assert lab.station.world.renders == 1
    for _ in range(2):
        lab.client.step()
    assert graph.until(lambda: conversions.stamp_to_ns(seen[-1].header.stamp) == tick_to_ns(8))
    assert lab.station.rendered('left_wrist_camera') == 0


def test_the_camera_of_every_verdict_is_opened_before_the_first_trial(graph):
    lab = Lab(graph)
    assert lab.station.world.opened == [('top_camera', 64, 48)]


def test_a_station_that_can_not_render_moves_all_the_same(graph, monkeypatch):
    def fails(self, *_):
        raise RenderingError('no EGL here')
    monkeypatch.setattr(FakeWorld, 'open_camera', fails)
    lab = Lab(graph)
    assert graph.until(lambda: lab.client.diagnostics('camera_driver') is not None)
    status = lab.client.diagnostics('camera_driver')
    assert (status.level, status.message) == (DiagnosticStatus.ERROR, 'top_camera: no EGL here')
    seen = lab.client.look('top_camera/color/image_raw')
    lab.client.begin()
    lab.client.step()
    assert lab.station.tick == 1 and not seen
    graph.call(lab.client.create_client(EmptyService, 'top_camera/hw_reset'), EmptyService.Request())
    assert graph.until(lambda: seen)
    assert lab.client.end().success


def test_diagnostics_of_a_camera_driver_say_what_was_rendered(graph):
    lab = Lab(graph)
    seen = lab.client.look('top_camera/color/image_raw')
    assert graph.until(lambda: seen)
    lab.camera._report_diagnostics(0.0)
    assert graph.until(lambda: any(value.key == 'top_camera.rendered' and value.value == '1' for value in (
        lab.client.diagnostics('camera_driver') or DiagnosticStatus()).values))
    status = lab.client.diagnostics('camera_driver')
    assert (status.level, status.message) == (DiagnosticStatus.OK, 'frames are rendered when somebody looks')
    assert status.hardware_id == 'unit0'
    values = {value.key: value.value for value in status.values}
    assert values['top_camera.profile'] == '64x48x15' and values['left_wrist_camera.rendered'] == '0'
    assert int(values['top_camera.images_sent']) >= 1 and len(values) == 9


def test_a_camera_driver_whose_world_is_put_away_says_so_and_goes_on_when_it_is_back(graph):
    lab = Lab(graph)
    seen = lab.client.look('top_camera/color/image_raw')
    assert graph.until(lambda: seen)
    lab.arm.bring_down()
    assert graph.until(lambda: 'arm driver to be configured' in lab.camera.fault)
    lab.camera._report_diagnostics(0.0)
    graph.call(lab.client.create_client(EmptyService, 'top_camera/hw_reset'), EmptyService.Request())
    assert graph.until(lambda: lab.client.diagnostics('camera_driver').level == DiagnosticStatus.ERROR)
    assert lab.client.diagnostics('camera_driver').message == NO_WORLD
    assert lab.arm.bring_up()
    seen.clear()
    assert graph.until(lambda: seen)
    assert lab.camera.fault == ''


def test_depth_comes_in_millimetres_to_those_who_look(graph):
    lab = Lab(graph)
    seen = lab.client.look('left_wrist_camera/depth/image_rect_raw')
    assert graph.until(lambda: seen)
    assert seen[0].encoding == '16UC1'
    assert conversions.pixels_from_image(seen[0]).dtype == np.uint16


def test_camera_info_comes_without_rendering(graph):
    lab = Lab(graph)
    seen = lab.client.look('top_camera/color/camera_info', CameraInfo)
    assert graph.until(lambda: seen)
    info = seen[0]
    assert (info.width, info.height) == (64, 48) and info.k[0] == 64.0 and info.p[0] == 64.0
    assert lab.station.world.renders == 0


def drive(graph, looks):
    """Return the digest after 30 ticks with or without somebody who looks at two cameras."""
    lab = Lab(graph)
    if looks:
        seen = lab.client.look('top_camera/color/image_raw')
        depth = lab.client.look('left_wrist_camera/depth/image_rect_raw')
        assert graph.until(lambda: seen and depth)
    lab.client.begin()
    for tick in range(30):
        lab.client.step(0.01 * np.sin(tick))
    assert (lab.station.world.renders > 0) == looks
    return lab.client.end().digest


def test_who_looks_changes_nothing():
    digests = []
    for looks in (False, True):
        with Graph() as graph:
            digests.append(drive(graph, looks))
    assert digests[0] == digests[1]


def test_a_camera_that_cannot_render_leaves_the_arms_alone_and_recovers_by_hw_reset(graph):
    lab = Lab(graph)
    render = lab.station.world.render

    def broken(*args, **kwargs):
        raise RuntimeError('no display')
    lab.station.world.render = broken
    seen = lab.client.look('top_camera/color/image_raw')
    assert graph.until(lambda: 'no display' in lab.camera.fault)
    lab.client.begin()
    lab.client.step()
    assert not seen
    lab.station.world.render = render
    reset = lab.client.create_client(EmptyService, 'top_camera/hw_reset')
    graph.call(reset, EmptyService.Request())
    assert graph.until(lambda: seen)
    assert lab.client.end().success


def test_the_cameras_of_the_driver_are_those_of_the_station(graph):
    driver = CameraDriver(Bench(None), **options(graph))
    assert {name: str(profile) for name, profile in driver.parameters.profiles().items()} == DEFAULT_PROFILES
    driver.destroy_node()


@pytest.mark.parametrize('profile', ['640x480', '640x480x7', '0x480x15', 'nonsense'])
def test_a_camera_profile_that_is_wrong_is_refused(graph, profile):
    with pytest.raises(ParameterError, match='top_camera.color_profile'):
        CameraDriver(Bench(None), **options(graph, **{'top_camera.color_profile': profile}))

"""Arm driver and camera driver on a graph of their own, over a fake world."""

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from fake_world import FakeWorld, make_station  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402
from std_msgs.msg import Empty  # noqa: E402
from std_srvs.srv import Empty as EmptyService  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from enpire_core import conversions, qos  # noqa: E402
from enpire_core.params import ParameterError  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.ticks import tick_to_ns  # noqa: E402
from enpire_core.types import JointCommand  # noqa: E402
from enpire_drivers.arm_driver_node import ArmDriver  # noqa: E402
from enpire_drivers.bench import Bench  # noqa: E402
from enpire_drivers.camera_driver_node import CameraDriver  # noqa: E402
from enpire_drivers.sim.rendering import RenderingError  # noqa: E402
from enpire_interfaces.msg import TrialReport  # noqa: E402
from enpire_interfaces.srv import BeginEpisode, EndEpisode, RestoreState  # noqa: E402

CAMERAS = {'top_camera.color_profile': '64x48x15', 'left_wrist_camera.color_profile': '32x24x10',
           'right_wrist_camera.color_profile': '32x24x10'}


class Client(Node):
    """What the gate and the trial server are to the driver."""

    def __init__(self, graph):
        super().__init__('client', context=graph.context, namespace='unit0')
        self.graph, self.states, self.clocks, self.reports = graph, [], [], []
        self.commands = self.create_publisher(JointTrajectory, 'joint_trajectory', qos.COMMAND)
        self.alive = self.create_publisher(Empty, 'sim/keep_alive', qos.SENSOR)
        self.create_subscription(JointState, 'joint_states', self.states.append, qos.SENSOR)
        self.create_subscription(Clock, 'clock', self.clocks.append, qos.SENSOR)
        self.create_subscription(DiagnosticArray, '/diagnostics', self.reports.append, qos.EVENTS)
        self.begin_client = self.create_client(BeginEpisode, 'arm_driver/begin_episode')
        self.end_client = self.create_client(EndEpisode, 'arm_driver/end_episode')

    def begin(self, trial_id='t', phase=TrialReport.PHASE_ROLLOUT):
        """Begin an episode and wait until a command would reach the driver."""
        answer = self.graph.call(self.begin_client,
                                 BeginEpisode.Request(trial_id=trial_id, phase=phase))
        assert self.graph.until(lambda: self.commands.get_subscription_count() == 1)
        assert self.graph.until(lambda: self.states)
        return answer

    def end(self, trial_id='t', fault=''):
        """End the episode, in order or for a fault."""
        return self.graph.call(self.end_client, EndEpisode.Request(trial_id=trial_id, fault=fault))

    @property
    def stamp_ns(self):
        """The stamp of the newest joint state."""
        return conversions.stamp_to_ns(self.states[-1].header.stamp) if self.states else -1

    def send(self, stamp_ns, positions):
        """Send one command."""
        command = JointCommand(stamp_ns, np.asarray(positions, float), np.zeros(14))
        self.commands.publish(conversions.command_to_message(command))

    def step(self, offset=0.01):
        """Answer the newest joint state and wait for the next."""
        stamp_ns = self.stamp_ns
        self.send(stamp_ns, np.array(self.states[-1].position) + offset)
        assert self.graph.until(lambda: self.stamp_ns > stamp_ns)

    def look(self, topic, kind=Image):
        """Subscribe to ``topic`` and return the list that its messages go to."""
        seen = []
        self.create_subscription(kind, topic, seen.append, qos.SENSOR)
        return seen


class Lab:
    """The two nodes of a station on a fake world, and a client, on one graph."""

    def __init__(self, graph, tmp_path=None, bring_up=True, **parameters):
        def open_with(values, profiles):
            return make_station(tmp_path, unit=values.unit, lab_seed=values.lab_seed,
                                profiles=profiles, silence_s=values.silence_s,
                                command_max_age_s=values.command_max_age_s)

        bench = Bench(open_with)
        self.arm = graph.add(ArmDriver(bench, **options(graph, scene='fake', **parameters)))
        self.camera = graph.add(CameraDriver(bench, **options(graph, **CAMERAS)))
        if bring_up:
            assert self.arm.bring_up() and self.camera.bring_up()
        self.graph, self.bench = graph, bench
        self.client = graph.add(Client(graph))

    @property
    def station(self):
        """The station behind the nodes."""
        return self.bench.station


def options(graph, **parameters):
    """Return what a node's constructor gets."""
    return {'context': graph.context, 'namespace': 'unit0',
            'parameter_overrides': [Parameter(n, value=v) for n, v in parameters.items()]}


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def test_a_command_with_the_right_stamp_moves_the_station_by_one_tick(graph):
    lab = Lab(graph)
    answer = lab.client.begin()
    assert answer.success and conversions.stamp_to_ns(answer.stamp) == 0
    for tick in range(1, 6):
        lab.client.step()
        assert lab.station.tick == tick and lab.client.stamp_ns == tick_to_ns(tick)
    assert graph.until(lambda: lab.client.clocks[-1].clock == lab.client.states[-1].header.stamp)
    end = lab.client.end()
    assert end.success and conversions.stamp_to_ns(end.stamp) == tick_to_ns(5)
    assert end.digest == lab.station.digest()


def test_joint_states_carry_names_and_frame(graph):
    lab = Lab(graph)
    assert graph.until(lambda: lab.client.states)
    message = lab.client.states[0]
    assert message.name[0] == 'left_joint1' and len(message.name) == 14
    assert message.header.frame_id == 'unit0/station'


def test_a_late_joiner_gets_the_present_state_though_nothing_moves(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.step()
    late = []
    lab.client.create_subscription(JointState, 'joint_states', late.append, qos.SENSOR)
    assert graph.until(lambda: late)
    assert conversions.stamp_to_ns(late[0].header.stamp) == tick_to_ns(1)


@pytest.mark.parametrize('bad', ['stamp', 'nan', 'names', 'points'])
def test_a_command_that_is_wrong_moves_nothing_and_is_counted(graph, bad):
    lab = Lab(graph)
    lab.client.begin()
    command = JointCommand(tick_to_ns(3) if bad == 'stamp' else 0, np.zeros(14), np.zeros(14))
    message = conversions.command_to_message(command)
    if bad == 'nan':
        message.points[0].positions[5] = float('nan')
    elif bad == 'names':
        message.joint_names[0] = 'left_elbow'
    elif bad == 'points':
        message.points = message.points * 2
    lab.client.commands.publish(message)

    def ignored():
        return [v.value for report in lab.client.reports for v in report.status[0].values
                if v.key == 'commands_ignored']
    assert graph.until(lambda: '1' in ignored())
    assert lab.station.tick == 0
    lab.client.step()
    assert lab.station.tick == 1


def test_a_command_outside_an_episode_moves_nothing(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.end()
    lab.client.send(0, np.zeros(14))
    assert graph.until(lambda: lab.arm._ignored == 1)
    assert lab.station.tick == 0


def test_a_second_begin_is_refused_and_says_why(graph):
    lab = Lab(graph)
    lab.client.begin('one')
    answer = lab.client.begin('two')
    assert not answer.success and 'trial one' in answer.message


@pytest.mark.parametrize('trial_id, phase', [('a/b', 1), ('t', 0), ('t', 9)])
def test_a_begin_with_a_bad_name_or_phase_is_refused(graph, trial_id, phase):
    answer = Lab(graph).client.begin(trial_id, phase)
    assert not answer.success and 'expected' in answer.message


def test_silence_lets_the_station_run_freely_and_hold_and_the_end_says_it_broke(graph):
    lab = Lab(graph, silence_s=0.2)
    lab.client.begin()
    for _ in range(3):
        lab.client.step()
    assert graph.until(lambda: lab.station.tick > 3)
    assert graph.until(lambda: lab.station.tick == 63)
    assert graph.until(lambda: lab.client.stamp_ns == tick_to_ns(63))
    stamps = [conversions.stamp_to_ns(m.header.stamp) for m in lab.client.states]
    assert stamps == sorted(stamps) and len(set(stamps)) > 50
    assert lab.station.holding
    end = lab.client.end()
    assert not end.success and 'no command' in end.message
    assert lab.client.begin('next').success


def test_an_end_for_a_fault_lets_the_station_run_freely_and_hold(graph):
    lab = Lab(graph)
    lab.client.begin()
    for _ in range(3):
        lab.client.step()
    end = lab.client.end(fault='the gate latched')
    assert not end.success and end.message == 'the gate latched'
    refused = lab.client.begin('next')
    assert not refused.success and 'the gate latched' in refused.message
    assert graph.until(lambda: lab.station.mode.value == 'broken')
    assert lab.station.tick == 63 and lab.station.holding
    assert lab.client.begin('next').success


def test_a_keep_alive_keeps_the_episode(graph):
    lab = Lab(graph, silence_s=0.3)
    lab.client.begin()
    assert graph.until(lambda: lab.client.alive.get_subscription_count() == 1)
    begun = lab.arm._wall()
    lab.client.create_timer(0.05, lambda: lab.client.alive.publish(Empty()))
    assert graph.until(lambda: lab.arm._wall() - begun > 1.0)
    assert lab.client.end().success


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
    assert lab.bench.camera_trouble == 'top_camera: no EGL here'
    lab.client.begin()
    lab.client.step()
    assert lab.station.tick == 1


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


def test_a_replay_over_the_graph_has_the_same_bits(graph, tmp_path):
    lab = Lab(graph, tmp_path, replay=True)
    start = lab.client.begin()
    for tick in range(10):
        lab.client.step(0.02 * np.cos(tick))
    end = lab.client.end()
    client = lab.client.create_client(RestoreState, 'arm_driver/restore_state')
    record = str(tmp_path / 'records' / start.record)
    restored = graph.call(client, RestoreState.Request(record=record))
    assert restored.success and restored.digest == start.digest
    assert graph.until(lambda: lab.client.stamp_ns == 0)
    lab.client.begin()
    for tick in range(10):
        lab.client.step(0.02 * np.cos(tick))
    assert lab.client.end().digest == end.digest


@pytest.mark.parametrize('replay', [False, True])
def test_a_state_can_be_restored_only_in_a_replay(graph, replay):
    lab = Lab(graph, replay=replay)
    offered = {service.srv_name for service in lab.arm.services}
    assert '~/begin_episode' in offered
    assert ('~/restore_state' in offered) == replay


def test_physics_that_fails_breaks_the_episode_and_ends_the_process(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.station.world.fail_at = 1
    lab.client.send(0, np.zeros(14))
    assert graph.until(lambda: lab.arm.exit_code == 1)
    assert 'physics fell over' in lab.client.end().message


def test_an_exception_in_a_callback_breaks_the_episode_and_the_arms_hold(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.step()
    publish = lab.arm._states.publish

    def broken(message):
        lab.arm._states.publish = publish
        raise RuntimeError('no memory')
    lab.arm._states.publish = broken
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    assert graph.until(lambda: lab.station.mode.value == 'broken')
    assert lab.station.holding
    end = lab.client.end()
    assert not end.success and 'no memory' in end.message


def test_a_deactivated_driver_takes_nothing(graph):
    lab = Lab(graph)
    lab.client.begin()
    lab.client.step()
    lab.arm.trigger_deactivate()
    tick = lab.station.tick
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    answer = lab.client.begin('next')
    assert not answer.success and 'not active' in answer.message
    assert lab.station.tick == tick
    assert not lab.client.end().success


def test_the_real_time_factor_is_not_exceeded(graph):
    lab = Lab(graph, real_time_factor=2.0)
    lab.client.begin()
    lab.client.step()
    begun = lab.arm._wall()
    for _ in range(30):
        lab.client.step()
    assert lab.arm._wall() - begun >= 0.9 * 30 / 30 / 2.0


@pytest.mark.parametrize('name, value, text', [
    ('real_time_factor', 0.001, 'real_time_factor'), ('real_time_factor', float('nan'), 'to 100'),
    ('silence_s', 0.0, 'silence_s'), ('command_max_age_s', 0.0, 'command_max_age_s'),
    ('lab_sed', 3, 'lab_seed')])
def test_a_parameter_that_is_wrong_is_refused_by_name(graph, name, value, text):
    with pytest.raises(ParameterError, match=text):
        ArmDriver(Bench(None), **options(graph, scene='fake', **{name: value}))


@pytest.mark.parametrize('profile', ['640x480', '640x480x7', '0x480x15', 'nonsense'])
def test_a_camera_profile_that_is_wrong_is_refused(graph, profile):
    with pytest.raises(ParameterError, match='top_camera.color_profile'):
        CameraDriver(Bench(None), **options(graph, **{'top_camera.color_profile': profile}))

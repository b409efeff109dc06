"""The executable sim_station as a process of its own, on the real world."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

import yaml  # noqa: E402
from bench_station import block_scene  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from enpire_core import conversions, qos  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.types import JointCommand  # noqa: E402
from enpire_drivers.sim.scene import write_scene  # noqa: E402
from enpire_interfaces.srv import BeginEpisode, EndEpisode  # noqa: E402

pytestmark = pytest.mark.system
START = 'import sys; from enpire_drivers.sim_station import main; sys.exit(main())'


def start(tmp_path, domain_id, scene, **parameters):
    """Start the process; its output goes to ``tmp_path`` / 'log'."""
    file = tmp_path / 'parameters.yaml'
    file.write_text(yaml.safe_dump({'/unit0/arm_driver': {'ros__parameters': {
        'scene': str(scene), 'records': str(tmp_path / 'records'), 'lab_seed': 3, **parameters}}}))
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain_id),
                   'PYTHONPATH': os.pathsep.join(sys.path)}
    with open(tmp_path / 'log', 'wb') as log:
        return subprocess.Popen([sys.executable, '-c', START, '--ros-args', '-r', '__ns:=/unit0',
                                 '--params-file', str(file)],
                                env=environment, stdout=log, stderr=log)


class Client(Node):
    """Begins, commands and ends, and looks if it is told to."""

    def __init__(self, graph, looks):
        super().__init__('client', context=graph.context, namespace='unit0')
        self.graph, self.state, self.images = graph, None, []
        self.commands = self.create_publisher(JointTrajectory, 'joint_trajectory', qos.COMMAND)
        self.create_subscription(JointState, 'joint_states', self._on_state, qos.SENSOR)
        if looks:
            self.create_subscription(Image, 'top_camera/color/image_raw', self.images.append,
                                     qos.SENSOR)
        self.begin = self.create_client(BeginEpisode, 'arm_driver/begin_episode')
        self.end = self.create_client(EndEpisode, 'arm_driver/end_episode')

    def _on_state(self, message):
        self.state = conversions.joint_state_from_message(message)

    def drive(self, ticks):
        """Move for ``ticks`` ticks; with a look, wait for each frame that is due. Returns the digest."""
        assert self.graph.call(self.begin, BeginEpisode.Request(trial_id='t', phase=2)).success
        assert self.graph.until(lambda: self.commands.get_subscription_count() == 1 and self.state)
        target = self.state.positions
        for tick in range(ticks):
            target = target + 0.002 * np.sin(tick / 10)
            command = JointCommand(self.state.stamp_ns, target, np.zeros(14))
            self.commands.publish(conversions.command_to_message(command))
            assert self.graph.until(lambda command=command: self.state.stamp_ns > command.stamp_ns)
        return self.graph.call(self.end, EndEpisode.Request(trial_id='t')).digest


@pytest.fixture(scope='module')
def scene(tmp_path_factory):
    """The folder of a scene with a block."""
    path = tmp_path_factory.mktemp('scene')
    write_scene(str(path), block_scene())
    return path


def run(tmp_path, scene, looks, ticks=60):
    """Run a process and drive it; return (digest, number of frames seen)."""
    tmp_path.mkdir()
    with Graph() as graph:
        process = start(tmp_path, graph.domain_id, scene)
        try:
            client = graph.add(Client(graph, looks))
            if looks:
                assert graph.until(lambda: client.images), (tmp_path / 'log').read_text()
            digest = client.drive(ticks)
            last = client.state.stamp_ns
            if looks:  # the newest frame comes though nothing moves any more
                assert graph.until(lambda: any(
                    conversions.stamp_to_ns(image.header.stamp) == last for image in client.images))
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0, (tmp_path / 'log').read_text()
        finally:
            process.kill()
            process.wait()
        return digest, len({conversions.stamp_to_ns(i.header.stamp) for i in client.images})


def test_two_processes_one_watched_and_one_not_end_in_the_same_state(tmp_path, scene):
    blind, none = run(tmp_path / 'blind', scene, looks=False)
    watched, frames = run(tmp_path / 'watched', scene, looks=True)
    assert none == 0 and frames > 0
    assert blind == watched != ''


def test_a_scene_that_is_not_there_ends_the_process_with_one_clear_line(tmp_path):
    with Graph() as graph:
        process = start(tmp_path, graph.domain_id, tmp_path / 'nowhere')
        try:
            assert process.wait(30) == 1
        finally:
            process.kill()
            process.wait()
    log = (tmp_path / 'log').read_text()
    assert 'nowhere' in log and 'write the scene again' in log and 'Traceback' not in log

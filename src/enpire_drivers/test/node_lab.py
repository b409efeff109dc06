"""The two nodes of a station on a fake world, what the gate and the trial server are to them, a wall clock."""

import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from fake_world import make_station
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Empty
from trajectory_msgs.msg import JointTrajectory

from enpire_core import conversions, qos
from enpire_core.types import JointCommand
from enpire_drivers.arm_driver_node import ArmDriver
from enpire_drivers.bench import Bench
from enpire_drivers.camera_driver_node import CameraDriver
from enpire_interfaces.msg import TrialReport
from enpire_interfaces.srv import BeginEpisode, EndEpisode

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

    def diagnostics(self, node):
        """Return the newest DiagnosticStatus of ``node`` ('arm_driver', 'camera_driver'), or None."""
        found = [status for report in self.reports for status in report.status if status.name == f'/unit0/{node}']
        return found[-1] if found else None

    def look(self, topic, kind=Image):
        """Subscribe to ``topic`` and return the list that its messages go to."""
        seen = []
        self.create_subscription(kind, topic, seen.append, qos.SENSOR)
        return seen


class WallClock:
    """A wall clock that tests put on; it stands still by itself."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        """Return the time [s]."""
        return self.now_s


class Lab:
    """The two nodes of a station on a fake world, and a client, on one graph.

    ``wall``: the arm driver's wall clock, the machine's own where none is given.
    """

    def __init__(self, graph, tmp_path=None, bring_up=True, wall=time.monotonic, **parameters):
        def open_with(values, profiles):
            return make_station(tmp_path, unit=values.unit, lab_seed=values.lab_seed,
                                profiles=profiles, silence_s=values.silence_s,
                                command_max_age_s=values.command_max_age_s)

        bench = Bench(open_with)
        self.arm = graph.add(ArmDriver(bench, wall, **options(graph, scene='fake', **parameters)))
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

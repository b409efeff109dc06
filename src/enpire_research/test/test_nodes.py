"""The trial server among the real gate and driver nodes, in one process: same bits as the direct runner."""

import os

import pytest

pytest.importorskip('rclpy')

import trial_helpers  # noqa: E402
from action_msgs.msg import GoalStatus  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_drivers.arm_driver_node import ArmDriver  # noqa: E402
from enpire_drivers.bench import Bench  # noqa: E402
from enpire_drivers.camera_driver_node import CameraDriver  # noqa: E402
from enpire_drivers.sim.scene import write_scene  # noqa: E402
from enpire_drivers.sim_station import open_from_parameters  # noqa: E402
from enpire_interfaces.action import Reset, Rollout  # noqa: E402
from enpire_research.conversions import report_from_message  # noqa: E402
from enpire_research.trial_server_node import TrialServer  # noqa: E402
from enpire_research.trials.outbox import Outbox  # noqa: E402
from enpire_research.trials.trial_setup import robot_limits_file  # noqa: E402
from enpire_safety.safety_gate_node import SafetyGateNode  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

pytestmark = pytest.mark.node
CAMERAS = ('top_camera', 'left_wrist_camera', 'right_wrist_camera')


class Lab:
    """One station's nodes in this process, and clients of its actions."""

    def __init__(self, graph, folder):
        self.graph, self.folder = graph, str(folder)
        self.task = trial_helpers.BlockTask(self.folder)
        self.run = os.path.join(self.folder, 'unit0')
        os.makedirs(self.run)
        write_scene(os.path.join(self.folder, 'scene'), self.task.scene())
        bench = Bench(open_from_parameters)
        self.arm = self.add(ArmDriver, bench, scene=os.path.join(self.folder, 'scene'), lab_seed=3,
                            records=os.path.join(self.run, 'records'))
        self.cameras = self.add(CameraDriver, bench, **{f'{name}.color_profile': '160x120x15' for name in CAMERAS})
        self.gate = self.add(SafetyGateNode, robot_limits=robot_limits_file(), task_limits=self.task.limits_file,
                             run_dir=self.run, simulated=True)
        self.server = self.add(TrialServer, task=self.task, run_dir=self.run, _task='block')
        for node in graph.nodes:
            assert node.bring_up(), node.fault
        self.reset = ActionClient(self.server, Reset, 'reset')
        self.rollout = ActionClient(self.server, Rollout, 'rollout')

    def add(self, kind, *args, **parameters):
        kwargs = {}
        if kind is TrialServer:
            kwargs['task'] = parameters.pop('task')
            parameters['task'] = parameters.pop('_task')
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return self.graph.add(kind(*args, context=self.graph.context, namespace='/unit0',
                                   parameter_overrides=overrides, **kwargs))

    def send(self, client, goal, feedback=None):
        """Send a goal; return the future of its result and its handle."""
        assert self.graph.until(client.server_is_ready)
        sent = client.send_goal_async(goal, feedback_callback=feedback)
        assert self.graph.until(sent.done)
        return sent.result().get_result_async(), sent.result()

    def result(self, client, goal, feedback=None, timeout_s=60.0):
        """Send a goal and return (status, result)."""
        future, _ = self.send(client, goal, feedback)
        assert self.graph.until(future.done, timeout_s), 'no result'
        return future.result().status, future.result().result


@pytest.fixture
def lab(tmp_path):
    with Graph() as graph:
        yield Lab(graph, tmp_path)


def test_a_trial_through_the_graph_has_the_bits_of_the_direct_runner(lab, tmp_path):
    feedback = []
    status, reset = lab.result(lab.reset, Reset.Goal(trial_id='t', seed=5), feedback.append)
    assert (status, reset.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0), reset.error_msg
    goal = Rollout.Goal(trial_id='t', seed=5, policy_file=trial_helpers.policy('push_left'))
    status, rollout = lab.result(lab.rollout, goal, feedback.append)
    assert (status, rollout.report.status) == (GoalStatus.STATUS_SUCCEEDED, 1), rollout.error_msg
    (tmp_path / 'direct').mkdir()
    runner, _ = trial_helpers.runner(tmp_path / 'direct', lab_seed=3)
    with runner:
        direct = [runner.reset('t', 5), runner.rollout('t', 5, goal.policy_file)]
    for ours, theirs in zip(direct, (reset.report, rollout.report)):
        theirs = report_from_message(theirs)
        for name in ('state_digest_before', 'state_digest_after', 'trajectory_digest', 'frames_digest', 'ticks',
                     'start_ns', 'end_ns', 'status', 'policy_hash', 'measurements'):
            assert getattr(ours, name) == getattr(theirs, name), name
    kept, problems = Outbox(os.path.join(lab.run, 'outbox')).reports()
    assert [one.phase for one in kept] == ['reset', 'rollout'] and not problems
    assert kept[1].to_dict() == report_from_message(rollout.report).to_dict()
    assert feedback and all(one.feedback.text for one in feedback)

"""Trial server and runner among the real gate and driver nodes, in one process."""

import json
import os
import time

import pytest

pytest.importorskip('rclpy')

import trial_helpers  # noqa: E402
from action_msgs.msg import GoalStatus  # noqa: E402
from enpire_core import room  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_drivers.arm_driver_node import ArmDriver  # noqa: E402
from enpire_drivers.bench import Bench  # noqa: E402
from enpire_drivers.camera_driver_node import CameraDriver  # noqa: E402
from enpire_drivers.sim import records  # noqa: E402
from enpire_drivers.sim.scene import write_scene  # noqa: E402
from enpire_drivers.sim_station import open_from_parameters  # noqa: E402
from enpire_interfaces.action import Reset, Rollout  # noqa: E402
from enpire_interfaces.msg import LabStatus, TrialReport  # noqa: E402
from enpire_research.conversions import report_from_message  # noqa: E402
from enpire_research.trial_runner_node import TrialRunner  # noqa: E402
from enpire_research.trial_server_node import TrialServer  # noqa: E402
from enpire_research.trials.outbox import Outbox  # noqa: E402
from enpire_research.trials.trial_setup import robot_limits_file  # noqa: E402
from enpire_safety.safety_gate_node import SafetyGateNode  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

pytestmark = pytest.mark.node
CAMERAS = ('top_camera', 'left_wrist_camera', 'right_wrist_camera')


class Lab:
    """One station's nodes in this process, and clients of its actions."""

    def __init__(self, graph, folder, task_folder=None, silence_s=5.0, **server):
        self.graph, self.folder = graph, str(folder)
        # A folder of its own: all in it is frozen.
        task_folder = str(task_folder or os.path.join(self.folder, 'task'))
        os.makedirs(task_folder, exist_ok=True)
        self.task = trial_helpers.BlockTask(task_folder)
        self.run = os.path.join(self.folder, 'unit0')
        os.makedirs(self.run)
        write_scene(os.path.join(self.folder, 'scene'), self.task.scene())
        bench = Bench(open_from_parameters)
        self.arm = self.add(ArmDriver, bench, scene=os.path.join(self.folder, 'scene'), lab_seed=3,
                            records=os.path.join(self.run, 'records'), silence_s=silence_s)
        self.cameras = self.add(CameraDriver, bench, **{f'{name}.color_profile': '160x120x15' for name in CAMERAS})
        self.gate = self.add(SafetyGateNode, robot_limits=robot_limits_file(), task_limits=self.task.limits_file,
                             run_dir=self.run, simulated=True)
        self.server = self.add(TrialServer, task=self.task, run_dir=self.run, _task='block', **server)
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


@pytest.fixture
def direct(tmp_path):
    """A direct runner of the station that `lab` has."""
    folder = tmp_path / 'direct'
    folder.mkdir()
    runner, _ = trial_helpers.runner(folder, lab_seed=3)
    with runner:
        yield runner


def assert_same(ours, theirs):
    """``ours``, ``theirs``: Reports of the direct runner and of the graph."""
    for name in ('state_digest_before', 'state_digest_after', 'trajectory_digest', 'frames_digest', 'ticks', 'start_ns',
                 'end_ns', 'status', 'tries', 'put_back', 'policy_hash', 'measurements'):
        assert getattr(ours, name) == getattr(theirs, name), name


def test_a_trial_through_the_graph_has_the_bits_of_the_direct_runner(lab, direct):
    feedback = []
    status, reset = lab.result(lab.reset, Reset.Goal(trial_id='t', seed=5), feedback.append)
    assert (status, reset.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0), reset.error_msg
    goal = Rollout.Goal(trial_id='t', seed=5, policy_file=trial_helpers.policy('push_left'))
    status, rollout = lab.result(lab.rollout, goal, feedback.append)
    assert (status, rollout.report.status) == (GoalStatus.STATUS_SUCCEEDED, 1), rollout.error_msg
    assert_same(direct.reset('t', 5), report_from_message(reset.report))
    assert_same(direct.rollout('t', 5, goal.policy_file), report_from_message(rollout.report))
    kept, problems = Outbox(os.path.join(lab.run, 'outbox')).reports()
    assert [one.phase for one in kept] == ['reset', 'rollout'] and not problems
    # What the goal asked for is in the file alone.
    assert {**kept[1].to_dict(), 'goal': {}} == report_from_message(rollout.report).to_dict()
    assert feedback and all(one.feedback.text for one in feedback)


def test_a_lost_object_is_put_back_through_the_graph_with_the_bits_of_the_direct_runner(lab, direct):
    lost = (0.32, 0.9, 0.03, 1, 0, 0, 0)
    lab.arm._station.world.set_object_pose('block', lost)
    _, reset = lab.result(lab.reset, Reset.Goal(trial_id='t', seed=5))
    theirs = report_from_message(reset.report)
    assert (theirs.status, theirs.tries, theirs.put_back) == ('succeeded', 3, True), theirs.error_msg
    direct.station.sim.world.set_object_pose('block', lost)
    assert_same(direct.reset('t', 5), theirs)


def test_a_goal_that_waits_for_its_station_says_so_and_can_be_cancelled(lab):
    lab.arm.trigger_deactivate()
    seen = []
    future, handle = lab.send(lab.reset, Reset.Goal(trial_id='t'), seen.append)
    assert lab.graph.until(lambda: seen, 5.0), 'no feedback'
    assert seen[0].feedback.text == 'waiting for the station' and not future.done()
    handle.cancel_goal_async()
    # Long before the silence of the driver would end it.
    assert lab.graph.until(future.done, 1.5) and future.result().status == GoalStatus.STATUS_CANCELED


def test_a_driver_that_writes_its_record_on_a_slow_disk_is_not_taken_for_dead(tmp_path, monkeypatch):
    write = records.write

    def slowly(*args):
        time.sleep(1.5)  # the disk
        return write(*args)
    monkeypatch.setattr(records, 'write', slowly)
    with Graph() as graph:
        lab = Lab(graph, tmp_path, driver_silence_s=0.5)
        status, reset = lab.result(lab.reset, Reset.Goal(trial_id='t', seed=5))
        assert (status, reset.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0), reset.error_msg


def test_a_second_goal_is_refused_while_one_runs_and_a_cancel_ends_it_at_once(lab):
    goal = Rollout.Goal(trial_id='long', seed=1, policy_file=trial_helpers.policy('waits'))
    # Slowed down, so that it still runs while we look: nothing else about it changes.
    lab.task.episode_s = 3600.0
    seen = []
    first, handle = lab.send(lab.rollout, goal, seen.append)
    assert lab.graph.until(lambda: any(one.feedback.step == Rollout.Feedback.STEP_POLICY for one in seen))
    status, second = lab.result(lab.reset, Reset.Goal(trial_id='other', seed=1))
    assert (status, second.error_code) == (GoalStatus.STATUS_ABORTED, Reset.Result.ERROR_BUSY)
    assert 'rollout' in second.error_msg and not first.done()
    cancel = handle.cancel_goal_async()
    assert lab.graph.until(lambda: cancel.done() and first.done(), 5.0)
    result = first.result()
    assert result.status == GoalStatus.STATUS_CANCELED
    assert result.result.error_code == Rollout.Result.ERROR_CANCELED
    lab.task.episode_s = 6.0
    status, third = lab.result(lab.reset, Reset.Goal(trial_id='third', seed=1))
    assert third.error_code == 0, third.error_msg


BAD_GOALS = [
    (dict(trial_id='a/b'), 'ERROR_INVALID_GOAL', 'trial_id'),
    (dict(task='peg'), 'ERROR_UNKNOWN_TASK', 'block'),
    (dict(manifest_hash='0' * 64), 'ERROR_MANIFEST', 'manifest_hash'),
    (dict(max_attempts=9), 'ERROR_INVALID_GOAL', 'max_attempts'),
    (dict(episode_s=float('nan')), 'ERROR_INVALID_GOAL', 'episode_s'),
    (dict(episode_s=7.0), 'ERROR_INVALID_GOAL', 'episode_s'),
    (dict(policy_file=''), 'ERROR_INVALID_GOAL', 'policy_file')]


def test_goals_with_bad_fields_are_refused_with_code_and_field(lab):
    for fields, code, word in BAD_GOALS:
        goal = Rollout.Goal(**{'trial_id': 'x', 'policy_file': 'p.py', **fields})
        status, result = lab.result(lab.rollout, goal)
        assert status == GoalStatus.STATUS_ABORTED
        assert result.error_code == getattr(Rollout.Result, code), fields
        assert word in result.error_msg
    assert not Outbox(os.path.join(lab.run, 'outbox')).reports()[0]


FROZEN = {'task/limits.yaml': 'limits/task, task/limits.yaml', 'task/verifier.onnx': 'task/verifier.onnx',
          'scene/scene.mjb': 'scene'}


def test_a_frozen_file_that_changes_by_one_byte_is_named_and_nothing_is_run_until_it_is_back(tmp_path):
    (tmp_path / 'task').mkdir()
    (tmp_path / 'task' / 'verifier.onnx').write_bytes(b'weights')
    (tmp_path / 'lab').mkdir()
    with Graph() as graph:
        lab = Lab(graph, tmp_path / 'lab', task_folder=tmp_path / 'task')
        for client, action in ((lab.reset, Reset), (lab.rollout, Rollout)):
            for name, named in FROZEN.items():
                path = (tmp_path if name.startswith('task') else tmp_path / 'lab') / name
                was, times = path.read_bytes(), os.stat(path)
                path.write_bytes(was[:-1] + bytes([was[-1] ^ 1]))
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
                goal = action.Goal(trial_id='t', **({'policy_file': 'p.py'} if action is Rollout else {}))
                status, result = lab.result(client, goal)
                path.write_bytes(was)
                assert (status, result.error_code) == (GoalStatus.STATUS_ABORTED, action.Result.ERROR_MANIFEST), name
                assert f'got another {named}: put it back' in result.error_msg
        assert not Outbox(os.path.join(lab.run, 'outbox')).reports()[0]
        status, reset = lab.result(lab.reset, Reset.Goal(trial_id='t', seed=5))
        assert (status, reset.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0), reset.error_msg


def test_where_its_result_would_find_no_room_a_goal_is_not_begun(lab, monkeypatch):
    monkeypatch.setattr(room, 'SPARE_BYTES', 1 << 60)
    for client, action, fields in ((lab.reset, Reset, {}), (lab.rollout, Rollout, {'policy_file': 'p.py'})):
        status, result = lab.result(client, action.Goal(trial_id='t', seed=5, **fields))
        assert (status, result.error_code) == (GoalStatus.STATUS_ABORTED, action.Result.ERROR_NO_ROOM)
        assert 'the disk is full' in result.error_msg and 'make room' in result.error_msg
    assert not Outbox(os.path.join(lab.run, 'outbox')).reports()[0]
    monkeypatch.undo()
    status, reset = lab.result(lab.reset, Reset.Goal(trial_id='t', seed=5))
    assert (status, reset.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0), reset.error_msg


def test_a_tripped_gate_voids_the_trial_and_the_next_goal_says_what_to_do(lab):
    lab.task.episode_s = 3600.0
    seen = []
    first, _ = lab.send(lab.rollout, Rollout.Goal(
        trial_id='long', policy_file=trial_helpers.policy('waits')), seen.append)
    assert lab.graph.until(lambda: any(one.feedback.step == Rollout.Feedback.STEP_POLICY for one in seen))
    client = lab.server.create_client(Trigger, 'safety_gate/trip')
    assert lab.graph.call(client, Trigger.Request()).success
    assert lab.graph.until(first.done, 10.0)
    result = first.result().result
    assert result.error_code == Rollout.Result.ERROR_LATCHED
    assert result.report.status == TrialReport.STATUS_VOID
    _, again = lab.result(lab.reset, Reset.Goal(trial_id='next'))
    assert again.error_code == Reset.Result.ERROR_LATCHED and 'operator' in again.error_msg


def test_the_runner_hands_out_trials_writes_its_summary_and_finishes(lab):
    runner = lab.add(TrialRunner, policy=trial_helpers.policy('push_left'), run_dir=lab.folder, units=['unit0'],
                     trials=2, lab_seed=3, lab='small', task='block')
    heard = []
    lab.server.create_subscription(LabStatus, '/unit0/status', heard.append, 10)
    assert runner.bring_up(), runner.fault
    assert lab.graph.until(lambda: runner.exit_code is not None, 60.0)
    assert runner.exit_code == 0
    with open(os.path.join(lab.folder, 'summary.json'), encoding='utf-8') as handle:
        summary = json.load(handle)
    assert summary['finished'] and summary['stations']['unit0']['trials'] == 2
    assert [one['trial_id'] for one in summary['results']] == ['trial-00000', 'trial-00001']
    assert summary['first_trial_after_s'] >= 0.0
    assert lab.graph.until(lambda: heard[-1].stations[0].trials == 2) and heard[-1].trials_wanted == 2


def test_a_station_that_latched_is_out_and_comes_back_when_it_is_cleared(lab):
    trip, clear = (lab.server.create_client(Trigger, f'safety_gate/{name}') for name in ('trip', 'clear'))
    assert lab.graph.call(trip, Trigger.Request()).success
    runner = lab.add(TrialRunner, policy=trial_helpers.policy('push_left'), run_dir=lab.folder, units=['unit0'],
                     trials=1, lab='small', task='block')
    runner._check_end = lambda: None  # alone in its lab it would end: here an operator comes in time
    assert runner.bring_up(), runner.fault
    row = runner._schedule.rows['unit0']
    assert lab.graph.until(lambda: row.out != '', 20.0)
    assert row.latched and row.voids == 1 and 'latched' in row.reason
    assert lab.graph.call(clear, Trigger.Request()).success
    assert lab.graph.until(lambda: row.trials == 1, 30.0), row
    assert runner._schedule.summary()['results'][0]['trial_id'] == 'trial-00000-r1'


def test_markers_show_outlines_and_verdict_to_those_who_come_late(lab):
    from enpire_core import qos
    from visualization_msgs.msg import MarkerArray
    lab.result(lab.reset, Reset.Goal(trial_id='t'))
    heard = []
    lab.server.create_subscription(MarkerArray, 'markers', heard.append, qos.STATE)
    assert lab.graph.until(lambda: heard)
    assert [(one.ns, one.header.frame_id) for one in heard[0].markers] == [
        ('goal', 'unit0/station'), ('verdict', 'unit0/station')]
    assert 'succeeded' in heard[0].markers[1].text

"""The train server as a client meets it: goals, feedback, results, refusals."""

import json
import os

import pytest

pytest.importorskip('rclpy')

import onnx_models  # noqa: E402
from action_msgs.msg import GoalStatus  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.action import Train  # noqa: E402
from enpire_interfaces.msg import TrialReport  # noqa: E402
from enpire_research.train_server_node import TrainServer  # noqa: E402
from enpire_research.trials import recording  # noqa: E402
from enpire_research.trials.outbox import Outbox  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from test_recording import recorded, report  # noqa: E402

pytestmark = pytest.mark.node
WRITE = f"""
from enpire_policy.training import artifact_path, report, trials
def write():
    with open(artifact_path, 'wb') as handle:
        handle.write({onnx_models.linear()!r})
"""


class Server:
    """A train server in this process, a run with two trials, and a client."""

    def __init__(self, graph, folder, **parameters):
        self.graph, self.folder, self.count = graph, folder, 0
        self.run = folder / 'run'
        data = recording.DataFolder(str(self.run / 'unit0' / 'data'), print)
        for name in ('a', 'b'):
            Outbox(str(self.run / 'unit0' / 'outbox')).put(report(trial_id=name))
            data.put(report(trial_id=name), recorded())
        data.close()
        values = {'run_dir': str(self.run), 'task': 'block', **parameters}
        self.node = graph.add(TrainServer(context=graph.context, namespace='/lab', parameter_overrides=[
            Parameter(name, value=value) for name, value in values.items()]))
        assert self.node.bring_up(), self.node.fault
        # Of a node of its own, which outlives a server that is brought down.
        self.client = ActionClient(graph.add(Node('client', namespace='/lab', context=graph.context)), Train, 'train')
        assert graph.until(self.client.server_is_ready)

    def goal(self, script, **fields):
        self.count += 1
        path = self.folder / f'train_{self.count}.py'
        path.write_text(WRITE + script)
        values = {'training_id': f't{self.count}', 'train_file': str(path), 'time_budget_s': 60.0,
                  'memory_budget_bytes': 500 << 20, **fields}
        return Train.Goal(**values)

    def send(self, goal, feedback=None):
        sent = self.client.send_goal_async(goal, feedback_callback=feedback)
        assert self.graph.until(sent.done)
        return sent.result().get_result_async(), sent.result()

    def result(self, goal, feedback=None):
        future, _ = self.send(goal, feedback)
        assert self.graph.until(future.done, 90.0), 'no result'
        return future.result().status, future.result().result


@pytest.fixture
def server(tmp_path):
    with Graph() as graph:
        yield Server(graph, tmp_path)


def test_a_script_gets_its_trials_streams_its_metrics_and_its_artifact_is_kept(server):
    seen = []
    status, result = server.result(server.goal("""
import time
found = list(trials())
assert [one.trial_id for one in found] == ['a', 'b'] and found[0].requests.shape == (3, 14)
for step in range(4):
    report(step, loss=1.0 / (1 + step), trials=len(found))
    time.sleep(0.3)
print('written')
write()
""", trial_query='status=succeeded', task='block'), lambda message: seen.append(message.feedback))
    assert (status, result.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0), result.error_msg
    assert result.status == TrialReport.STATUS_SUCCEEDED
    with open(result.artifact_file, 'rb') as handle:
        assert handle.read() == onnx_models.linear()
    assert result.artifact_file == str(server.run / 'artifacts' / f'{result.artifact_hash}.onnx')
    assert dict(zip(result.metric_names, result.metric_values)) == {'loss': 0.25, 'trials': 2.0}
    told = {one.step: dict(zip(one.metric_names, one.metric_values)) for one in seen if one.metric_names}
    assert told == {step: {'loss': 1.0 / (1 + step), 'trials': 2.0} for step in range(4)}
    # At least twice a second, from the first to the last.
    assert len(seen) >= 2 * (seen[-1].elapsed_s - seen[0].elapsed_s)
    assert result.wall_duration_s > 1.2 and 0 < result.cpu_duration_s < result.wall_duration_s + 1


BAD_GOALS = [
    (dict(training_id=''), 'training_id'), (dict(training_id='../x'), 'training_id'),
    (dict(training_id='..'), 'no dot'), (dict(task='peg'), "task: expected 'block'"),
    (dict(train_file=''), 'train_file'),
    (dict(time_budget_s=0.0), 'time_budget_s'), (dict(time_budget_s=float('nan')), 'time_budget_s'),
    (dict(time_budget_s=float('inf')), 'time_budget_s'), (dict(memory_budget_bytes=0), 'memory_budget_bytes'),
    (dict(trial_query='stauts=failed'), "the nearest known one is 'status'"),
    (dict(trial_query='unit=unit7'), 'got none of the 2'), (dict(training_id='taken'), 'is taken')]


def test_goals_with_bad_fields_are_refused_with_the_field_and_leave_no_folder(server):
    (server.run / 'training' / 'taken').mkdir()
    for fields, words in BAD_GOALS:
        status, result = server.result(server.goal('write()', **fields))
        assert (status, result.error_code) == (GoalStatus.STATUS_ABORTED, Train.Result.ERROR_INVALID_GOAL), fields
        assert words in result.error_msg
    assert os.listdir(server.run / 'training') == ['taken']


@pytest.mark.parametrize('content, words', [(None, 'there is none'), (b'\xff', 'UTF-8'), (b'#' * 1_000_001, 'at most')])
def test_a_script_that_cannot_be_read_is_told(server, content, words):
    path = server.folder / 'odd.py'
    if content is not None:
        path.write_bytes(content)
    _, result = server.result(server.goal('', train_file=str(path)))
    assert result.error_code == Train.Result.ERROR_SCRIPT_UNREADABLE and words in result.error_msg


def test_one_more_than_there_are_slots_is_refused_and_a_cancel_ends_one(tmp_path):
    with Graph() as graph:
        server = Server(graph, tmp_path, slots=2)
        seen = {1: [], 2: []}
        sleeps = 'import time\nreport(1, x=1)\ntime.sleep(1000)'
        futures = [server.send(server.goal(sleeps), seen[number].append) for number in seen]
        assert graph.until(lambda: all(any(m.feedback.step for m in heard) for heard in seen.values()), 60.0)
        status, third = server.result(server.goal('write()'))
        assert (status, third.error_code) == (GoalStatus.STATUS_ABORTED, Train.Result.ERROR_BUSY)
        assert 'at most 2 goals at a time' in third.error_msg
        futures[0][1].cancel_goal_async()
        assert graph.until(futures[0][0].done, 30.0) and not futures[1][0].done()
        first = futures[0][0].result()
        assert (first.status, first.result.error_code) == (GoalStatus.STATUS_CANCELED, Train.Result.ERROR_CANCELED)
        assert first.result.status == TrialReport.STATUS_CANCELED
        status, fourth = server.result(server.goal('write()'))
        assert fourth.error_code == 0, fourth.error_msg
        # A server that goes down ends the rest.
        server.node.bring_down()
        kept = json.loads((server.run / 'training' / 't2' / 'result.json').read_text())
        assert kept['code'] == Train.Result.ERROR_CANCELED


def test_an_error_of_ours_is_told_as_one(server, monkeypatch):
    from enpire_research.training import job

    def full(*args):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(job, 'lay_out', full)
    _, result = server.result(server.goal('write()'))
    assert result.error_code == Train.Result.ERROR_INTERNAL and 'No space left' in result.error_msg

"""The trial runner between others: people who send goals by hand, and servers that answer late."""

import hashlib
import json

import pytest

pytest.importorskip('rclpy')

import trial_helpers  # noqa: E402
from enpire_core.goals import ABORTED, SUCCEEDED, GoalServer, GoalSlot  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.action import Reset, Rollout  # noqa: E402
from enpire_interfaces.msg import TrialReport  # noqa: E402
from enpire_research.trial_runner_node import TrialRunner  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

pytestmark = pytest.mark.node


class FakeServer:
    """Serves both actions of unit0. ``busy``: trial ids whose rollout is answered with BUSY; ``silent``: no goal ends;
    ``frozen``: what is frozen differs.
    """

    def __init__(self, graph, busy=(), silent=False, frozen=False):
        self.goals, self.cancelled, self.artifacts = [], [], []
        self._busy, self._silent, self._frozen = busy, silent, frozen
        node = graph.add(Node('fake', namespace='/unit0', context=graph.context))
        self._servers = [
            GoalServer(node, action, kind, lambda goal, context, kind=kind, result=action.Result: self._serve(
                kind, goal, context, result()), GoalSlot(), busy=102, internal=110)
            for kind, action in (('reset', Reset), ('rollout', Rollout))]

    def _serve(self, kind, goal, context, result):
        self.goals.append((kind, goal.trial_id))
        if kind == 'rollout':
            self.artifacts.append(goal.artifact_file)
        if self._silent and context.wait_cancelled(20.0):
            self.cancelled.append(goal.trial_id)
        if kind == 'rollout' and goal.trial_id in self._busy:
            result.error_code, result.error_msg = Rollout.Result.ERROR_BUSY, 'another goal is under way'
            return ABORTED, result
        if self._frozen:
            result.error_code, result.error_msg = Reset.Result.ERROR_MANIFEST, 'got another task/verifier.py'
            return ABORTED, result
        result.report = TrialReport(trial_id=goal.trial_id, phase=TrialReport.PHASE_RESET,
                                    status=TrialReport.STATUS_SUCCEEDED)
        return SUCCEEDED, result


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


@pytest.fixture
def make_runner(graph, tmp_path):
    def made(**more):
        values = {'policy': trial_helpers.policy('waits'), 'run_dir': str(tmp_path), 'units': ['unit0'], 'trials': 1,
                  **more}
        runner = graph.add(TrialRunner(context=graph.context, namespace='/lab', parameter_overrides=[
            Parameter(name, value=value) for name, value in values.items()]))
        assert runner.bring_up(), runner.fault
        return runner
    return made


def test_a_goal_by_hand_between_reset_and_rollout_makes_no_void_and_the_trial_begins_anew(graph, make_runner):
    server = FakeServer(graph, busy=('trial-00000',))
    runner = make_runner()
    assert graph.until(lambda: runner.exit_code is not None)
    assert server.goals == [('reset', 'trial-00000'), ('rollout', 'trial-00000'),
                            ('reset', 'trial-00000-r1'), ('rollout', 'trial-00000-r1')]
    row = runner._schedule.rows['unit0']
    assert (row.trials, row.voids, row.reason) == (1, 0, '')


def test_every_rollout_is_given_the_artifact_and_the_summary_has_its_hash(graph, make_runner, tmp_path):
    artifact = tmp_path / 'mine.onnx'
    artifact.write_bytes(b'a model')
    server = FakeServer(graph)
    runner = make_runner(artifact=str(artifact))
    assert graph.until(lambda: runner.exit_code is not None)
    assert server.artifacts == [str(artifact)]
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['artifact_hash'] == hashlib.sha256(b'a model').hexdigest()


def test_a_goal_that_is_accepted_after_it_was_dropped_is_cancelled(graph, make_runner):
    server = FakeServer(graph, silent=True)
    runner = make_runner()
    unit = runner._crew.units['unit0']
    assert graph.until(lambda: unit.busy)
    # The server has not accepted it yet: it has the same executor, which is here in our hands.
    assert unit.handle is None and not server.goals
    runner.hold()
    assert graph.until(lambda: server.cancelled == ['trial-00000']), 'it runs on, and nobody hears of it'
    assert not unit.busy


def test_where_what_is_frozen_differs_the_runner_ends_with_what_was_said_and_repeats_nothing(graph, make_runner):
    server = FakeServer(graph, frozen=True)
    runner = make_runner(trials=3)
    assert graph.until(lambda: runner.exit_code is not None)
    assert runner.exit_code == 1 and server.goals == [('reset', 'trial-00000')]
    assert runner._schedule.broken == 'unit0 refused trial-00000: got another task/verifier.py'

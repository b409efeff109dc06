"""Managed nodes, conversions and goals on a graph of their own."""

import threading
from dataclasses import dataclass

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_msgs.msg import Empty  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from enpire_core import goals  # noqa: E402
from enpire_core.node import ManagedNode  # noqa: E402
from enpire_core.params import ParameterError, parameter  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.action import Reset  # noqa: E402


@dataclass(frozen=True)
class Parameters:
    age_max_s: float = parameter(0.1, 'an age', ge=0.01, le=1.0)
    names: tuple[str, ...] = parameter((), 'names')


class Recorder(ManagedNode):
    """Notes the order of its hooks; `breaks` names the ones that raise."""

    def __init__(self, graph, breaks=(), error=RuntimeError, **kwargs):
        self.calls, self.breaks, self.error = [], set(breaks), error
        super().__init__('recorder', Parameters, context=graph.context, **kwargs)

    def _note(self, name):
        self.calls.append(name)
        if name in self.breaks:
            raise self.error(f'{name} is broken')

    def open(self):
        self._note('open')
        self.create_subscription(Empty, 'go', lambda message: self._note('callback'), 10)
        self.create_service(Trigger, 'serve', lambda request, response: self._note('service'))

    def start(self):
        self._note('start')

    def hold(self):
        self._note('hold')

    def release(self):
        self._note('release')


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


def test_the_hooks_come_in_order_and_release_may_come_twice(graph):
    node = graph.add(Recorder(graph))
    assert node.calls == []
    assert node.bring_up()
    node.bring_down()
    assert node.calls == ['open', 'start', 'hold', 'hold', 'release']
    node.bring_down()
    assert node.calls[-1] == 'release'


@pytest.mark.parametrize('error', [ValueError, RuntimeError])
def test_a_fault_at_configure_releases_and_says_why(graph, error):
    node = graph.add(Recorder(graph, breaks=['open'], error=error))
    assert not node.bring_up()
    assert node.calls == ['open', 'release']
    assert node.fault == '/recorder: could not configure: open is broken'


class Owner(ManagedNode):
    """Owns one of each, and two closings of which one raises."""

    def __init__(self, graph):
        self.closed = []
        super().__init__('owner', Parameters, context=graph.context)

    def open(self):
        self.opened.callback(self.closed.append, 'first')
        self.opened.callback(self._break)
        self.own(self.create_publisher(Empty, 'said', 10))
        self.own(self.create_subscription(Empty, 'heard', lambda message: None, 10))
        self.own(self.create_service(Trigger, 'serve', lambda request, response: response))
        self.own(self.create_client(Trigger, 'ask'))
        self.own(self.create_steady_timer(1.0, lambda: None))
        self.opened.callback(self.closed.append, 'last')

    def _break(self):
        self.closed.append('broken')
        raise RuntimeError('cannot be closed')


def test_what_a_node_owns_is_gone_at_cleanup_though_a_closing_raises_and_comes_once_at_the_next_configure(graph):
    node = graph.add(Owner(graph))

    def owned():
        return [len(list(kind)) for kind in (node.publishers, node.subscriptions, node.services, node.clients,
                                             node.timers)]
    without = owned()
    for _ in range(2):
        node.closed.clear()
        node.open()
        assert owned() == [number + 1 for number in without]
        with pytest.raises(RuntimeError, match='cannot be closed'):
            node.release()
        assert owned() == without and node.closed == ['last', 'broken', 'first']


def test_a_fault_at_activate_holds(graph):
    node = graph.add(Recorder(graph, breaks=['start']))
    assert not node.bring_up()
    assert node.calls == ['open', 'start', 'hold']


def test_an_exception_in_a_subscription_is_reported_and_the_node_lives(graph):
    node = graph.add(Recorder(graph, breaks=['callback']))
    assert node.bring_up()
    other = graph.add(Node('other', context=graph.context))
    publisher = other.create_publisher(Empty, 'go', 10)
    assert graph.until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(Empty())
    assert graph.until(lambda: 'hold' in node.calls)
    assert 'callback is broken' in node.fault and '/recorder' not in node.fault
    node.breaks.clear()
    publisher.publish(Empty())
    assert graph.until(lambda: node.calls.count('callback') == 2)


def test_an_exception_in_a_service_is_answered(graph):
    node = graph.add(Recorder(graph, breaks=['service']))
    assert node.bring_up()
    other = graph.add(Node('other', context=graph.context))
    response = graph.call(other.create_client(Trigger, 'serve'), Trigger.Request())
    assert not response.success and 'service is broken' in response.message
    assert 'service is broken' in node.fault


def test_an_exception_in_a_timer_is_reported(graph):
    node = graph.add(Recorder(graph))
    node.create_steady_timer(0.01, lambda: 1 / 0)
    assert graph.until(lambda: 'ZeroDivisionError' in node.fault)


def test_an_unknown_parameter_is_refused_with_the_nearest_name(graph):
    with pytest.raises(ParameterError, match="'age_max'.*'age_max_s'"):
        Recorder(graph, parameter_overrides=[Parameter('age_max', value=0.2)])


def test_parameters_arrive_and_cannot_be_changed(graph):
    node = graph.add(Recorder(graph, parameter_overrides=[Parameter('age_max_s', value=0.2)]))
    assert node.parameters == Parameters(age_max_s=0.2)
    other = graph.add(Node('other', context=graph.context))
    request = SetParameters.Request(parameters=[Parameter('age_max_s', value=0.3).to_parameter_msg()])
    answer = graph.call(other.create_client(SetParameters, '/recorder/set_parameters'), request)
    assert not answer.results[0].successful and 'read-only' in answer.results[0].reason
    assert node.get_parameter('age_max_s').value == 0.2


def test_nobody_on_the_graph_can_move_a_nodes_clock(graph):
    node = graph.add(Recorder(graph))
    other = graph.add(Node('other', context=graph.context))
    request = SetParameters.Request(parameters=[Parameter('use_sim_time', value=True).to_parameter_msg()])
    answer = graph.call(other.create_client(SetParameters, '/recorder/set_parameters'), request)
    assert not answer.results[0].successful and 'use_sim_time: expected no change' in answer.results[0].reason
    assert node.get_parameter('use_sim_time').value is False
    assert not node.get_clock().ros_time_is_active


def test_a_node_can_be_started_on_simulated_time(graph):
    node = graph.add(Recorder(graph, parameter_overrides=[Parameter('use_sim_time', value=True)]))
    assert node.get_clock().ros_time_is_active


class Goals:
    """A reset server whose goals run until told."""

    def __init__(self, graph, run):
        self.node = graph.add(Node('server', context=graph.context))
        self.server = goals.GoalServer(
            self.node,
            Reset,
            'reset',
            run,
            goals.GoalSlot(),
            busy=Reset.Result.ERROR_BUSY,
            internal=Reset.Result.ERROR_INTERNAL,
        )
        self.client_node = graph.add(Node('client', context=graph.context))
        self.client = ActionClient(self.client_node, Reset, 'reset')
        self.feedback = []
        self.graph = graph
        assert graph.until(self.client.server_is_ready)

    def send(self):
        future = self.client.send_goal_async(Reset.Goal(trial_id='t'), self.feedback.append)
        assert self.graph.until(future.done)
        assert future.result().accepted
        return future.result()

    def result(self, handle):
        future = handle.get_result_async()
        assert self.graph.until(future.done)
        return future.result()


def until_cancelled(goal, context):
    context.feedback(Reset.Feedback(text='at work'))
    assert context.wait_cancelled(20.0)
    return goals.CANCELED, Reset.Result(error_code=Reset.Result.ERROR_CANCELED)


def test_a_second_goal_is_told_that_the_first_is_under_way_and_a_cancel_ends_the_first(graph):
    lab = Goals(graph, until_cancelled)
    first = lab.send()
    assert graph.until(lambda: lab.feedback)
    second = lab.result(lab.send())
    assert second.result.error_code == Reset.Result.ERROR_BUSY and "'reset'" in second.result.error_msg
    assert second.status == 6  # GoalStatus.STATUS_ABORTED
    cancel = first.cancel_goal_async()
    assert graph.until(cancel.done)
    answer = lab.result(first)
    assert answer.status == 5 and answer.result.error_code == Reset.Result.ERROR_CANCELED
    assert lab.server.stop(5.0)


def test_an_exception_in_a_goal_is_an_abort_with_its_text_and_the_next_goal_is_served(graph):
    answers = [lambda: 1 / 0, lambda: (goals.SUCCEEDED, Reset.Result(error_msg='fine')), lambda: 'nonsense']
    lab = Goals(graph, lambda goal, context: answers.pop(0)())
    broken = lab.result(lab.send())
    assert broken.status == 6 and broken.result.error_code == Reset.Result.ERROR_INTERNAL
    assert 'ZeroDivisionError' in broken.result.error_msg
    good = lab.result(lab.send())
    assert good.status == 4 and good.result.error_msg == 'fine'
    wrong = lab.result(lab.send())
    assert wrong.status == 6 and 'Reset.Result' in wrong.result.error_msg


def leave(goal, context):
    raise SystemExit(3)


def interrupt(goal, context):
    raise KeyboardInterrupt


@pytest.mark.parametrize('run, words', [(leave, 'SystemExit: 3'), (interrupt, 'KeyboardInterrupt')])
def test_a_goal_that_leaves_its_thread_is_an_abort_and_the_next_goal_is_served(graph, run, words):
    answers = [run, lambda goal, context: (goals.SUCCEEDED, Reset.Result())]
    lab = Goals(graph, lambda goal, context: answers.pop(0)(goal, context))
    left = lab.result(lab.send())
    assert left.status == 6 and left.result.error_code == Reset.Result.ERROR_INTERNAL and words in left.result.error_msg
    assert lab.result(lab.send()).status == 4


def test_a_goal_whose_thread_cannot_be_started_is_an_abort_and_the_next_goal_is_served(graph, monkeypatch):
    lab = Goals(graph, lambda goal, context: (goals.SUCCEEDED, Reset.Result()))

    class NoThread(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(goals.threading, 'Thread', NoThread)
        broken = lab.result(lab.send())
    assert broken.status == 6 and "can't start new thread" in broken.result.error_msg
    assert lab.server.stop(1.0)
    assert lab.result(lab.send()).status == 4


def test_stop_cancels_a_goal_that_runs(graph):
    lab = Goals(graph, until_cancelled)
    handle = lab.send()
    assert graph.until(lambda: lab.feedback)
    assert lab.server.stop(5.0)
    assert lab.result(handle).result.error_code == Reset.Result.ERROR_CANCELED

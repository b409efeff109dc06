"""When a station on the graph counts as ready, and when as dead, with a driver and a gate that this test plays."""

import threading
import time

import numpy as np
import pytest

pytest.importorskip('rclpy')

from enpire_core import qos  # noqa: E402
from enpire_core.conversions import joint_state_to_message  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_core.ticks import tick_to_ns  # noqa: E402
from enpire_core.types import JointCommand, JointState  # noqa: E402
from enpire_interfaces.msg import SafetyState  # noqa: E402
from enpire_interfaces.srv import BeginEpisode, EndEpisode, SelectLimits  # noqa: E402
from enpire_research.trials.graph_station import GraphStation, Silence  # noqa: E402
from enpire_research.trials.station import StationFault, never  # noqa: E402
from rcl_interfaces.srv import GetParameters  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState as JointStateMessage  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

pytestmark = pytest.mark.node
SILENCE = Silence(driver_s=0.4, gate_s=0.4, service_s=3.0)
# Where nobody is to be found dead, on a busy machine either.
PATIENT = Silence(driver_s=2.9, gate_s=2.9, service_s=3.0)
ZEROS = np.zeros(14)


class Partners:
    """Driver and gate: they offer what a trial needs, and say something where they are told to."""

    def __init__(self, graph):
        node = graph.add(Node('partners', namespace='/unit0', context=graph.context))
        self._states = node.create_publisher(JointStateMessage, 'joint_states', qos.SENSOR)
        self._safety = node.create_publisher(SafetyState, 'safety_state', qos.STATE)
        self.requests, self.selections, self.late_s = [], [], 0.0
        node.create_subscription(JointTrajectory, 'joint_trajectory_request', self.requests.append, qos.COMMAND)
        for kind, name in ((BeginEpisode, 'arm_driver/begin_episode'), (EndEpisode, 'arm_driver/end_episode'),
                           (Trigger, 'arm_driver/put_back'), (GetParameters, 'camera_driver/get_parameters')):
            node.create_service(kind, name, lambda _, response: response)
        node.create_service(SelectLimits, 'safety_gate/select_limits', self._on_select)

    def _on_select(self, request, response):
        self.selections.append(request)
        if len(self.selections) == 1:
            time.sleep(self.late_s)
        response.success = True
        return response

    def speak(self, driver=True, gate=True, tick=0, passed=0):
        if driver:
            self._states.publish(joint_state_to_message(JointState(tick_to_ns(tick), ZEROS, ZEROS, ZEROS)))
        if gate:
            self._safety.publish(SafetyState(passed=passed, decision=SafetyState.DECISION_PASSED))


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


@pytest.fixture
def partners(graph):
    return Partners(graph)


@pytest.fixture
def silence():
    return SILENCE


@pytest.fixture
def station(graph, partners, silence):
    made = GraphStation('unit0', '/unit0', lambda *_: None, silence=silence, context=graph.context)
    yield made
    made.close()


def wait_ready(graph, station, speak):
    """Return (what `wait_ready` raised or None, seconds); ``speak`` is called with the seconds until then."""
    return carried_out(graph, lambda: station.wait_ready(never), speak)


def carried_out(graph, do, speak):
    """Return (what ``do()`` raised or None, seconds); ``speak`` is called with the seconds until then."""
    raised, began = [], time.monotonic()

    def wait():
        try:
            do()
            raised.append(None)
        except StationFault as error:
            raised.append(str(error))
    thread = threading.Thread(target=wait)
    thread.start()

    def ended():
        speak(time.monotonic() - began)
        return not thread.is_alive()
    assert graph.until(ended, 20.0)
    thread.join()
    return raised[0], time.monotonic() - began


@pytest.mark.parametrize('late', ['driver', 'gate'])
def test_who_is_heard_late_for_the_first_time_is_not_dead(graph, partners, station, late):
    found, seconds = wait_ready(graph, station, lambda since: partners.speak(**{late: since > 1.2}))
    assert found is None and seconds > 1.2


def test_who_is_never_heard_is_given_up(graph, partners, station):
    found, _ = wait_ready(graph, station, lambda _: partners.speak(driver=False))
    assert found == 'hearing from the arm driver and the gate did not happen within 3 s'


def test_who_was_heard_and_says_nothing_any_more_is_dead_soon(graph, partners, station):
    assert wait_ready(graph, station, lambda _: partners.speak())[0] is None
    with pytest.raises(StationFault, match='the arm driver is silent: no joint_states for 0.4 s'):
        station._wait(lambda: False, 'nothing', 3.0)


@pytest.mark.parametrize('silence', [PATIENT], ids=['patient'])
def test_a_request_that_a_gate_has_not_heard_is_sent_again(graph, partners, station):
    """As one is that was lost: the gate is alive, and knows of nothing until it comes for the second time."""
    assert wait_ready(graph, station, lambda _: partners.speak())[0] is None

    def speak(_):
        heard = len(partners.requests) > 1
        partners.speak(tick=int(heard), passed=int(heard))
    found, seconds = carried_out(graph, lambda: station.step(JointCommand(0, ZEROS, ZEROS)), speak)
    assert found is None and seconds >= 2.0
    assert partners.requests[0] == partners.requests[1] and len(partners.requests) == 2


@pytest.mark.parametrize('silence', [PATIENT], ids=['patient'])
@pytest.mark.parametrize('moved, passed, words', [
    (0, 0, 'the gate has not decided it, the driver has not moved'),
    (0, 1, 'the gate decided it, the driver has not moved'),
    (1, 0, 'the gate has not decided it, the driver has moved')])
def test_a_request_without_an_answer_says_whose_is_missing(graph, partners, station, moved, passed, words):
    assert wait_ready(graph, station, lambda _: partners.speak())[0] is None
    found, _ = carried_out(graph, lambda: station.step(JointCommand(0, ZEROS, ZEROS)), lambda _: partners.speak(
        tick=moved * bool(partners.requests), passed=passed * bool(partners.requests)))
    assert found == f'the answer to a request ({words}) did not happen within 3 s'
    assert len(partners.requests) == 1 + (not moved and not passed)


@pytest.mark.parametrize('silence', [PATIENT], ids=['patient'])
def test_a_selection_that_is_answered_late_is_sent_again_under_the_same_name_and_a_new_one_has_its_own(
        graph, partners, station):
    assert wait_ready(graph, station, lambda _: partners.speak())[0] is None
    partners.late_s = 2.3  # longer than until it is sent again
    for profile in ('reset', 'rollout'):
        found, _ = carried_out(graph, lambda name=profile: station.select_limits(name), lambda _: partners.speak())
        assert found is None
    assert graph.until(lambda: len(partners.selections) == 3, 5.0)
    first, again, new = partners.selections
    assert first == again and first.profile == 'reset' and new.profile == 'rollout'
    assert first.call_id and new.call_id and first.call_id != new.call_id

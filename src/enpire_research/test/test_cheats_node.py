"""Cheats on a live graph of real nodes: confined they find nobody and fail, and unconfined each has its way.

Not covered: forged answers to requests of others, and other machines of the network.
"""

import os

import pytest

pytest.importorskip('rclpy')

from cheats import table  # noqa: E402
from enpire_core import qos  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_interfaces.action import Reset, Rollout  # noqa: E402
from enpire_interfaces.msg import SafetyEvent, SafetyState, TrialReport  # noqa: E402
from enpire_research.bench.unconfined import Unconfined  # noqa: E402
from enpire_research.trials.budget import Budget  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from test_cheats import won  # noqa: E402
from test_nodes import Lab  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

pytestmark = pytest.mark.node
BY_NAME = {one.name: one for one in table.GRAPH}
# What each program begins with: it knows the domain, waits on conditions, publishes and calls.
START = """
import time

import rclpy
from enpire_core import qos

print('has rclpy', flush=True)
rclpy.init(domain_id={domain})
node = rclpy.create_node('cheat', namespace='/unit0')


def until(condition):
    end = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < end, 'nobody is there'
        rclpy.spin_once(node, timeout_sec=0.02)


def say(message, topic, profile):
    said = node.create_publisher(type(message), topic, profile)
    until(lambda: said.get_subscription_count() > 0)
    said.publish(message)
    until(lambda: said.wait_for_all_acked())
    print('CHEATED: said it', flush=True)


def call(name):
    from std_srvs.srv import Trigger
    client = node.create_client(Trigger, name)
    until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    until(answer.done)
    return answer.result()

"""
# Starting rclpy takes its time.
PATIENT = Budget(answer_cpu_s=60.0, answer_silence_s=60.0, total_silence_s=60.0, answer_wall_s=90.0)


class Heard:
    """What is said on the topics of a station, by whomever."""

    def __init__(self, graph):
        node = graph.add(Node('listener', namespace='/unit0', context=graph.context))
        self.said = []
        for kind, name, profile in (
                (SafetyState, 'safety_state', qos.STATE), (SafetyEvent, 'safety_events', qos.EVENTS),
                (MarkerArray, 'markers', qos.STATE)):
            # Everything: of a state's newest alone, what was forged would be gone with the gate's next word.
            every = QoSProfile(depth=1000, reliability=profile.reliability, durability=profile.durability)
            node.create_subscription(kind, name, self.said.append, every)

    @property
    def forged(self):
        """Whether somebody said what a cheat says."""
        return any('forged' in str(message) for message in self.said)


@pytest.fixture(scope='module')
def confining(tmp_path_factory):
    """One lab for all of them, one after the other, and what is heard in it."""
    with Graph() as graph:
        yield patient(graph, tmp_path_factory.mktemp('lab'))


@pytest.fixture(scope='module')
def confining_nothing(tmp_path_factory):
    with Graph() as graph:
        lab, heard = patient(graph, tmp_path_factory.mktemp('lab'))
        lab.server._hosts._launcher = Unconfined()
        yield lab, heard


def patient(graph, folder):
    """Return (a lab with patience for its policies, also on a busy machine, Heard)."""
    lab = Lab(graph, folder, silence_s=60.0)
    lab.server._hosts._limits = PATIENT
    lab.server._hosts.take().kill()
    return lab, Heard(graph)


def run(lab, name):
    """Run a cheat in a rollout; return (result, what it printed)."""
    given = {'start': START.format(domain=lab.graph.domain_id), 'environment': dict(os.environ)}
    path = os.path.join(lab.folder, 'policy.py')
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(BY_NAME[name].path.read_text().replace('GIVEN = {}', f'GIVEN = {given!r}'))
    _, result = lab.result(lab.rollout, Rollout.Goal(trial_id=name, seed=5, policy_file=path), timeout_s=120.0)
    with open(os.path.join(lab.run, 'policy_logs', f'{name}.log'), encoding='utf-8') as handle:
        return result, handle.read()


def latch(lab, name):
    """Latch the gate where a cheat wants to clear that."""
    if name == 'call_clear':
        lab.gate.core.trip('somebody stopped it')


@pytest.mark.parametrize('name', BY_NAME)
def test_confined_it_meets_nobody_and_fails_and_the_station_works_on(confining, name):
    lab, heard = confining
    latch(lab, name)
    result, printed = run(lab, name)
    assert (result.report.status, result.error_code) == (TrialReport.STATUS_FAILED, 206), result.error_msg
    assert 'policy.py' in result.error_msg and not won(printed) and not heard.forged
    assert bool(lab.gate.core.latched) is (name == 'call_clear')
    lab.gate.core.clear()
    _, after = lab.result(lab.reset, Reset.Goal(trial_id=f'after-{name}', seed=5))
    assert after.error_code == 0, after.error_msg


@pytest.mark.parametrize('name', BY_NAME)
def test_unconfined_it_has_its_way(confining_nothing, name):
    lab, heard = confining_nothing
    heard.said.clear()
    latch(lab, name)
    result, printed = run(lab, name)
    latched = bool(lab.gate.core.latched)
    lab.gate.core.clear()
    assert won(printed), printed[-2000:]
    if name.startswith('say_'):
        assert lab.graph.until(lambda: heard.forged)
    if name == 'call_trip':
        assert result.report.status == TrialReport.STATUS_VOID and latched
    if name == 'call_clear':
        assert result.report.attempts and not latched

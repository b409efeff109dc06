"""The power cut of the arm driver on a graph of its own: services, state, relay, and what outlives the driver."""

import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from node_lab import Lab, WallClock  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from enpire_core import qos  # noqa: E402
from enpire_core.testing import Graph  # noqa: E402
from enpire_drivers.arm.relay import Relay  # noqa: E402
from enpire_drivers.arm.switches import AGAIN_S  # noqa: E402
from enpire_interfaces.msg import PowerState  # noqa: E402


@pytest.fixture
def graph():
    with Graph() as made:
        yield made


class Operator:
    """Cuts and restores the power of a Lab's driver, and hears what it says."""

    def __init__(self, lab):
        self._graph, node = lab.graph, lab.client
        self.said = []
        node.create_subscription(PowerState, 'arm_driver/power', self.said.append, qos.STATE)
        self._clients = {name: node.create_client(Trigger, f'arm_driver/{name}_power') for name in ('cut', 'restore')}

    def cut(self):
        return self._graph.call(self._clients['cut'], Trigger.Request())

    def restore(self):
        return self._graph.call(self._clients['restore'], Trigger.Request())

    def until(self, power):
        """Wait until the driver has said ``power`` last; return what it said."""
        assert self._graph.until(lambda: self.said and self.said[-1].power == power), self.said[-1:]
        return self.said[-1]


def relay(tmp_path, body=''):
    """Return the words of a relay that notes what it is called with in `words`, and then runs ``body``."""
    program = tmp_path / 'relay.py'
    program.write_text('import os, sys, time\n'
                       f'open({str(tmp_path / "words")!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")\n{body}')
    return [sys.executable, str(program)]


def test_an_operators_cut_breaks_the_episode_and_nothing_moves_or_begins_until_power_is_back(graph):
    lab = Lab(graph)
    operator = Operator(lab)
    assert operator.until(PowerState.POWER_ON).reason == ''
    lab.client.begin()
    lab.client.step()
    answer = operator.cut()
    assert answer.success and answer.message == 'power: cut: an operator asked for it'
    assert operator.until(PowerState.POWER_CUT).reason == 'an operator asked for it'
    assert not lab.station.world.power
    # It falls: the world runs freely, and what comes is ignored.
    assert graph.until(lambda: lab.station.mode.value == 'broken') and lab.station.tick == 61
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    assert graph.until(lambda: lab.arm._ignored == 1)
    assert 'power was cut: an operator' in lab.client.end().message
    assert 'enpire power --restore' in lab.client.begin('next').message
    lab.arm._report_diagnostics(lab.arm._wall())
    assert graph.until(lambda: lab.client.diagnostics('arm_driver').message == 'power: cut: an operator asked for it')
    answer = operator.restore()
    assert answer.success and answer.message == 'the motors have power'
    operator.until(PowerState.POWER_ON)
    assert lab.station.world.power and lab.station.holding
    assert graph.until(lambda: lab.station.tick == 121)
    assert lab.client.begin('next').success


def test_power_is_not_restored_to_arms_that_move_and_the_world_runs_on_for_them(graph):
    lab = Lab(graph)
    operator = Operator(lab)
    lab.station.world.push = 1.0
    operator.cut()
    assert graph.until(lambda: lab.station.tick == 60)
    answer = operator.restore()
    assert not answer.success and 'not restored: simulated motors: expected the arms at rest' in answer.message
    assert operator.until(PowerState.POWER_CUT).trouble.startswith('not restored')
    assert graph.until(lambda: lab.station.tick == 120)
    lab.station.world.push = 0.0
    operator.restore()
    assert graph.until(lambda: lab.station.tick == 180)
    assert operator.restore().success


def test_a_restore_where_nothing_was_cut_says_so(graph):
    answer = Operator(Lab(graph)).restore()
    assert answer.success and answer.message == 'the motors have power'


def test_a_driver_that_is_configured_and_not_active_cuts_too(graph):
    lab = Lab(graph)
    lab.arm.trigger_deactivate()
    assert Operator(lab).cut().success and not lab.station.world.power


def test_a_command_that_waits_for_its_pace_is_dropped_by_a_cut(graph):
    lab = Lab(graph, wall=WallClock(), real_time_factor=0.1)
    lab.client.begin()
    for _ in range(2):  # the pace makes up for one tick
        lab.client.step()
    lab.client.send(lab.client.stamp_ns, np.zeros(14))
    assert graph.until(lambda: lab.arm._waiting is not None)
    Operator(lab).cut()
    assert lab.arm._waiting is None


def test_a_station_that_cuts_by_itself_is_said_and_the_relay_follows(graph, tmp_path):
    lab = Lab(graph, power_relay=relay(tmp_path))
    operator = Operator(lab)
    step = lab.station.world.step_tick

    def runs_away(*motion):
        step(*motion)
        lab.station.world.v = np.full(14, 7.0)
    lab.station.world.step_tick = runs_away
    lab.client.begin()
    lab.client.end(fault='the gate latched')
    assert operator.until(PowerState.POWER_CUT).reason.startswith('runaway: expected left_')
    assert (tmp_path / 'words').read_text().startswith('off unit0 runaway: expected left_')


# ---- the relay ---------------------------------------------------------------------------------
def test_the_relay_is_switched_off_with_the_motors_and_on_before_them(graph, tmp_path):
    lab = Lab(graph, power_relay=relay(tmp_path))
    operator = Operator(lab)
    answer = operator.cut()
    assert not lab.station.world.power, 'the motors wait for no relay'
    assert answer.success or 'not confirmed' in answer.message
    operator.until(PowerState.POWER_CUT)
    assert graph.until(lambda: lab.station.mode.value == 'standing still')
    operator.restore()
    operator.until(PowerState.POWER_ON)
    assert (tmp_path / 'words').read_text().splitlines() == [
        'off unit0 an operator asked for it', 'on unit0 an operator asked for it']


def test_a_relay_that_fails_leaves_the_cut_unconfirmed_is_said_and_asked_again(graph, tmp_path):
    wall = WallClock()
    works = f'sys.exit(not os.path.exists({str(tmp_path / "mended")!r}))'
    lab = Lab(graph, wall=wall, power_relay=relay(tmp_path, works))
    operator = Operator(lab)
    operator.cut()
    assert graph.until(lambda: operator.said[-1].trouble)
    said = operator.said[-1]
    assert said.power == PowerState.POWER_CUTTING and 'expected exit code 0, got 1' in said.trouble
    assert not lab.station.world.power, 'the motors are limp all the same'
    refused = operator.restore()
    assert not refused.success and refused.message.startswith('power: cut asked, not confirmed')
    lab.arm._report_diagnostics(wall.now_s + 1.0)
    assert graph.until(lambda: 'got 1' in lab.client.diagnostics('arm_driver').message)
    (tmp_path / 'mended').touch()
    wall.now_s += AGAIN_S
    assert operator.until(PowerState.POWER_CUT).trouble == ''
    assert len((tmp_path / 'words').read_text().splitlines()) == 2


def test_a_relay_that_hangs_keeps_the_driver_from_nothing(graph, tmp_path):
    wall = WallClock()
    lab = Lab(graph, wall=wall, power_relay=relay(tmp_path, 'time.sleep(3600)'), power_relay_timeout_s=1.5)
    operator = Operator(lab)
    operator.cut()
    assert graph.until(lambda: lab.station.tick == 60), 'the world stands still beside the relay'
    assert operator.said[-1].power == PowerState.POWER_CUTTING
    wall.now_s += 1.6
    assert graph.until(lambda: 'expected an end within 1.5 s' in operator.said[-1].trouble)
    hangs = next(one.switch for one in lab.arm._power._all if isinstance(one.switch, Relay))
    hangs._end()


# ---- what outlives a driver --------------------------------------------------------------------
def test_a_driver_that_follows_one_with_its_power_cut_starts_with_the_power_cut(graph, tmp_path):
    records = str(tmp_path / 'records')
    lab = Lab(graph, records=records)
    Operator(lab).cut()
    lab.arm.trigger_deactivate()
    lab.arm.trigger_cleanup()
    lab.camera.trigger_deactivate()
    lab.camera.trigger_cleanup()
    assert lab.arm.bring_up() and lab.camera.bring_up()
    operator = Operator(lab)
    assert operator.until(PowerState.POWER_CUT).reason == 'an operator asked for it'
    assert not lab.station.world.power
    assert graph.until(lambda: lab.station.tick == 60), 'its arms do not fall'
    assert operator.restore().success
    assert not (tmp_path / 'records' / 'power_cut').exists()

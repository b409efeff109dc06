"""A lab under the official launch, in a ROS domain of its own: `launch_test lab_launch.py`.

One station, no runner: trials are sent by hand. The scenarios are those of test/system. How far the arms
move at a fault is measured there alone: launch has the lab file's times, and starts a gate again in 1 s.
"""

import atexit
import contextlib
import os
import pathlib
import signal
import sys
import tempfile
import unittest

import launch_testing.actions
import launch_testing.asserts
from enpire_core.testing import Graph
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription, SetEnvironmentVariable

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))

import system_scenarios as scenarios  # noqa: E402
from system_lab import policy  # noqa: E402
from system_watcher import Watcher  # noqa: E402

UNIT = 'unit0'
# Opened once: launch_testing asks for the description twice.
_open = contextlib.ExitStack()
atexit.register(_open.close)
FOLDER = pathlib.Path(_open.enter_context(tempfile.TemporaryDirectory(prefix='enpire-launch-test-')))
GRAPH = _open.enter_context(Graph())
WATCHER = _open.enter_context(Watcher.in_graph(GRAPH))


def generate_test_description():
    """Start lab.launch.py with one station that waits for trials."""
    return LaunchDescription([
        SetEnvironmentVariable('ROS_DOMAIN_ID', str(GRAPH.domain_id)),
        IncludeLaunchDescription(str(HERE.parents[1] / 'launch' / 'lab.launch.py'), launch_arguments={
            'units': '1', 'trials': '0', 'real_time_factor': '4', 'folder': str(FOLDER)}.items()),
        launch_testing.actions.ReadyToTest()])


def process_of(proc_info, node):
    """Return the name that launch gives to the process of a node."""
    found = [name for name in proc_info.process_names() if name.startswith(f'{UNIT}.{node}')]
    assert len(found) == 1, f'expected one process of {node}, found {found} in {proc_info.process_names()}'
    return found[0]


def kill(proc_info, node):
    """Kill the process of a node; return a function that waits for its successor."""
    name = process_of(proc_info, node)
    old = proc_info[name].pid
    os.kill(old, signal.SIGKILL)
    return lambda: WATCHER.until(lambda: proc_info[name].pid != old, f'{name} to be started again')


class TestLab(unittest.TestCase):
    """In the order of their names."""

    def test_1_only_the_gate_commands_and_only_the_driver_listens(self):
        scenarios.only_the_gate_commands_and_only_the_driver_listens(WATCHER, UNIT)

    def test_2_the_driver_hears_nothing_that_research_publishes_but_a_sign_of_life(self):
        scenarios.the_driver_hears_nothing_that_research_publishes(WATCHER, UNIT)

    def test_3_a_good_trial_is_judged(self):
        scenarios.a_good_trial_is_judged(WATCHER, UNIT, 'good', policy('holds'))

    def test_4_a_tripped_gate_stays_so_until_it_is_cleared(self):
        scenarios.a_tripped_gate_stays_so_until_it_is_cleared(WATCHER, UNIT)

    def test_5_a_killed_policy_fails_its_trial_and_the_next_trial_goes_on(self):
        def kill_policy():
            log, = FOLDER.glob(f'*/{UNIT}/policy_logs/policy.log')
            WATCHER.until(lambda: 'process ' in log.read_text(), 'the policy to print its process id')
            scenarios.kill_policy(log.read_text(), os.getpid())

        future, _ = scenarios.fault(WATCHER, UNIT, 'policy', policy('swings'), kill_policy)
        scenarios.a_killed_policy_fails_its_trial(WATCHER, future)
        scenarios.a_good_trial_is_judged(WATCHER, UNIT, 'after-policy', policy('holds'), reset=False)

    def test_6_after_a_killed_trial_server_the_arms_hold_and_its_successor_serves(self, proc_info):
        successors = []
        future, since = scenarios.fault(WATCHER, UNIT, 'server', policy('swings'),
                                        lambda: successors.append(kill(proc_info, 'trial_server')))
        scenarios.after_a_killed_trial_server_the_arms_hold(WATCHER, UNIT, future, since)
        successors[0]()
        scenarios.a_good_trial_is_judged(WATCHER, UNIT, 'after-server', policy('holds'))

    def test_7_after_a_killed_gate_the_unit_is_out_until_it_is_cleared(self, proc_info):
        successors = []
        future, _ = scenarios.fault(WATCHER, UNIT, 'gate', policy('swings'),
                                    lambda: successors.append(kill(proc_info, 'safety_gate')))
        scenarios.a_broken_station_voids_its_trial(WATCHER, future)
        successors[0]()
        scenarios.the_unit_is_out_until_it_is_cleared(WATCHER, UNIT, 'gate', policy('holds'), ('restarted',))


@launch_testing.post_shutdown_test()
class TestAfterwards(unittest.TestCase):
    """When everything has ended."""

    def test_everything_ended_in_order(self, proc_info):
        # Those that were killed were started again, and ended so too.
        launch_testing.asserts.assertExitCodes(proc_info)

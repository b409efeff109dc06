"""A lab under the official launch, for machines that have launch_testing: the scenarios of test/system.

One station, no runner: trials are sent by hand. Skipped where launch_testing is not installed.
"""

import os
import pathlib
import shutil
import signal
import tempfile
import unittest

import pytest

pytest.importorskip('launch_testing', reason='the official launch_testing is not installed here')

import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from enpire_bringup import graph  # noqa: E402
from enpire_interfaces.action import Reset, Rollout  # noqa: E402
from enpire_interfaces.msg import SafetyState, TrialReport  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch.actions import IncludeLaunchDescription  # noqa: E402

LAUNCH = pathlib.Path(__file__).resolve().parents[2] / 'launch' / 'lab.launch.py'
PATIENCE_S = 60.0
HOLDS = 'def act(observation):\n    return None if observation.time < 1.0 else DONE\n'
POLICY = 'from enpire_policy import DONE\n\n\n' + HOLDS


@pytest.mark.launch_test
def generate_test_description():
    """Start lab.launch.py with one station that waits for trials."""
    folder = tempfile.mkdtemp(prefix='enpire-launch-test-')
    policy = pathlib.Path(folder, 'policy.py')
    policy.write_text(POLICY)
    lab = IncludeLaunchDescription(str(LAUNCH), launch_arguments={
        'units': '1', 'trials': '0', 'folder': os.path.join(folder, 'runs')}.items())
    return LaunchDescription([lab, launch_testing.actions.ReadyToTest()]), {'folder': folder}


class TestLab(unittest.TestCase):
    """In the order of their names: the last one leaves the station latched."""

    def test_1_only_the_gate_publishes_commands_and_only_the_driver_listens(self):
        topic = '/unit0/joint_trajectory'
        with graph.connect() as lab:
            lab.until(lambda: lab.publishers(topic) == ['/unit0/safety_gate']
                      and lab.listeners(topic) == ['/unit0/arm_driver'], PATIENCE_S)
            self.assertEqual(lab.publishers(topic), ['/unit0/safety_gate'])
            self.assertEqual(lab.listeners(topic), ['/unit0/arm_driver'])

    def test_2_a_trial_by_hand_is_judged(self, folder):
        with graph.connect() as lab:
            client = lab.action_client(Reset, '/unit0/reset', PATIENCE_S)
            reset = lab.send_goal(client, Reset.Goal(trial_id='hand', seed=7), lambda _: None)
            self.assertEqual(reset.report.status, TrialReport.STATUS_SUCCEEDED, reset.error_msg)
            client = lab.action_client(Rollout, '/unit0/rollout', PATIENCE_S)
            result = lab.send_goal(client, Rollout.Goal(
                trial_id='hand', seed=7, policy_file=os.path.join(folder, 'policy.py')),
                lambda _: None)
        # It did nothing: the T lies where the reset left it.
        self.assertEqual(result.report.status, TrialReport.STATUS_FAILED, result.error_msg)
        self.assertTrue(result.report.simulated)

    def test_3_a_tripped_gate_stays_so_until_it_is_cleared(self):
        with graph.connect() as lab:
            self.assertTrue(lab.trigger('/unit0/safety_gate/trip', PATIENCE_S)[0])
            self.assertEqual(lab.safety_state('unit0').mode, SafetyState.MODE_LATCHED)
            self.assertTrue(lab.trigger('/unit0/safety_gate/clear')[0])
            self.assertTrue(lab.until(
                lambda: lab.safety_state('unit0').mode != SafetyState.MODE_LATCHED, PATIENCE_S))

    def test_4_a_killed_gate_comes_back_latched(self, proc_info):
        gate = next(name for name in proc_info.process_names() if 'safety_gate' in name)
        os.kill(proc_info[gate].pid, signal.SIGKILL)
        with graph.connect() as lab:
            def latched():
                state = lab.safety_state('unit0', 1.0)
                return state is not None and state.mode == SafetyState.MODE_LATCHED
            self.assertTrue(lab.until(latched, PATIENCE_S))


@launch_testing.post_shutdown_test()
class TestAfterwards(unittest.TestCase):
    """When everything has ended."""

    def test_everything_ended_in_order_but_the_gate_that_was_killed(self, proc_info, folder):
        launch_testing.asserts.assertExitCodes(
            proc_info, allowable_exit_codes=[0, -signal.SIGKILL])
        shutil.rmtree(folder)

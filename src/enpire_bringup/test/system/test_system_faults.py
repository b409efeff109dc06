"""kill -9 during a rollout, of each process in turn: what happens, and how far the arms move until they hold.

The times of silence are made short here; the course is the same. In lockstep the station runs at twice
real time: there is time to kill, and a slow machine's delay is little way; all figures are on the unit's clock.
"""

import json
import os
import signal

import numpy as np
import psutil
import pytest
import system_scenarios as scenarios
from enpire_core.joints import JOINT_NAMES
from enpire_research.trials import report as reports
from system_lab import policy, until
from system_motion import motion
from system_watcher import status

UNIT = 'unit0'
# Not shorter: on a loaded machine the first picture of a verdict takes a second.
SHORT = {'arm_driver': {'silence_s': 2.5}}
ARMS = [index for index, name in enumerate(JOINT_NAMES) if 'gripper' not in name]
GRIPPERS = [index for index, name in enumerate(JOINT_NAMES) if 'gripper' in name]
# At most 0.9 rad/s in the policy: the driver's 0.1 s and the latency of this test at that speed; then what
# the motors need to stop the arm. The grippers stay closed.
UNTIL_HELD_RAD, AFTER_RAD, GRIPPER_M = 0.25, 0.08, 0.002


def waiting_lab(start_lab, overrides):
    """Return (process, watcher) of one station that is ready for trials."""
    process, watcher = start_lab('--units', '1', '--trials', '0', '--real-time-factor', '2', overrides=overrides)
    watcher.watch(UNIT)
    return process, watcher


@pytest.fixture
def lab(start_lab):
    """One station with short silences."""
    return waiting_lab(start_lab, SHORT)


def fault(lab, do):
    """Call ``do()`` while the arms swing; return (future of the result, index of the newest state then)."""
    process, watcher = lab

    def remembered():
        process.remember_family()
        do()
    return scenarios.fault(watcher, UNIT, 'faulty', policy('swings'), remembered)


def check(found, title):
    """Print the figures and compare them with the bounds."""
    print('\n' + found.table(title))
    assert np.max(np.abs(found.speed[ARMS])) > scenarios.MOVING_RAD_S, 'the arms did not move at the fault'
    assert np.all(found.until_held[ARMS] <= UNTIL_HELD_RAD), found.table(title)
    assert np.all(found.after[ARMS] <= AFTER_RAD), found.table(title)
    for way in (found.until_held, found.after):
        assert np.all(way[GRIPPERS] <= GRIPPER_M), found.table(title)


def held_by_the_driver(lab, since, title, last_ns=None):
    """Wait for the free run, measure it, and check that the world ran for its 2 s and stands.

    ``last_ns``: the last stamp in lockstep, where it was waited for already.
    """
    watcher = lab[1]
    last_ns = last_ns or scenarios.the_world_ran_free_and_stands(watcher, UNIT, since)
    found = motion(watcher.states[UNIT], since, last_ns + scenarios.DRIVER_STOP_NS)
    check(found, title)
    assert 1.8 <= found.after_s <= 2.1, f'expected a free run of 2 s, got {found.after_s}'
    return found


def kill_policy(lab):
    """Kill the policy of trial `faulty`."""
    log = lab[0].run_dir / UNIT / 'policy_logs' / 'faulty.log'
    until(lambda: log.exists() and 'process ' in log.read_text(), 'the policy to print its process id')
    scenarios.kill_policy(log.read_text(), lab[0].process.pid)


def test_a_killed_policy_fails_its_trial_the_arms_hold_and_the_next_trial_goes_on(lab):
    process, watcher = lab
    selected = len(watcher.safety[UNIT])
    future, since = fault(lab, lambda: kill_policy(lab))
    scenarios.a_killed_policy_fails_its_trial(watcher, future)
    # The clock stands until our own retreat begins: it selects its limits first.
    ours = next(said for said in watcher.safety[UNIT][selected:]
                if said.limits_profile == 'reset')
    retreat_ns = ours.header.stamp.sec * 10**9 + ours.header.stamp.nanosec
    samples = [one for one in watcher.states[UNIT] if one.stamp_ns <= retreat_ns]
    found = motion(samples, since, retreat_ns)
    check(found, 'policy killed; held until the retreat began')
    # What the watcher had not read yet when it killed is in it.
    assert found.until_held_s <= 0.5, 'the clock ran on without a policy'
    scenarios.a_good_trial_is_judged(watcher, UNIT, 'next', policy('holds'), reset=False)


def test_after_a_killed_trial_server_the_arms_hold_and_its_successor_serves(lab):
    process, watcher = lab
    old = []
    future, since = fault(lab, lambda: old.append(process.kill_child(f'{UNIT}.trial_server')))
    last_ns = scenarios.after_a_killed_trial_server_the_arms_hold(watcher, UNIT, future, since)
    held_by_the_driver(lab, since, 'trial server killed', last_ns)
    process.until_new(f'{UNIT}.trial_server', old[0])
    left = {pid: words for pid, words in process.left().items() if 'policy_host' in words}
    orphans = {pid: words for pid, words in left.items() if not has_a_server(pid)}
    assert not orphans, f'policies without a server: {orphans}'
    scenarios.a_good_trial_is_judged(watcher, UNIT, 'next', policy('holds'))


def has_a_server(pid):
    """Return whether the parent of ``pid``, or of its sandbox, is a trial server, not the one who adopts orphans."""
    parent = psutil.Process(pid).parent()
    while 'guard.py' in ' '.join(parent.cmdline()):
        parent = parent.parent()
    return 'trial_server' in ' '.join(parent.cmdline())


def test_a_trial_server_that_stands_still_voids_its_trial_and_the_arms_hold(lab):
    process, watcher = lab
    pid = []
    future, since = fault(lab, lambda: pid.append(process.kill_child(f'{UNIT}.trial_server', signal.SIGSTOP)))
    held_by_the_driver(lab, since, 'trial server stopped by SIGSTOP')
    os.kill(pid[0], signal.SIGCONT)
    done = scenarios.result_of(watcher, future)
    assert (status(done), done.error_code) == ('void', done.ERROR_STATION_FAULT), done.error_msg
    assert 'lockstep' in done.error_msg
    scenarios.a_good_trial_is_judged(watcher, UNIT, 'next', policy('holds'))


@pytest.mark.parametrize('overrides', [
    pytest.param(None, id='as_shipped'),
    # It comes back so late that the driver's silence is what ends the episode.
    pytest.param({**SHORT, 'respawn_delay_s': {f'{UNIT}.safety_gate': 6.0}}, id='late_successor')])
def test_after_a_killed_gate_the_driver_holds_and_the_unit_is_out_until_it_is_cleared(start_lab, overrides):
    lab = process, watcher = waiting_lab(start_lab, overrides)
    old = []
    future, since = fault(lab, lambda: old.append(process.kill_child(f'{UNIT}.safety_gate')))
    held_by_the_driver(lab, since, 'safety gate killed')
    scenarios.a_broken_station_voids_its_trial(watcher, future)
    process.until_new(f'{UNIT}.safety_gate', old[0])
    scenarios.the_unit_is_out_until_it_is_cleared(watcher, UNIT, 'gate', policy('holds'), ('restarted',))


def test_after_a_killed_simulation_the_trial_is_void_and_the_unit_is_out_until_it_is_cleared(lab):
    process, watcher = lab
    old = []
    future, _ = fault(lab, lambda: old.append(process.kill_child(f'{UNIT}.sim_station')))
    scenarios.a_broken_station_voids_its_trial(watcher, future)
    process.until_new(f'{UNIT}.sim_station', old[0])
    scenarios.the_unit_is_out_until_it_is_cleared(watcher, UNIT, 'simulation', policy('holds'),
                                                  # Which one it is depends on how quickly it is there again.
                                                  ('clock_back', 'driver_silence'))


def test_a_killed_supervisor_leaves_no_process_behind(lab):
    process, watcher = lab
    fault(lab, process.process.kill)
    process.process.wait()
    assert len(process.family) >= 5, 'expected station, gate, server, view and a policy'
    until(lambda: not process.left(), lambda: f'these to end: {process.left()}', 10.0)


def driven_now(process):
    """Return the id of the trial whose policy says that it waits, or '' where none does yet."""
    return next((log.stem for log in (process.run_dir / UNIT / 'policy_logs').glob('*.log')
                 if 'waiting' in log.read_text()), '')


def test_a_trial_that_a_dead_trial_server_lost_is_void_and_the_lab_repeats_it(start_lab):
    process, _ = start_lab('--units', '1', '--trials', '1', '--real-time-factor', '4', '--policy', policy('waits'),
                           overrides=dict(SHORT, trial_runner={'feedback_silence_s': 6.0}))
    lost = until(lambda: driven_now(process), lambda: f'the policy to drive; the lab said:\n{process.text()}')
    process.kill_child(f'{UNIT}.trial_server')
    code, text = process.wait(120.0)
    assert code == 0, text
    summary = json.loads((process.run_dir / 'summary.json').read_text())
    station, (result,) = summary['stations'][UNIT], summary['results']
    # On a loaded machine the short times above may void a phase before and after: it is repeated like this one.
    assert (station['trials'], station['left']) == (1, 0) and station['voids'] >= 1, summary
    assert result['trial_id'].startswith('trial-00000-r') and result['trial_id'] > lost, (lost, summary)
    outbox = process.run_dir / UNIT / 'outbox'
    # The dead server left no result of its rollout, which nobody makes up.
    assert not (outbox / f'{lost}.rollout.json').exists()
    assert reports.read(outbox / f"{result['trial_id']}.rollout.json").status == result['status']
    first, again = (reports.read(outbox / f'{name}.reset.json') for name in (lost, result['trial_id']))
    assert first.seed == again.seed

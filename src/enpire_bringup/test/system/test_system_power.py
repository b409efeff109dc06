"""Power that is cut in the middle of a rollout: the arms fall, the trial is void, and how the unit comes back.

On the unit's clock, with real processes and the commands that an operator has.
"""

import numpy as np
import pytest
import system_scenarios as scenarios
from enpire_core.joints import JOINT_NAMES
from enpire_interfaces.msg import SafetyState
from system_lab import policy, until
from system_watcher import EVERY_STATE, status

UNIT = 'unit0'
SHOULDERS = [index for index, name in enumerate(JOINT_NAMES) if name.endswith('joint2')]
ARMS = [index for index, name in enumerate(JOINT_NAMES) if 'gripper' not in name]


RELAY = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/switched"
"""


@pytest.fixture
def lab(start_lab, tmp_path):
    """One station that is ready for trials, with a relay that notes in the file `switched` what it is asked."""
    (tmp_path / 'lab.yaml').write_text('units: 1\ntrials: 0\nreal_time_factor: 4\npower_relay: [./relay.sh]\n')
    (tmp_path / 'relay.sh').write_text(RELAY)
    (tmp_path / 'relay.sh').chmod(0o755)
    process, watcher = start_lab(str(tmp_path / 'lab.yaml'))
    # The world runs for half a second of wall time after its power came back, while the command is still at work.
    watcher.watch(UNIT, EVERY_STATE)
    return process, watcher


def cut_by_an_operator(process):
    code, text = process.command('stop', '--cut-power')
    assert code == 0 and f'{UNIT}: power cut' in text and f'{UNIT}: stopped' in text, text


def the_arms_fall_and_lie_still(watcher, standing):
    """Both shoulders, which the policy does not move, are far from where they were ``standing`` (14,), and at rest."""
    states = watcher.states[UNIT]
    watcher.until(lambda: (np.abs(states[-1].positions - standing)[SHOULDERS] > 0.5).all(),
                  lambda: f'the arms to fall from {standing}: {states[-1].positions}')
    watcher.until(lambda: scenarios.speed(states[-1]) < 0.05, lambda: f'the arms to lie still: {states[-1].velocities}')


def the_station_is_out_and_a_clear_does_not_bring_it_back(process, watcher):
    said = watcher.until_mode(UNIT, SafetyState.MODE_LATCHED, 'the gate to be latched')
    assert said.rule in ('power_cut', 'operator', 'measured_velocity', 'driver_silence', 'clock_back'), said
    refused = watcher.run(UNIT, 'rollout', trial_id='out', seed=7, policy_file=policy('holds'))
    assert (status(refused), refused.error_code) == ('void', refused.ERROR_LATCHED), scenarios.said_by(refused)
    code, text = process.command('clear', '--yes')
    assert code == 1 and 'power_cut persists: an operator asked for it' in text, text
    code, text = process.command('power')
    assert (code, text) == (3, f'{UNIT}: CUT: an operator asked for it\n')


def restored(process, watcher):
    """Give the power back; the arms don't jump, and the gate stays latched."""
    watcher.until(lambda: scenarios.speed(watcher.states[UNIT][-1]) < 0.05, 'the arms to lie still')
    states, since = watcher.states[UNIT], len(watcher.states[UNIT])
    until(lambda: process.command('power', '--restore', '--yes')[0] == 0, 'the arms to lie still and to be held')
    watcher.until(lambda: len(states) > since + 20, 'the world to run while the motors hold')
    assert max(np.abs(one.velocities[ARMS]).max() for one in states[since:]) < 0.2
    watcher.until_mode(UNIT, SafetyState.MODE_LATCHED, 'the gate to stay latched')


@pytest.mark.parametrize('killed', [False, True], ids=['driver_lives', 'driver_is_killed'])
def test_a_cut_voids_the_trial_and_the_unit_is_out_until_its_power_is_restored_and_it_is_cleared(lab, killed):
    process, watcher = lab
    watcher.until(lambda: watcher.states[UNIT], 'a joint state')
    standing = watcher.states[UNIT][-1].positions
    future, _ = scenarios.fault(watcher, UNIT, 'faulty', policy('swings'), lambda: cut_by_an_operator(process))
    scenarios.a_broken_station_voids_its_trial(watcher, future)
    the_arms_fall_and_lie_still(watcher, standing)
    if killed:
        process.until_new(f'{UNIT}.sim_station', process.kill_child(f'{UNIT}.sim_station'))
        until(lambda: process.command('power')[0] == 3, 'the next driver to say that its power is cut')
    the_station_is_out_and_a_clear_does_not_bring_it_back(process, watcher)
    restored(process, watcher)
    until(lambda: process.command('clear', '--yes')[0] == 0, 'the gate to be cleared')
    switched = (process.folder / 'switched').read_text().splitlines()
    assert switched == [f'off {UNIT} an operator asked for it'] * (1 + killed) + [f'on {UNIT} an operator asked for it']
    scenarios.a_good_trial_is_judged(watcher, UNIT, 'next', policy('holds'))

"""What a station has to do, as functions: for the tests here and for those under launch_testing.

Each takes a `Watcher`, the name of a unit, and where processes are killed a function that does it. An
AssertionError says what was expected and what came.
"""

import os
import re
import signal

from enpire_core.joints import JOINT_NAMES
from enpire_interfaces.msg import SafetyState
from enpire_safety.sandbox import family
from system_watcher import status

TICK_NS = 1_000_000_000 // 30
# The driver's own stop: the last command may be 0.1 s old on the unit's clock, rounded up to a tick.
DRIVER_STOP_NS = 4 * TICK_NS + 10
MOVING_RAD_S = 0.5
SWINGING_TICKS = 45  # the policy `swings` has its full width after a second
GATE, DRIVER, LINK = 'safety_gate', 'arm_driver', 'trial_link'


# ---- the graph ---------------------------------------------------------------------------------
def ends(watcher, topic):
    """Return ([publishers], [subscribers]) of a topic as full names of nodes, without the watcher's own."""
    def names(found):
        return sorted(f'{one.node_namespace.rstrip("/")}/{one.node_name}' for one in found
                      if one.node_name != watcher.node.get_name())
    return (names(watcher.node.get_publishers_info_by_topic(topic)),
            names(watcher.node.get_subscriptions_info_by_topic(topic)))


def only_the_gate_commands_and_only_the_driver_listens(watcher, unit):
    """joint_trajectory: published by the unit's gate alone, heard by its arm driver alone."""
    wanted = ([f'/{unit}/{GATE}'], [f'/{unit}/{DRIVER}'])
    watcher.until(lambda: all(ends(watcher, f'/{unit}/joint_trajectory')),
                  f'gate and driver of {unit} to meet')
    found = ends(watcher, f'/{unit}/joint_trajectory')
    assert found == wanted, f'joint_trajectory of {unit}: expected {wanted}, got {found}'


def the_driver_hears_nothing_that_research_publishes(watcher, unit):
    """Of the topics of trial server and policies only the sign of life reaches the driver."""
    heard = [topic for topic, _ in watcher.node.get_topic_names_and_types()
             if f'/{unit}/{DRIVER}' in ends(watcher, topic)[1]]
    # Which no motion follows from. /parameter_events is ROS's own.
    assert sorted(heard) == [f'/{unit}/joint_trajectory', f'/{unit}/sim/keep_alive'], heard


# ---- trials ------------------------------------------------------------------------------------
def said_by(result):
    """Return what a result says, as text: only pytest shows the values of a bare assert."""
    return f'{status(result)} {result.error_code} {result.error_msg}'


def a_good_trial_is_judged(watcher, unit, trial_id, policy_file, reset=True):
    """Reset and rollout of a policy without faults: a verdict, no error. Returns the rollout's result."""
    if reset:
        done = watcher.run(unit, 'reset', trial_id=trial_id, seed=7)
        assert status(done) == 'succeeded', f'reset: {said_by(done)}'
    done = watcher.run(unit, 'rollout', trial_id=trial_id, seed=7, policy_file=policy_file)
    assert done.error_code == 0 and status(done) in ('succeeded', 'failed'), (
        f'rollout: expected a verdict, got {said_by(done)}')
    assert done.report.simulated
    return done


def speed(state):
    """Return the largest measured velocity of an arm's joint, rad/s."""
    return max(abs(velocity) for name, velocity in zip(JOINT_NAMES, state.velocities) if 'gripper' not in name)


def swinging(watcher, unit, trial_id, policy_file):
    """Start a rollout of a policy that swings the arms and wait until they move; return its future."""
    watcher.watch(unit)
    _, future = watcher.send(unit, 'rollout', trial_id=trial_id, seed=7, policy_file=policy_file)
    states = watcher.states[unit]
    first = len(states)
    watcher.until(lambda: len(states) > first + SWINGING_TICKS and speed(states[-1]) > MOVING_RAD_S,
                  lambda: f'{unit} to move; {future.result().result if future.done() else "no result yet"}')
    return future


# ---- faults ------------------------------------------------------------------------------------
def fault(watcher, unit, trial_id, policy_file, do):
    """Call ``do()`` while the arms swing; return (future of the result, index of the newest state then)."""
    future = swinging(watcher, unit, trial_id, policy_file)
    watcher.until(lambda: watcher.safety[unit], 'the gate to be heard')
    do()
    return future, len(watcher.states[unit]) - 1


def policy_pids(printed, ancestor):
    """Return the process id of the policy that ``printed`` it, which in its sandbox is another one, as a list.

    ``ancestor``: a process below which it is. [] where it has not printed yet, or is gone.
    """
    said = re.search(r'process (\d+)', printed)
    return [pid for pid in family.family(ancestor) if family.innermost(pid) == int(said.group(1))] if said else []


def kill_policy(printed, ancestor):
    """Kill the policy that ``printed`` its process id; see `policy_pids`."""
    (pid,) = policy_pids(printed, ancestor)
    os.kill(pid, signal.SIGKILL)


def result_of(watcher, future):
    """Wait for the result of the trial with the fault; return it."""
    watcher.until(future.done, 'the result of the trial with the fault')
    return future.result().result


def a_killed_policy_fails_its_trial(watcher, future):
    """A failed trial, no void one, that says what happened."""
    done = result_of(watcher, future)
    assert (status(done), done.error_code) == ('failed', done.ERROR_POLICY_EXITED), said_by(done)
    assert 'SIGKILL' in done.error_msg, said_by(done)


def after_a_killed_trial_server_the_arms_hold(watcher, unit, future, since):
    """The world runs freely for 2 s and stands, the gate holds without a latch, and nobody gives a result.

    ``since``: index of the newest joint state at the fault. Returns the last stamp in lockstep.
    """
    holds = watcher.safety[unit][-1].holds
    last_ns = the_world_ran_free_and_stands(watcher, unit, since)
    assert not future.done(), 'a dead server gave a result'
    said = watcher.safety[unit][-1]
    assert said.mode == SafetyState.MODE_HOLDING and said.holds > holds, said
    return last_ns


def a_broken_station_voids_its_trial(watcher, future):
    """Gate or simulation were killed: what we broke is no failed trial."""
    done = result_of(watcher, future)
    assert status(done) == 'void', said_by(done)
    assert done.error_code in (done.ERROR_LATCHED, done.ERROR_STATION_FAULT), said_by(done)


# ---- stops -------------------------------------------------------------------------------------
def a_tripped_gate_stays_so_until_it_is_cleared(watcher, unit):
    """Trip and clear by service."""
    assert watcher.trigger(f'/{unit}/safety_gate/trip').success
    watcher.until_mode(unit, SafetyState.MODE_LATCHED, 'the tripped gate to be latched')
    assert watcher.trigger(f'/{unit}/safety_gate/clear').success
    watcher.until_mode(unit, SafetyState.MODE_HOLDING, 'the cleared gate to hold')


def the_unit_is_out_until_it_is_cleared(watcher, unit, trial_id, policy_file, rules):
    """A latched gate, by one of ``rules``, refuses trials (error 216, VOID); cleared, the next one works."""
    said = watcher.until_mode(unit, SafetyState.MODE_LATCHED, f'the gate of {unit} to be latched')
    assert said.rule in rules, f'expected a latch of {rules}, got {said.rule}: {said.reason}'
    refused = watcher.run(unit, 'rollout', trial_id=f'{trial_id}-out', seed=7, policy_file=policy_file)
    assert (status(refused), refused.error_code) == ('void', refused.ERROR_LATCHED), said_by(refused)
    # A gate that has just started can't be cleared before it has heard the driver: it says so, and one tries again.
    answers = []
    watcher.until(lambda: answers.append(watcher.trigger(f'/{unit}/safety_gate/clear')) or answers[-1].success,
                  lambda: f'the gate to be cleared; it said: {answers[-1].message}')
    a_good_trial_is_judged(watcher, unit, f'{trial_id}-cleared', policy_file)


def the_world_ran_free_and_stands(watcher, unit, since):
    """Wait until the world left lockstep, ran its 2 s and stands still.

    ``since``: index of the newest joint state at the fault. Returns the stamp of the last tick in
    lockstep: the one after which the pause of silence came.
    """
    states = watcher.states[unit]

    def pause():
        gaps = [(b.wall_s - a.wall_s, a.stamp_ns) for a, b in zip(states[since:], states[since + 1:])]
        return max(gaps, default=(0.0, 0))

    def ran():
        return pause()[0] > 0.5 and states[-1].stamp_ns >= pause()[1] + 60 * TICK_NS
    watcher.until(ran, lambda: f'{unit} to run freely for 2 s after silence; the longest pause was {pause()}')
    return pause()[1]

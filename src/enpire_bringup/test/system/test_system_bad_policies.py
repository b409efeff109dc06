"""Bad input, by the commands and topics that a user has, one after the other on one running lab.

Each is answered with an error code and a text that says what came; after each the lab serves.
"""

import itertools
import pathlib

import numpy as np
import pytest
import system_scenarios as scenarios
from enpire_core import conversions
from enpire_core.types import JointCommand
from enpire_interfaces.msg import SafetyState
from enpire_interfaces.srv import SelectLimits
from system_lab import policy, running_lab
from system_watcher import status

UNIT = 'unit0'
BAD = pathlib.Path(__file__).resolve().parents[3] / 'enpire_research' / 'test' / 'policies'
CASES = {
    'no_entry': (205, ['act(observation)', 'run(robot)', 'neither']),
    'sleeps': (208, ['slept or waited', 'robot.wait(seconds)']),
    'raises': (206, ['IndexError', "positions['elbow']"]),
    'exits': (207, ['exited with status 3']),
    'returns_string': (210, ['14 joint positions', "str 'up'"]),
    'returns_nan': (210, ['finite', 'nan at index 4']),
    'returns_seven': (210, ['14 joint positions', 'shape (7,)']),
    'jumps': (212, ['left_joint2', 'rad/s', 'refused']),
}


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    """One station that waits for trials."""
    with running_lab(tmp_path_factory.mktemp('bad'), '--units', '1', '--trials', '0') as (process, watcher):
        watcher.watch(UNIT)
        scenarios.a_good_trial_is_judged(watcher, UNIT, 'first', policy('holds'))
        yield process, watcher


@pytest.fixture
def trial_id(lab, counter=itertools.count()):
    """A name that no trial had."""
    return f'trial-{next(counter)}'


def by_hand(lab, trial_id, path):
    """`enpire trial` with ``path``; return (exit code, output)."""
    return lab[0].command('trial', str(path), '--unit', UNIT, '--no-reset', '--trial-id', trial_id)


def the_next_good_trial_is_served(lab, trial_id):
    scenarios.a_good_trial_is_judged(lab[1], UNIT, f'{trial_id}-good', policy('holds'), reset=False)


def test_a_policy_that_does_not_compile_fails_with_its_line_and_the_next_trial_is_served(lab, trial_id, tmp_path):
    path = tmp_path / 'unfinished.py'
    path.write_text('def run(robot):\n    for i in range(3)\n        robot.wait(0.1)\n')
    code, text = by_hand(lab, trial_id, path)
    assert code == 1 and 'error 204: ' in text, text
    assert 'does not compile' in text and 'line 2' in text and 'for i in range(3)' in text
    the_next_good_trial_is_served(lab, trial_id)


@pytest.mark.parametrize('name', CASES)
def test_a_bad_policy_fails_with_its_code_and_a_text_and_the_next_trial_is_served(lab, trial_id, name):
    wanted, words = CASES[name]
    code, text = by_hand(lab, trial_id, BAD / f'{name}.py')
    assert code == 1 and 'rollout: FAILED' in text, text
    assert f'error {wanted}: ' in text
    for word in words:
        assert word in text
    the_next_good_trial_is_served(lab, trial_id)


def test_a_policy_that_prints_megabytes_is_cut_and_its_trial_counts(lab, trial_id):
    code, text = by_hand(lab, trial_id, BAD / 'prints.py')
    assert code in (0, 1) and 'error 211: ' in text and 'dropped' in text, text
    log = lab[0].run_dir / UNIT / 'policy_logs' / f'{trial_id}.log'
    assert 1_000_000 <= log.stat().st_size < 1_000_200
    the_next_good_trial_is_served(lab, trial_id)


def test_a_policy_that_is_not_there_is_told_by_name(lab, trial_id):
    code, text = by_hand(lab, trial_id, '/no/such/policy.py')
    assert code != 0 and '/no/such/policy.py' in text and 'there is none' in text, text
    the_next_good_trial_is_served(lab, trial_id)


def test_a_station_that_is_not_there_is_told_with_those_that_are(lab, trial_id):
    code, text = lab[0].command('trial', policy('holds'), '--unit', 'unit7')
    assert code == 2 and 'unit0' in text and "'unit7'" in text, text


@pytest.mark.parametrize('action, fields, wanted, words', [
    ('rollout', {'task': 'push_tee'}, 201, ["'push_t'", "'push_tee'"]),
    ('reset', {'task': 'push_tee'}, 101, ["'push_t'", "'push_tee'"]),
    ('rollout', {'trial_id': 'a trial/..'}, 200, ['1 to 64 characters', "'a trial/..'"]),
    ('reset', {'trial_id': ''}, 100, ['1 to 64 characters', "''"]),
    ('rollout', {'trial_id': 'first'}, 200, ["'first' has a result"]),
    ('rollout', {'policy_file': ''}, 200, ['policy_file']),
    ('rollout', {'episode_s': float('nan')}, 200, ['episode_s', 'nan']),
    ('rollout', {'episode_s': 1e6}, 200, ['episode_s', '120 s']),
    ('rollout', {'max_attempts': 9}, 200, ['max_attempts', '8', '9']),
    ('reset', {'max_tries': 4}, 100, ['max_tries', '3', '4']),
    ('rollout', {'manifest_hash': 'abc'}, 215, ['manifest_hash', 'abc']),
    ('reset', {'manifest_hash': 'abc'}, 107, ['manifest_hash', 'abc'])])
def test_a_bad_goal_is_refused_and_says_what_was_expected(lab, trial_id, action, fields, wanted, words):
    goal = {'trial_id': trial_id, 'seed': 1, **fields}
    if action == 'rollout':
        goal.setdefault('policy_file', policy('holds'))
    before = lab[1].now_ns(UNIT)
    done = lab[1].run(UNIT, action, **goal)
    assert done.error_code == wanted, f'{done.error_code} {done.error_msg}'
    for word in words:
        assert word in done.error_msg
    assert status(done) not in ('succeeded', 'failed'), 'a verdict without a trial'
    assert lab[1].now_ns(UNIT) == before, 'the world moved'


def request(watcher):
    """Return the message that asks the joints to stay where they are.

    Selecting limits begins a phase: the present tick may be decided about once more.
    """
    answer = watcher.call(SelectLimits, f'/{UNIT}/safety_gate/select_limits', SelectLimits.Request(profile='rollout'))
    assert answer.success, answer.message
    watcher.now_ns(UNIT)
    now = watcher.states[UNIT][-1]
    return conversions.command_to_message(JointCommand(now.stamp_ns, now.positions, np.zeros(14)))


def wrong_name(message):
    message.joint_names[2] = 'left_elbow'


def missing_name(message):
    del message.joint_names[13], message.points[0].positions[13], message.points[0].effort[13]


def wrong_count(message):
    message.points[0].positions = message.points[0].positions[:7]


def not_a_number(message):
    message.points[0].positions[4] = float('nan')


def too_far(message):
    message.points[0].positions[1] = 9.0


@pytest.mark.parametrize('spoil, rule, joint, words', [
    (wrong_name, 'request_shape', '', ["unknown 'left_elbow'", 'left_joint1']),
    (missing_name, 'request_shape', '', ['right_gripper missing']),
    (wrong_count, 'request_shape', '', ['positions', '14', '7']),
    (not_a_number, 'request_finite', 'left_joint5', ['nan']),
    (too_far, 'joint_position', 'left_joint2', ['9'])])
def test_a_bad_request_is_refused_by_the_gate_which_names_what_is_wrong(lab, spoil, rule, joint, words):
    watcher = lab[1]
    publisher = watcher.request_publisher(UNIT)
    message = request(watcher)
    spoil(message)
    said = watcher.safety[UNIT]
    said.clear()
    publisher.publish(message)
    watcher.until(lambda: any(one.decision == SafetyState.DECISION_REFUSED and one.rule == rule for one in said),
                  lambda: f'a refusal by {rule}; the gate said {said[-1:]}')
    word = next(one for one in said if one.decision == SafetyState.DECISION_REFUSED and one.rule == rule)
    assert word.joint == joint
    for part in words:
        assert part in word.reason, word.reason
    watcher.node.destroy_publisher(publisher)


def test_after_all_that_a_whole_trial_is_still_served(lab):
    scenarios.a_good_trial_is_judged(lab[1], UNIT, 'last', policy('holds'))
    assert 'Traceback' not in ''.join(lab[0].log(f'{UNIT}.{name}') for name in ('sim_station', 'safety_gate'))
    assert len(lab[0].pids()) == 5 and 'ended' not in lab[0].text()

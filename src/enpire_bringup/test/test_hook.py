"""When an operator's hook is called, and when its word clears."""

import pytest

from enpire_bringup.hook import Hook, Stop

FIRST, SECOND = Stop(1, 'operator', 'operator: tripped'), Stop(2, 'joint_position', 'joint_position: beyond')


@pytest.fixture
def hook():
    """Return the hook of a gate that was seen not latched."""
    made = Hook()
    assert made.saw(None) is None
    return made


def test_a_hook_is_called_once_for_a_stop_however_often_the_state_is_sent_again(hook):
    assert hook.saw(FIRST) == 'operator: tripped'
    assert hook.saw(FIRST) is None
    assert hook.ended(1) is False
    assert hook.saw(FIRST) is None


@pytest.mark.parametrize('code, clears', [(0, True), (1, False), (-9, False), (127, False)])
def test_only_exit_code_0_clears(hook, code, clears):
    hook.saw(FIRST)
    assert hook.ended(code) is clears


@pytest.mark.parametrize('heard', ['before the state', 'after the state'])
def test_the_event_of_the_stop_itself_changes_nothing(hook, heard):
    if heard == 'before the state':
        hook.heard_latch()
    assert hook.saw(FIRST)
    if heard == 'after the state':
        hook.heard_latch()
    assert hook.ended(0) is True


def test_the_next_stop_is_asked_about_again(hook):
    hook.saw(FIRST)
    hook.ended(0)
    hook.saw(None)
    assert hook.saw(SECOND) == SECOND.reason


def test_a_gate_that_was_started_again_and_has_latched_as_often_is_asked_about(hook):
    # Within a run it starts latched: no state without a latch comes between.
    hook.saw(FIRST)
    hook.ended(1)
    assert hook.saw(Stop(1, 'restarted', 'restarted: within a run')) == 'restarted: within a run'


def test_a_stop_that_takes_the_place_of_another_is_not_cleared_but_asked_about(hook):
    hook.saw(FIRST)
    hook.saw(None)  # cleared by hand while the command runs
    assert hook.saw(SECOND) is None
    assert hook.ended(0) is False
    assert hook.saw(SECOND) == SECOND.reason
    assert hook.ended(0) is True


def test_a_stop_that_is_over_when_the_command_ends_is_not_cleared(hook):
    hook.saw(FIRST)
    hook.saw(None)
    assert hook.ended(0) is False
    assert hook.saw(FIRST) == FIRST.reason


def test_the_same_stop_seen_again_after_a_gap_is_not_cleared(hook):
    hook.saw(FIRST)
    hook.saw(None)
    hook.saw(FIRST)
    assert hook.ended(0) is False


def test_a_reason_that_has_grown_meanwhile_is_asked_about_again(hook):
    grown = Stop(1, 'operator', 'operator: tripped; then driver_silence: no joint state')
    hook.saw(FIRST)
    hook.saw(grown)
    assert hook.ended(0) is False
    assert hook.saw(grown) == grown.reason


def test_a_trip_of_a_gate_that_is_latched_already_is_not_cleared_by_the_answer_about_the_latch(hook):
    hook.heard_latch()
    hook.saw(FIRST)
    hook.heard_latch()  # `enpire stop`: the state stays the same, an event says so
    assert hook.ended(0) is False
    assert hook.saw(FIRST) == FIRST.reason
    assert hook.ended(0) is True


def test_another_cause_after_a_no_is_asked_about(hook):
    hook.heard_latch()
    hook.saw(FIRST)
    hook.ended(1)
    hook.heard_latch()
    assert hook.saw(FIRST) == FIRST.reason


def test_a_trip_of_a_gate_that_was_latched_before_the_hook_started_is_news():
    hook = Hook()
    assert hook.saw(FIRST) == FIRST.reason
    hook.heard_latch()
    assert hook.ended(0) is False


def test_a_stop_without_a_reason_is_asked_about_in_words(hook):
    assert hook.saw(Stop(1, '', '')) == 'no reason given'

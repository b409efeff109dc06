"""When an operator's hook is called."""

from enpire_bringup.hook import Hook


def test_a_hook_is_called_once_for_a_latch_however_often_the_state_is_sent_again():
    hook = Hook('unit0')
    assert hook.saw(False, '', 0) is None
    assert hook.saw(True, 'tripped', 1) == 'tripped'
    assert hook.saw(True, 'tripped', 1) is None
    assert hook.ended(1) is False
    assert hook.saw(True, 'tripped', 1) is None


def test_only_exit_code_0_clears():
    for code, clears in ((0, True), (1, False), (-9, False), (127, False)):
        hook = Hook('unit0')
        hook.saw(True, 'x', 1)
        assert hook.ended(code) is clears


def test_the_next_latch_is_asked_about_again():
    hook = Hook('unit0')
    hook.saw(True, 'first', 1)
    hook.ended(0)
    hook.saw(False, '', 1)
    assert hook.saw(True, 'second', 2) == 'second'


def test_a_latch_after_a_gate_was_restarted_is_asked_about_again():
    hook = Hook('unit0')
    hook.saw(True, 'first', 1)
    hook.ended(0)
    hook.saw(False, '', 1)
    assert hook.saw(True, 'restarted', 1) == 'restarted'


def test_a_new_latch_while_the_command_runs_waits_for_its_end():
    hook = Hook('unit0')
    hook.saw(True, 'first', 1)
    assert hook.saw(True, 'second', 2) is None
    hook.ended(1)
    assert hook.saw(True, 'second', 2) == 'second'


def test_a_latch_without_a_reason_is_asked_about_in_words():
    assert Hook('unit0').saw(True, '', 1) == 'no reason given'

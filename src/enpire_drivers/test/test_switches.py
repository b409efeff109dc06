"""The switches of a unit's power: all are asked, one that fails keeps nobody, and power comes back in order."""

import sys

import pytest

from enpire_drivers.arm.mark import PowerMark
from enpire_drivers.arm.relay import Relay
from enpire_drivers.arm.switches import AGAIN_S, Mode, Power, SwitchError


class Switch:
    """Notes what it is asked in ``asked``, shared; ``fails``: raised when asked; ``slow``: not done while true."""

    def __init__(self, name, asked):
        self.name, self.asked, self.fails, self.slow = name, asked, None, False

    def ask(self, on, reason, now_s):
        self.asked.append((self.name, on))
        if self.fails:
            raise self.fails

    def done(self, now_s):
        return not self.slow


@pytest.fixture
def unit():
    asked, said = [], []
    motors, relay = Switch('motors', asked), Switch('relay', asked)
    return Power([motors, relay], said.append), motors, relay, asked, said


def test_a_cut_asks_all_switches_and_restoring_asks_them_in_the_opposite_order(unit):
    book, _, _, asked, said = unit
    assert book.mode is Mode.ON and book.cut('smoke', 0.0) and (book.mode, book.reason) == (Mode.CUT, 'smoke')
    assert book.restore(1.0) and (book.mode, book.reason) == (Mode.ON, '')
    assert asked == [('motors', False), ('relay', False), ('relay', True), ('motors', True)] and not said


@pytest.mark.parametrize('error', [SwitchError('stuck'), OSError('gone'), RuntimeError('no memory'), KeyError('x')])
@pytest.mark.parametrize('which', [0, 1])
def test_a_switch_that_fails_keeps_no_other_from_being_asked_and_is_asked_until_it_confirms(unit, error, which):
    book, *switches, asked, said = unit
    switches[which].fails = error
    assert not book.cut('smoke', 0.0)
    assert asked == [('motors', False), ('relay', False)] and book.mode is Mode.CUTTING
    assert switches[which].name in book.trouble and said and switches[which].name in said[0]
    book.look(AGAIN_S / 2)
    assert len(asked) == 2
    book.look(AGAIN_S)
    assert asked[2:] == [(switches[which].name, False)] and book.mode is Mode.CUTTING
    assert switches[which].name in book.trouble, 'said until it confirms'
    switches[which].fails = None
    book.look(2 * AGAIN_S)
    assert (book.mode, book.trouble) == (Mode.CUT, '')


def test_a_cut_that_is_not_confirmed_can_not_be_restored(unit):
    book, _, relay, asked, _ = unit
    relay.slow = True
    assert not book.cut('smoke', 0.0) and not book.restore(0.1)
    assert book.mode is Mode.CUTTING and ('motors', True) not in asked
    relay.slow = False
    book.look(0.2)
    assert book.mode is Mode.CUT


def test_the_motors_get_power_only_after_the_supply_has_confirmed(unit):
    book, _, relay, asked, _ = unit
    book.cut('smoke', 0.0)
    relay.slow = True
    assert not book.restore(1.0)
    book.look(2.0)
    assert book.mode is Mode.RESTORING and asked[-1] == ('relay', True)
    relay.slow = False
    book.look(3.0)
    assert book.mode is Mode.ON and asked[-1] == ('motors', True)


@pytest.mark.parametrize('which', [0, 1])
def test_where_restoring_fails_all_are_cut_again_and_the_reason_stays(unit, which):
    book, *switches, asked, _ = unit
    book.cut('smoke', 0.0)
    switches[which].fails = ValueError('the arms move')
    del asked[:]
    assert not book.restore(1.0)
    assert asked[-2:] == [('motors', False), ('relay', False)] and book.reason == 'smoke'
    switches[which].fails = None
    book.look(1.0 + AGAIN_S)
    assert book.mode is Mode.CUT and book.trouble == f'not restored: {switches[which].name}: the arms move'
    assert book.restore(3.0) and (book.mode, book.trouble) == (Mode.ON, '')


def test_a_cut_while_power_comes_back_cuts_all(unit):
    book, _, relay, asked, _ = unit
    book.cut('smoke', 0.0)
    relay.slow = True
    book.restore(1.0)
    relay.slow = False
    assert book.cut('fire', 1.1) and book.mode is Mode.CUT and book.reason == 'smoke'
    assert ('motors', True) not in asked


def test_a_second_cut_asks_again_and_keeps_the_first_reason(unit):
    book, _, _, asked, _ = unit
    book.cut('smoke', 0.0)
    assert book.cut('fire', 1.0) and book.reason == 'smoke' and len(asked) == 4


def test_a_look_where_nothing_is_pending_asks_nobody(unit):
    book, _, _, asked, _ = unit
    book.look(0.0)
    assert book.restore(0.0) and not asked
    book.cut('smoke', 0.0)
    book.look(99.0)
    assert len(asked) == 2


# ---- the relay ---------------------------------------------------------------------------------
def relay(tmp_path, body, timeout_s=20.0):
    program = tmp_path / 'relay.py'
    words = str(tmp_path / 'words')
    program.write_text(f'import os, sys, time\nopen({words!r}, "a").write(repr(sys.argv[1:]) + "\\n")\n{body}')
    return Relay([sys.executable, str(program), '--port 1'], 'unit0', timeout_s)


def until_done(switch, now_s=0.0):
    switch._child.wait(20.0)
    return switch.done(now_s)


def test_a_relay_is_called_without_a_shell_with_what_is_wanted_unit_and_reason(tmp_path):
    switch = relay(tmp_path, '')
    switch.ask(False, 'smoke; rm -rf $HOME', 0.0)
    assert until_done(switch)
    switch.ask(True, 'smoke', 0.0)
    assert until_done(switch)
    assert (tmp_path / 'words').read_text().splitlines() == [
        "['--port 1', 'off', 'unit0', 'smoke; rm -rf $HOME']", "['--port 1', 'on', 'unit0', 'smoke']"]


def test_a_relay_that_ends_with_another_code_has_failed(tmp_path):
    switch = relay(tmp_path, 'sys.exit(3)')
    switch.ask(False, 'smoke', 0.0)
    with pytest.raises(SwitchError, match=r'off unit0: expected exit code 0, got 3'):
        until_done(switch)


def test_a_relay_that_does_not_end_is_waited_for_and_then_killed(tmp_path):
    switch = relay(tmp_path, 'time.sleep(3600)', timeout_s=2.0)
    switch.ask(False, 'smoke', 10.0)
    assert not switch.done(11.9) and switch._child.poll() is None
    with pytest.raises(SwitchError, match='expected an end within 2 s, got none: it was killed'):
        switch.done(12.1)
    assert switch._child.wait(20.0) == -9


def test_the_newest_word_to_a_relay_counts(tmp_path):
    switch = relay(tmp_path, 'time.sleep(3600 if sys.argv[2] == "on" else 0)')
    switch.ask(True, 'smoke', 0.0)
    first = switch._child
    switch.ask(False, 'smoke', 0.1)
    assert first.wait(20.0) == -9 and until_done(switch)


def test_a_relay_that_can_not_be_started_has_failed_and_the_motors_are_cut_all_the_same(tmp_path):
    motors, said = Switch('motors', []), []
    book = Power([motors, Relay([str(tmp_path / 'none')], 'unit0', 1.0)], said.append)
    assert not book.cut('smoke', 0.0) and motors.asked == [('motors', False)]
    assert 'No such file' in book.trouble and 'Traceback' not in said[0]


# ---- the mark ----------------------------------------------------------------------------------
def test_the_mark_of_a_cut_outlives_the_driver_and_goes_when_the_power_is_back(tmp_path):
    folder = str(tmp_path / 'records')
    assert PowerMark(folder).read() == ''
    PowerMark(folder).keep('smoke')
    assert PowerMark(folder).read() == 'smoke' and (tmp_path / 'records').stat().st_mode & 0o777 == 0o700
    PowerMark(folder).keep('')
    PowerMark(folder).keep('')
    assert PowerMark(folder).read() == ''


@pytest.mark.parametrize('damage', [lambda path: path.write_bytes(b''), lambda path: path.write_bytes(b'\xff\xfe'),
                                    lambda path: path.mkdir(), lambda path: path.symlink_to('/nowhere')])
def test_a_mark_that_can_not_be_read_is_a_mark(tmp_path, damage):
    damage(tmp_path / 'power_cut')
    assert PowerMark(str(tmp_path)).read()


def test_without_a_folder_there_is_no_mark():
    mark = PowerMark('')
    mark.keep('smoke')
    assert mark.read() == ''

"""When a command is due again: only while the driver shows the very state that it answers."""

from enpire_core.ticks import tick_to_ns
from enpire_safety.gate.again import STATES, Again

from .helpers import request


def shown(again, tick, times):
    return [again.due(tick_to_ns(tick)) for _ in range(times)]


def test_it_is_due_with_every_twentieth_state_that_bears_its_stamp():
    again, command = Again(), request(100)
    again.sent(command)
    due = [i for i, one in enumerate(shown(again, 100, 3 * STATES), start=1) if one is command]
    assert due == [STATES, 2 * STATES, 3 * STATES]


def test_it_is_never_due_once_the_driver_has_moved():
    again = Again()
    again.sent(request(100))
    assert shown(again, 100, STATES - 1) == [None] * (STATES - 1)
    assert shown(again, 101, 1) == [None]
    assert shown(again, 100, 2 * STATES) == [None] * (2 * STATES)


def test_nothing_is_due_before_anything_was_sent():
    assert shown(Again(), 100, 2 * STATES) == [None] * (2 * STATES)

"""Ctrl-C, SIGTERM and a terminal that is closed end the set-up in order.

Each becomes a KeyboardInterrupt, but never while a program is being started:
then it waits until the program is known and can be ended too.
"""
from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_held = False
_came = False


def _stop(_signal: int, _frame: object) -> None:
    global _came
    if _held:
        _came = True
        return
    raise KeyboardInterrupt


@contextmanager
def listening() -> Iterator[None]:
    """Turn the signals into KeyboardInterrupt. One that is ignored (`nohup`) stays ignored."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def held() -> Iterator[None]:
    """Let a signal wait for the end of the block; KeyboardInterrupt is raised there. Not nested."""
    global _held, _came
    _held, _came = True, False
    try:
        yield
    finally:
        _held = False
        if _came:
            raise KeyboardInterrupt

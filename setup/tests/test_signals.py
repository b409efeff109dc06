"""What ends the set-up in order, and when."""
import os
import signal
import subprocess
from pathlib import Path

import pytest
from enpire_setup import signals
from enpire_setup.log import Log


@pytest.fixture(autouse=True)
def heard():
    """None of the signals is ignored, whoever runs the tests."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals.NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number', signals.NUMBERS)
def test_a_signal_while_a_program_is_being_started_ends_the_program_too(monkeypatch, number):
    started = []
    original = subprocess.Popen

    def start(*arguments, **keywords):
        process = original(*arguments, **keywords)
        started.append(process)
        os.kill(os.getpid(), number)  # the program runs, and the caller does not know it yet
        return process

    monkeypatch.setattr(subprocess, 'Popen', start)
    with signals.listening(), pytest.raises(KeyboardInterrupt):
        Log(Path(os.devnull)).run(['sleep', '1000'])
    (process,) = started
    assert process.returncode is not None, 'its guard has ended, and before that the program'


@pytest.mark.parametrize('number', signals.NUMBERS)
def test_a_signal_at_any_other_time_interrupts_at_once_and_handlers_are_given_back(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals.listening():
        os.kill(os.getpid(), number)
        pytest.fail('it goes on')
    assert signal.getsignal(number) is before


def test_what_the_caller_ignores_stays_ignored_as_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.listening():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

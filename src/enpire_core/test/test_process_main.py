"""A process run by `enpire_core.main.run`: signals, faults at configure, and asking for the end."""

import os
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytestmark = pytest.mark.system

import domain_coordinator  # noqa: E402

SCRIPT = """
import sys
from dataclasses import dataclass
from enpire_core.main import run
from enpire_core.node import ManagedNode
from enpire_core.params import parameter

@dataclass(frozen=True)
class Parameters:
    how: str = parameter('wait', 'what to do', choices=('wait', 'break', 'finish', 'raise'))

class Example(ManagedNode):
    def __init__(self):
        super().__init__('example', Parameters)
    def open(self):
        if self.parameters.how == 'break':
            raise OSError('no such arm: /dev/can0')
    def start(self):
        print('started', flush=True)
        if self.parameters.how == 'finish':
            self.finish(3)
        if self.parameters.how == 'raise':
            self.create_steady_timer(0.01, lambda: 1 / 0)
    def on_fault(self, text):
        raise RuntimeError(text)
    def hold(self):
        print('hold', flush=True)
    def release(self):
        print('release', flush=True)

sys.exit(run(Example, quick=quick))
"""


# Each of the two executors.
both = pytest.mark.parametrize('quick', [False, True], ids=['usual', 'quick'])


def start(*arguments, before='', quick=False):
    """Start the example; ``before``: code that runs first in its process; ``quick``: with that executor."""
    with domain_coordinator.domain_id() as domain:
        environment = dict(os.environ, ROS_DOMAIN_ID=str(domain))
    return subprocess.Popen(
        [sys.executable, '-c', f'{before}\nquick = {quick}\n{SCRIPT}', *arguments],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ends(process, timeout_s=30.0):
    killer = threading.Timer(timeout_s, process.kill)
    killer.start()
    out, err = process.communicate()
    killer.cancel()
    return process.returncode, out.split(), err


@both
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_order_with_exit_code_0(number, quick):
    process = start(quick=quick)
    assert process.stdout.readline() == 'started\n'
    process.send_signal(number)
    process.send_signal(number)  # a terminal and a supervisor both send one
    code, out, err = ends(process)
    assert (code, out) == (0, ['hold', 'hold', 'release']), err
    assert 'Traceback' not in err


def test_a_signal_after_the_executor_was_shut_down_changes_nothing():
    """In a process of its own: the signal comes in the very moment."""
    late = """
import os, signal, time
import rclpy.executors
shutdown = rclpy.executors.SingleThreadedExecutor.shutdown
def with_a_late_signal(self, *args):
    shutdown(self, *args)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)  # the listening thread's turn
rclpy.executors.SingleThreadedExecutor.shutdown = with_a_late_signal
"""
    code, _, err = ends(start('--ros-args', '-p', 'how:=finish', before=late))
    assert code == 3 and 'Traceback' not in err, err


def test_a_fault_at_configure_is_one_line_and_exit_code_1():
    code, out, err = ends(start('--ros-args', '-p', 'how:=break'))
    assert code == 1 and out[0] == 'release'
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1 and 'could not configure: no such arm: /dev/can0' in lines[0], err


@pytest.mark.parametrize(
    'arguments, code, words',
    [
        (('--ros-args', '-p', 'hwo:=wait'), 1, "unknown parameter 'hwo'; the nearest known one is 'how'"),
        (('--ros-args', '-p', 'how:=wiat'), 1, "how: expected one of 'wait'"),
        (('--frobnicate',), 2, "expected only ROS arguments (--ros-args ...), got '--frobnicate'"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, code, words):
    got, out, err = ends(start(*arguments))
    assert got == code and words in err and 'started' not in out and 'Traceback' not in err, err


@both
def test_a_node_can_end_its_process_with_a_code(quick):
    assert ends(start('--ros-args', '-p', 'how:=finish', quick=quick))[0] == 3


@both
def test_a_fault_handler_that_raises_ends_the_process_after_an_ordered_stop(quick):
    code, out, err = ends(start('--ros-args', '-p', 'how:=raise', quick=quick))
    assert code == 1 and out == ['started', 'hold', 'hold', 'release']
    assert 'ZeroDivisionError' in err

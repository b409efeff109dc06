"""Runs nodes as a process: bring up, spin, and an ordered stop at SIGINT, SIGTERM or `finish`.

Exit codes: 0 after a signal or `finish(0)`, 1 where a node could not be built or brought up or an
exception came through, 2 for arguments that are not ROS arguments.
"""

import os
import signal
import sys
import threading
import traceback

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from enpire_core import executors

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Stop:
    """Ends the executor's wait at the first signal.

    The executor waits in C, where Python's signal handlers do not run; the wake-up pipe is written from
    C at once, and a thread reads it. Further signals change nothing: the stop is under way.
    (`spin_until_future_complete` would do, but it grows by a callback with every message.)
    """

    def __init__(self, executor):
        self.asked = False
        self._lock, self._executor = threading.Lock(), executor
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._old_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._old = {number: signal.signal(number, lambda number, frame: None) for number in SIGNALS}
        self._thread = threading.Thread(target=self._listen, name='signals', daemon=True)
        self._thread.start()

    def ask(self):
        """Ask for the stop, from any thread, at any time until `close`."""
        with self._lock:
            self.asked = True
            if self._executor is not None:
                self._executor.create_task(lambda: None)  # work to do: the wait returns

    def forget_executor(self):
        """Before the executor is shut down, from when on it takes no work: signals still change nothing."""
        with self._lock:
            self._executor = None

    def _listen(self):
        while True:
            number = os.read(self._read, 1)[0]
            if number == 0:
                return
            if number in SIGNALS:
                self.ask()

    def close(self):
        """Put the handlers back and end the thread."""
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        os.write(self._write, b'\0')
        self._thread.join()
        os.close(self._read)
        os.close(self._write)


def run(make_nodes, args=None, *, quick=False):
    """Build the nodes, run them until a signal or `finish`, stop them in order; return the exit code.

    ``make_nodes``: called without arguments after rclpy is initialised; returns a `ManagedNode` or a
    list of them. They come up in this order and go down in the opposite one. ``quick``: see `enpire_core.executors`.
    """
    args = sys.argv if args is None else args
    left = remove_ros_args(args)[1:]
    if left:
        print(f'{os.path.basename(args[0])}: expected only ROS arguments (--ros-args ...), got {left[0]!r}',
              file=sys.stderr)
        return 2
    # rclpy's own handlers shut the context down at once: no hold could be sent any more.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    executor = executors.quick() if quick else SingleThreadedExecutor()
    stop = _Stop(executor)
    nodes = []
    try:
        return _live(make_nodes, executor, stop, nodes)
    finally:
        try:
            _bring_down(nodes, executor, stop)
        finally:
            stop.close()
            rclpy.try_shutdown()


def _live(make_nodes, executor, stop, nodes):
    logger = rclpy.logging.get_logger('main')
    try:
        made = make_nodes()
        nodes.extend(made if isinstance(made, (list, tuple)) else [made])
    except (ValueError, OSError) as error:
        logger.fatal(str(error))
        return 1
    for node in nodes:
        node._wake = stop.ask
        executor.add_node(node)
    for node in nodes:
        if not stop.asked and node.autostart and not node.bring_up():
            return 1  # the node has said why
    try:
        while not stop.asked:
            executor.spin_once(timeout_sec=executors.WAIT_S)
    except Exception:
        logger.fatal(f'exception out of a callback:\n{traceback.format_exc()}')
        return 1
    codes = [node.exit_code for node in nodes if node.exit_code is not None]
    return codes[0] if codes else 0


def _bring_down(nodes, executor, stop):
    for node in reversed(nodes):
        try:
            node.bring_down()
        except Exception:
            node.get_logger().error(f'while stopping:\n{traceback.format_exc()}')
    for node in reversed(nodes):
        executor.remove_node(node)
        node.destroy_node()
    stop.forget_executor()
    executor.shutdown()

"""One child process: its own session and process group, its log, the way it is stopped."""

import collections
import contextlib
import dataclasses
import datetime
import logging.handlers
import os
import signal
import subprocess
import sys
import typing

import anyio

GUARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'guard.py')
LINES_SHOWN = 20
LONGEST_LINE = 16384
CHUNK = 65536
LOG_BYTES = 64 * 2**20
# What a process wrote before its end is read within this time. Its end of the pipe may stay open for
# ever: whoever left the session before inherited it.
DRAIN_S = 1.0


@dataclasses.dataclass(frozen=True)
class ChildSpec:
    """What is started, and what its end means.

    ``command``: words. ``stage``: children of the highest stage are stopped first. ``respawn``,
    ``respawn_delay_s``, ``required``: as in `processes.ProcessSpec`. ``terminal``: it writes to the
    supervisor's own terminal instead of a log. ``keys``: it reads the keys of that terminal from its standard input.
    ``death_signal``: what it gets when the supervisor dies.
    """

    name: str
    command: typing.Tuple[str, ...]
    stage: int = 0
    respawn: bool = False
    respawn_delay_s: float = 1.0
    required: bool = False
    terminal: bool = False
    keys: bool = False
    death_signal: int = signal.SIGKILL


@dataclasses.dataclass(frozen=True)
class StopTimes:
    """Seconds that a process group has after SIGINT, and then after SIGTERM, before SIGKILL."""

    interrupt_s: float = 10.0
    terminate_s: float = 5.0


class Child:
    """A `ChildSpec` at work. `process` is None while it does not run."""

    def __init__(self, spec, log_dir, environment, report):
        self.spec = spec
        self.process = None
        self.last_lines = collections.deque(maxlen=LINES_SHOWN)
        self._environment = environment
        self._report = report
        self._output = None  # where its output is read
        self._log_path = os.path.join(log_dir, f'{spec.name}.log')
        self._log = None
        self._ended = None
        self._unsaid = b''  # what it was told while it didn't run

    async def start(self):
        """Start it; raises OSError where even the guard cannot be started."""
        command = [
            sys.executable,
            '-I',
            '-S',
            GUARD,
            str(os.getpid()),
            str(int(self.spec.death_signal)),
            *self.spec.command,
        ]
        if not self.spec.terminal and self._log is None:
            self._log = _Log(self._log_path, self._report)
        self._ended = anyio.Event()
        # Not a pipe of asyncio's: that one takes a process for running until the pipe's other end is closed.
        self._output, theirs = (None, None) if self.spec.terminal else os.pipe()
        try:
            self.process = await anyio.open_process(
                command,
                stdin=subprocess.PIPE if self.spec.keys else subprocess.DEVNULL,
                stdout=theirs,
                stderr=None if self.spec.terminal else subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        except OSError:
            self._close_output()
            raise
        finally:
            if theirs is not None:
                os.close(theirs)
        if self._unsaid:
            await self.tell(b'')

    async def tell(self, data):
        """Write ``data`` to its standard input, where it has ``keys``: now, or as soon as it runs."""
        self._unsaid += data
        if self.process is not None:
            data, self._unsaid = self._unsaid, b''
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # it is ending
                await self.process.stdin.send(data)

    async def run_to_end(self):
        """Keep its log until it ends; then end what is left of its process group. Return the exit code.

        A code below 0 is minus the signal that ended it.
        """
        process, drained = self.process, anyio.Event()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_log, drained)
                code = await process.wait()
                # Its children would hold the pipe open, and be orphans.
                _signal_group(process.pid, signal.SIGKILL)
                with anyio.move_on_after(DRAIN_S):
                    await drained.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._close_output()
        await process.aclose()
        self.process = None
        self._ended.set()
        return code

    async def stop(self, times):
        """Ask the process group to end, ever louder; return the signal after which it had ended."""
        for number, patience_s in (
            (signal.SIGINT, times.interrupt_s),
            (signal.SIGTERM, times.terminate_s),
        ):
            if self.process is None:
                return number
            _signal_group(self.process.pid, number)
            with anyio.move_on_after(patience_s):
                await self._ended.wait()
                return number
        self.kill()
        await self._ended.wait()
        return signal.SIGKILL

    def kill(self):
        """Kill its process group, if it runs."""
        if self.process is not None:
            _signal_group(self.process.pid, signal.SIGKILL)

    async def _keep_log(self, drained):
        """Write what it prints into its log, line by line, until nobody can print any more."""
        rest = b''
        while self._output is not None:
            await anyio.wait_readable(self._output)
            data = os.read(self._output, CHUNK)
            if not data:
                break
            *lines, rest = (rest + data).split(b'\n')
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b''
            for line in lines:
                self._write(line)
        if rest:
            self._write(rest)
        drained.set()

    def _close_output(self):
        if self._output is not None:
            os.close(self._output)
            self._output = None

    def _write(self, line):
        text = line.decode(errors='replace').rstrip('\r')
        self.last_lines.append(text)
        self._log.emit(logging.LogRecord(self.spec.name, logging.INFO, '', 0, text, None, None))

    def close(self):
        """Close the log."""
        if self._log is not None:
            # A full disk is met here again; it was said when it was met first.
            with contextlib.suppress(OSError):
                self._log.close()
            self._log = None


def _signal_group(pid, number):
    try:
        os.killpg(pid, number)  # a session's leader leads its group: both have its process id
    except ProcessLookupError:
        return  # nobody of the group is left


class _Format(logging.Formatter):
    """'12:34:56.789 [unit0.safety_gate] text': logs of several processes can be sorted into one."""

    def format(self, record):
        time = datetime.datetime.fromtimestamp(record.created).strftime('%H:%M:%S.%f')[:-3]
        return f'{time} [{record.name}] {record.msg}'


class _Log(logging.handlers.RotatingFileHandler):
    """Keeps at most twice LOG_BYTES. What cannot be written is lost; that is reported once."""

    def __init__(self, path, report):
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, encoding='utf-8', errors='replace')
        self.setFormatter(_Format())
        self._report, self._said = report, False

    def handleError(self, record):  # noqa: N802 (logging's name; it is called inside an except clause)
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            raise error
        if not self._said:
            self._said = True
            self._report(f'{self.baseFilename} cannot be written: {error.strerror}; '
                         f'what {record.name} prints is lost until it can')

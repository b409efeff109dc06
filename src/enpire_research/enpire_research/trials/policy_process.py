"""The trial server's side of a policy's process: start, ask, meter, log, end.

A fresh process serves each rollout. `PolicyHosts` may start the next one early, before anybody knows
which policy it will get, so that its imports cost nobody time; it never serves two. Between us and it
stands the sandbox (`enpire_safety.sandbox`): it sees two pipes, the memory of its pictures, and the files that
`policy_view` names; whichever of server, guard and policy dies, nothing is left of the policy. Where nothing can
confine it, it isn't started.
"""

import concurrent.futures
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import replace

from enpire_core import processes
from enpire_research.trials import budget, frames, policy_view, wire
from enpire_research.trials.log_drain import LOG_BYTES, LogDrain  # noqa: F401 (rollout.py names the bound)
from enpire_research.trials.station import Cancelled, StationFault
from enpire_safety.sandbox import choice, family
from enpire_safety.sandbox.confinement import Confinement, Limits, SandboxError

# Codes of Rollout.action; a test compares them with the file.
SYNTAX, NO_ENTRY, RAISED, EXITED, SILENT, CPU, BAD_ACTION, ARTIFACT = 204, 205, 206, 207, 208, 209, 210, 219
_LOAD_CODES = {'syntax': SYNTAX, 'no_entry': NO_ENTRY, 'artifact': ARTIFACT}
TEXT_LIMIT = 8000
LAST_WORD_S = 0.5
EXIT_WAIT_S = 1.0
# Once the policy's own process has ended, the guard, which is ours, has this long to pass its status on.
_GUARD_WAIT_S = 10.0
_POLL_S = 0.1
_TIDY_S = 0.5
# Children are looked for so often between answers: where there are none, and where there are some.
_CHILDREN_S, _KNOWN_CHILDREN_S = 1.0, 0.25
# What the guard itself uses to start; more is children.
_GUARD_CPU_S = 0.2
_TAKES = 3
_KEEP_ALIVE_S = 0.5
# Far beyond what an honest policy needs; what grows over it is told so (MemoryError, OSError), or killed.
LIMITS = Limits(memory_bytes=4 << 30, processes=64, cpu_s=150, file_bytes=64 << 20, files=256)
HOME_BYTES = 256 << 20


class PolicyFailure(Exception):
    """A policy's own end: ``code`` of Rollout.action and the text for people."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code, self.text = code, text


class PolicyProcess:
    """One process that can serve one policy. Made by `PolicyHosts`, in a thread that lives on."""

    def __init__(self, launcher, limits=budget.Budget(), clock=time.monotonic):
        self._clock = clock
        self._meter = budget.Meter(limits)
        to_policy, from_policy, output = os.pipe(), os.pipe(), os.pipe()
        self._write, self._read, self._output = to_policy[1], from_policy[0], output[0]
        self._frames, self._home = frames.Writer(), None
        try:
            self._home = launcher.home(HOME_BYTES)
            self._confined = launcher.start(Confinement(
                (sys.executable, '-m', 'enpire_research.trials.policy_host', str(to_policy[0]), str(from_policy[1]),
                 str(self._frames.fd)),
                policy_view.environment(self._home.path), self._home, output[1], policy_view.visible(),
                policy_view.listed(), fds=(to_policy[0], from_policy[1], self._frames.fd), limits=LIMITS))
        except BaseException as error:
            for fd in (self._write, self._read, self._output):
                os.close(fd)
            self._frames.close()
            if self._home is not None:
                self._home.close()
            if isinstance(error, SandboxError):
                raise StationFault(f'the policy process cannot be confined: {error}') from error
            raise
        finally:
            for fd in (to_policy[0], from_policy[1], output[1]):
                os.close(fd)
            self._frames.handed_over()
        # Of what we started, and of the policy itself, which is known before it has a policy.
        self.pid = self._host = self._confined.pid
        os.set_blocking(self._write, False)
        os.set_blocking(self._read, False)
        self._inbox = wire.Inbox(wire.MAX_FROM_POLICY)
        self._drain = None
        self._dead = False
        # CPU time of all but the policy's own process, and what was known when it was last looked up.
        self._others_cpu_s = self._reaped_s = self._delayed_s = 0.0
        self._seen_s = clock()
        self._waited_s = 0.0

    # ---- talking ---------------------------------------------------------------------------
    def load(self, start, log_path, waiting, cancelled):
        """Hand the policy over and wait until it is loaded; PolicyFailure where it can't be.

        ``start``: source, artifact (b'': none), seed, model, limits; ``log_path``: where its output goes;
        ``waiting()`` is called about twice a second, ``cancelled()`` ten times: Cancelled where it is true.
        StationFault where the process fails before it has the policy: that is not the policy's doing.
        """
        self._drain = LogDrain(self._output, log_path)
        self._begin()
        try:
            self._find(self._expect('ready', waiting, cancelled)['pid'])
            self._send(start, waiting, cancelled)
            self._expect('taken', waiting, cancelled)
        except PolicyFailure as failure:
            raise StationFault(f'the policy process did not start: {failure.text}; what it printed is in '
                               f'{log_path}') from failure
        message = self._receive(waiting, cancelled)
        if message.get('op') == 'load_failed':
            code = _LOAD_CODES.get(wire.shown(message.get('kind')), RAISED)
            raise PolicyFailure(code, wire.shown(message.get('text'), TEXT_LIMIT))
        self._check_end(message)
        if message.get('op') != 'loaded':
            raise PolicyFailure(BAD_ACTION, f'expected the policy to load, got {wire.shown(message)}')
        self._waited_s = 0.0
        self._meter.started(self._seen(self._clock()))

    def ask(self, message, waiting, cancelled):
        """Send ``message`` and return the policy's next one, 'done' included; PolicyFailure on its end."""
        self._begin()
        self._send(message, waiting, cancelled)
        answer = self._receive(waiting, cancelled)
        self._waited_s += self._clock() - self._asked_s
        self._check_end(answer)
        return answer

    def show(self, frame):
        """Let the policy see a Frame; return what to tell it of that. StationFault where it has no room."""
        try:
            return self._frames.put(frame)
        except ValueError as error:
            raise StationFault(str(error)) from error

    def alive(self):
        """Whether its program still runs, as far as one can see without asking it."""
        # Nobody but it holds the other end of this pipe.
        ends = select.POLLHUP | select.POLLERR
        return not any(event & ends for _, event in _poller(self._read, 0).poll(0))

    def last_word(self, message):
        """Tell the policy its end and give it a moment to print; what it says is not heard."""
        try:
            os.write(self._write, wire.encode(message))  # short: as a whole, or not at all
        except (BlockingIOError, BrokenPipeError):
            return  # it does not read, or is gone: all the same now
        _poller(self._read, select.POLLIN).poll(1000 * LAST_WORD_S)

    def pause(self):
        """Stop its processes (SIGSTOP) while somebody else acts."""
        family.stop_group(self._host, True)

    def resume(self):
        """Let them run again."""
        family.stop_group(self._host, False)

    def kill(self):
        """Kill the process and all it started, reap them, close the log. Twice is fine.

        Returns the pids that could not be killed; [] is what one expects.
        """
        if self._dead:
            return []
        self._dead = True
        left = self._confined.kill(self._clock)
        for fd in (self._write, self._read):
            os.close(fd)
        self._frames.close()
        if self._drain is not None:
            self._drain.close()
        else:
            os.close(self._output)
        # A policy can leave a million files: the world would take us for dead while we tidy up.
        tidy = threading.Thread(target=self._home.close, name='policy tidy', daemon=True)
        tidy.start()
        tidy.join(_TIDY_S)
        return left

    @property
    def dropped_output(self):
        """Bytes of output that were dropped so far."""
        return 0 if self._drain is None else self._drain.dropped

    @property
    def log_trouble(self):
        """Why what the policy printed is not in its log, or ''."""
        return '' if self._drain is None else self._drain.trouble

    # ---- inside ----------------------------------------------------------------------------
    def _find(self, inside):
        host = self._confined.outside(inside)
        if host is None:
            raise StationFault(f'the policy process calls itself {inside}, and no process of its sandbox is that one')
        self._host = host

    def _begin(self):
        self._asked_s = self._last_kept_s = self._last_look_s = now = self._clock()
        known = self._others_cpu_s > _GUARD_CPU_S
        host = processes.stat(self._host)
        # A child that was reaped has moved from the others to the policy's own: it counts once.
        if host is not None and host.reaped_s != self._reaped_s \
                or not now - self._seen_s <= (_KNOWN_CHILDREN_S if known else _CHILDREN_S):
            sample = self._seen(now)
        else:
            # Others are looked for while one waits, and now and then: between, they count as last seen.
            sample = self._sample(now, 0.0 if host is None else host.cpu_s + self._others_cpu_s, True, False)
        self._judge(self._meter.begin(sample))

    def _sample(self, now, cpu_s, running, blocked):
        return budget.Sample(now, cpu_s, running, blocked, self._waited_s, self._delayed_s)

    def _seen(self, now):
        """Return a Sample of all its processes, looked up."""
        usage, host = self._confined.usage(), processes.stat(self._host)
        if host is not None:
            self._others_cpu_s, self._reaped_s = max(0.0, usage.cpu_s - host.cpu_s), host.reaped_s
        self._seen_s = now
        # Of a busy machine it is no fault that the policy waits for a CPU, or that we do to hear it.
        self._delayed_s = family.delay_of(self._host) + family.delay_of('thread-self')
        return self._sample(now, usage.cpu_s, usage.running, usage.blocked)

    def _expect(self, op, waiting, cancelled):
        message = self._receive(waiting, cancelled)
        if message.get('op') != op:
            raise PolicyFailure(EXITED, f'expected the policy process to say {op!r}, got {wire.shown(message)}')
        return message

    def _receive(self, waiting, cancelled):
        """Return the next message. Meters, keeps alive and looks for a cancel while it waits."""
        poller = _poller(self._read, select.POLLIN)
        while True:
            message = self._taken()
            if message is not None:
                return message
            if poller.poll(1000 * _POLL_S):
                data = os.read(self._read, 1 << 16)
                if not data:
                    raise self._exited(waiting)
                self._inbox.feed(data)
                # Where we were kept from hearing it, the time since is ours: an answer is taken before it is judged.
                message = self._taken()
                if message is not None:
                    return message
            elif poller.poll(0):
                continue  # it came while we were kept
            elif self._confined.poll() is not None:
                raise self._exited(waiting)  # though somebody still holds the pipe
            self._look(waiting, cancelled)

    def _taken(self):
        """Return the next message where it is whole, else None; PolicyFailure for what is none."""
        try:
            return self._inbox.take()
        except wire.WireError as error:
            raise PolicyFailure(BAD_ACTION, f'the policy wrote into the pipe itself: {error}') from error

    def _send(self, message, waiting, cancelled):
        data = memoryview(wire.encode(message))
        poller = None
        while data:
            try:
                data = data[os.write(self._write, data):]
            except BlockingIOError:
                poller = poller or _poller(self._write, select.POLLOUT)
                poller.poll(1000 * _POLL_S)
                self._look(waiting, cancelled)
            except BrokenPipeError:
                raise self._exited(waiting) from None

    def _look(self, waiting, cancelled):
        """Meter, keep alive, look for a cancel; ten times a second, also while bytes drip in or out."""
        now = self._clock()
        if now - self._last_look_s < 0.9 * _POLL_S:
            return
        self._last_look_s = now
        if cancelled():
            raise Cancelled
        if now - self._last_kept_s >= _KEEP_ALIVE_S:
            self._last_kept_s = now
            waiting()
        sample = self._seen(now)
        self._judge(self._meter.look(replace(sample, waited_s=self._waited_s + now - self._asked_s)))

    def _judge(self, verdict):
        if verdict is not None:
            kind, text = verdict
            raise PolicyFailure(CPU if kind == budget.CPU else SILENT, text)

    def _check_end(self, message):
        op = message.get('op')
        if op == 'raised':
            raise PolicyFailure(RAISED, f'the policy raised {wire.shown(message.get("last"), 500)}\n'
                                f'{wire.shown(message.get("text"), TEXT_LIMIT)}')
        if op in ('bad_action', 'bad_artifact'):
            raise PolicyFailure(ARTIFACT if op == 'bad_artifact' else BAD_ACTION,
                                wire.shown(message.get('text'), TEXT_LIMIT))

    def _exited(self, waiting):
        """Return the failure of a process that closed its pipe: its exit status or signal."""
        status = self._status(EXIT_WAIT_S, waiting)
        if status is None:
            host = processes.stat(self._host)
            if host is not None and not host.ending:
                return PolicyFailure(EXITED, 'the policy closed its pipe to the trial server and went on without it')
            status = self._status(_GUARD_WAIT_S, waiting)
        if status is None:
            return PolicyFailure(EXITED, 'the policy process ended before it said that it was done, and left '
                                 'processes behind that are hard to end')
        hint = ': return from run(robot), or return DONE from act(observation)' if status >= 0 else ''
        return PolicyFailure(EXITED, f'the policy process {processes.ended(status)} before it said that it was done'
                             f'{hint}')

    def _status(self, timeout_s, waiting):
        """Return the guard's exit status (as of `subprocess`), which is the policy's, or None where it still runs."""
        end_s = self._clock() + timeout_s
        while True:
            waiting()
            left_s = max(0.0, end_s - self._clock())
            try:
                return self._confined.wait(min(left_s, _KEEP_ALIVE_S))
            except subprocess.TimeoutExpired:
                if left_s <= _KEEP_ALIVE_S:
                    return None


class PolicyHosts:
    """Starts policy processes, one ahead where asked. They die with this object's own thread.

    ``launcher``: for measurements and tests, another than the sandbox of this machine. NoSandbox where it has none.
    """

    def __init__(self, limits=budget.Budget(), launcher=None):
        self._limits = limits
        self._launcher = launcher or choice.launcher()
        choice.check_readable(policy_view.visible())
        self._lock = threading.Lock()
        self._ahead = None
        # Linux kills a child when the *thread* that started it ends: this one lives as long as we do.
        self._spawner = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix='policy spawner')
        processes.adopt_orphans()

    def prepare(self):
        """Start the next process now; returns at once."""
        with self._lock:
            if self._ahead is None:
                self._ahead = self._spawner.submit(PolicyProcess, self._launcher, self._limits)

    def take(self):
        """Return a fresh PolicyProcess; OSError where none can be started."""
        for _ in range(_TAKES):
            self.prepare()
            with self._lock:
                ahead, self._ahead = self._ahead, None
            process = ahead.result()
            if process.alive():
                break
            # It died while it waited: of somebody else's doing, and nobody's trial needs to know.
            process.kill()
        return process

    def close(self):
        """Kill what waits, end the thread."""
        with self._lock:
            ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.result().kill()
        self._spawner.shutdown()


def _poller(fd, event):
    poller = select.poll()
    poller.register(fd, event)
    return poller

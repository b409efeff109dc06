"""Runs a list of children until one that is required ends, one is given up, or a signal comes.

    outcome = anyio.run(Supervisor(specs, log_dir, report=print).run)

Children start in the order of the list, without waiting for each other, and are stopped stage by
stage, the highest first: SIGINT to the process group, then SIGTERM, then SIGKILL. A child that ends
by itself takes its process group with it, and what it left behind in other sessions (orphans.py).
`enpire_bringup/supervisor/guard.py` sees to it that none outlives the supervisor. A full disk or a closed
terminal stops nothing: what can't be reported is left out.
"""

import dataclasses
import os
import signal
import time

import anyio

from enpire_bringup.supervisor import orphans
from enpire_bringup.supervisor.child import Child, StopTimes
from enpire_bringup.supervisor.policy import RespawnPolicy
from enpire_core import processes

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Why it ended. ``code``: 0 after a signal, else that of the child that ended it (1: given up).

    ``child``: name of that child, with its ``last_lines``; empty after a signal.
    """

    code: int
    reason: str
    child: str = ''
    last_lines: tuple = ()


class Supervisor:
    """See the module. ``report(text)`` hears every start, end and restart, ``on_change({name: pid})``
    what runs now; both may raise OSError. ``environment``: of the children; None is the supervisor's own.
    ``keyboard``: a `Keyboard` whose keys are passed on to the children that want them, or None.
    """

    def __init__(self, specs, log_dir, *, report, on_change=None, environment=None, times=None, keyboard=None):
        names = [spec.name for spec in specs]
        if len(set(names)) != len(names):
            raise ValueError(f'expected different names of processes, got {names}')
        environment = dict(os.environ if environment is None else environment)
        self._children = [Child(spec, log_dir, environment, self._say) for spec in specs]
        self._report = report
        self._on_change = on_change or (lambda running: None)
        self._times = times or StopTimes()
        self._keyboard = keyboard
        self._noted = True
        self._stopping = None
        self._births = None
        self._strangers = frozenset()
        self._outcome = None

    async def run(self):
        """Run everything to the end; return the `Outcome`. No child of ours is left then."""
        self._stopping = anyio.Event()
        self._births = anyio.Lock()
        processes.adopt_orphans()
        # Whoever was here before us is not ours to end.
        self._strangers = frozenset(orphans.children())
        try:
            # Under nohup a hang-up is ignored, and stays so.
            wanted = [n for n in SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
            with anyio.open_signal_receiver(*wanted) as signals:
                async with anyio.create_task_group() as watching:
                    watching.start_soon(self._watch, signals)
                    if self._keyboard is not None:
                        watching.start_soon(self._pass_on_keys)
                    async with anyio.create_task_group() as tending:
                        await self._start_all(tending)
                        await self._stopping.wait()
                        await self._stop_all()
                    await self._end_orphans()
                    watching.cancel_scope.cancel()
        finally:
            for child in self._children:
                child.kill()
                child.close()
        return self._outcome

    def _end(self, outcome):
        """Note why it ends; the first reason stays."""
        if self._outcome is None:
            self._outcome = outcome
            self._say(outcome.reason)
            self._stopping.set()

    async def _watch(self, signals):
        async for number in signals:
            name = processes.signal_name(number)
            if self._stopping.is_set():
                self._say(f'{name} again: already stopping, a few seconds more')
            self._end(Outcome(0, f'{name}: stopping'))

    async def _pass_on_keys(self):
        async for key in self._keyboard.keys():
            for child in self._children:
                if child.spec.keys:
                    await child.tell(key)

    async def _start_all(self, tending):
        for child in self._children:
            if self._stopping.is_set():
                return
            if await self._start(child):
                tending.start_soon(self._tend, child)

    async def _start(self, child):
        """Start ``child``; False where it could not be, which ends everything."""
        try:
            async with self._births:
                await child.start()
        except OSError as error:
            self._end(Outcome(1, f'{child.spec.name} cannot be started: {error}', child.spec.name))
            return False
        self._say(f'{child.spec.name} started, process {child.process.pid}')
        self._changed()
        if self._stopping.is_set():
            child.kill()  # it missed the ordered stop
        return True

    async def _tend(self, child):
        spec = child.spec
        policy = RespawnPolicy(spec.respawn_delay_s)
        while True:
            code = await child.run_to_end()
            await self._end_orphans()
            self._changed()
            how = _how(code)
            if self._stopping.is_set():
                self._say(f'{spec.name} has ended ({how})')
                return
            if not spec.respawn or (spec.required and code >= 0):
                self._over(child, code, how)
                return
            delay_s = policy.ended(time.monotonic())
            if delay_s is None:
                self._end(
                    Outcome(
                        1,
                        f'{spec.name} ended {policy.limit} times within {policy.window_s:.0f} s '
                        f'(last: {how}); its last lines follow, all are in {spec.name}.log',
                        spec.name,
                        tuple(child.last_lines),
                    )
                )
                return
            self._say(f'{spec.name} ended ({how}); starting it again in {delay_s:g} s')
            with anyio.move_on_after(delay_s):
                await self._stopping.wait()
            if self._stopping.is_set() or not await self._start(child):
                return

    def _over(self, child, code, how):
        name = child.spec.name
        if not child.spec.required:
            self._say(f'{name} has ended ({how}); it is not started again')
        elif code == 0:
            self._end(Outcome(0, f'{name} is done', name))
        else:
            self._end(
                Outcome(
                    code if code > 0 else 128 - code,
                    f'{name} ended ({how}), which ends the lab',
                    name,
                    tuple(child.last_lines),
                )
            )

    async def _stop_all(self):
        stages = sorted({child.spec.stage for child in self._children}, reverse=True)
        for stage in stages:
            async with anyio.create_task_group() as stopping:
                for child in self._children:
                    if child.spec.stage == stage and child.process is not None:
                        stopping.start_soon(self._stop, child)

    async def _stop(self, child):
        number = await child.stop(self._times)
        if number != signal.SIGINT:
            self._say(
                f'{child.spec.name} did not end at SIGINT; it took {processes.signal_name(number)}'
            )

    async def _end_orphans(self):
        """End what children have left behind. No child may be started meanwhile: it would look like that."""
        async with self._births:
            ours = {child.process.pid for child in self._children if child.process is not None}
            left = await orphans.end(ours | self._strangers)
        if left:
            self._say(f'still there after SIGKILL: processes {", ".join(map(str, sorted(left)))}')

    def _say(self, text):
        try:
            self._report(text)
        except OSError:
            return  # nobody can hear it: the terminal is gone, or the disk is full. The arms come first

    def _changed(self):
        running = {child.spec.name: child.process.pid for child in self._children
                   if child.process is not None}
        try:
            self._on_change(running)
        except OSError as error:
            if self._noted:
                self._say(f'what runs cannot be noted any more: {error}')
            self._noted = False
        else:
            self._noted = True


def _how(code):
    return f'exit code {code}' if code >= 0 else f'killed by {processes.signal_name(-code)}'

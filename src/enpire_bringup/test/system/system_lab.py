"""`enpire lab` under test: a process of its own, what it wrote, whom it started, what is left of it."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import uuid

import psutil
from enpire_core.testing import Graph
from system_watcher import Watcher

HERE = pathlib.Path(__file__).resolve().parent
POLICIES = HERE / 'policies'
PROGRAM = HERE / 'overridden_lab.py'
MARK = 'ENPIRE_SYSTEM_TEST'
PATIENCE_S = 60.0


def built():
    """Return '' where the `enpire` command and its programs are installed, else what is missing."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    if shutil.which('enpire') is None:
        return 'the command `enpire` is not on PATH: `make setup`, then `. setup/env.sh`'
    for package in ('enpire_drivers', 'enpire_safety', 'enpire_research', 'enpire_bringup'):
        try:
            get_package_prefix(package)
        except PackageNotFoundError:
            return f'{package} is not built: `make setup`, then `. setup/env.sh`'
    return ''


def policy(name):
    """Return the path of a policy of these tests."""
    return str(POLICIES / f'{name}.py')


def until(condition, what, seconds=PATIENCE_S):
    """Wait for ``condition()``; AssertionError that names ``what`` after ``seconds``. Returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'waited {seconds:g} s for: {what() if callable(what) else what}'
        time.sleep(0.02)


class LabProcess:
    """`enpire lab` in ROS domain ``domain``, its run folder `folder/runs/run`.

    ``overrides``: node name -> parameter -> value, put into the parameter files of its processes (times
    that a lab file does not offer, made short so that tests are quick). ``resume``: go on with the campaign in that
    run folder, as a lab of its own.
    """

    def __init__(self, folder, domain, *words, overrides=None, resume=False):
        self.folder, self.run_dir = folder, folder / 'runs' / 'run'
        self.environment = dict(os.environ, ROS_DOMAIN_ID=str(domain))
        self._mark = uuid.uuid4().hex
        command = [shutil.which('enpire')]
        if overrides:
            path = folder / 'overrides.json'
            path.write_text(json.dumps(overrides))
            command = [sys.executable, str(PROGRAM), str(path)]
        # Told to stop where whoever started it is killed: a lab that nobody looks at any more would run on.
        command = ['setpriv', '--pdeathsig', 'TERM', *command]
        self._said = open(folder / 'lab.txt', 'a+', encoding='utf-8')
        # What the lab before this one said comes first.
        self._said_from = self._said.tell()
        self._family = {}
        place = ('--resume', str(self.run_dir)) if resume else ('--folder', str(folder / 'runs'), '--run', 'run')
        self.process = subprocess.Popen(
            [*command, 'lab', '--plain', *place, *words],
            stdin=subprocess.DEVNULL, stdout=self._said, stderr=subprocess.STDOUT, cwd=folder,
            env=dict(self.environment, **{MARK: self._mark}), start_new_session=True)

    # ---- what it says ----------------------------------------------------------------------
    def text(self):
        """Return what it printed so far."""
        return (self.folder / 'lab.txt').read_bytes()[self._said_from:].decode()

    def log(self, name):
        """Return the log of a process, '' where there is none yet."""
        path = self.run_dir / 'logs' / f'{name}.log'
        return path.read_text(encoding='utf-8') if path.exists() else ''

    def pids(self):
        """Return name -> pid of what runs now."""
        path = self.run_dir / 'processes.json'
        return json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}

    def command(self, *words, seconds=PATIENCE_S, answer=None, variables=None):
        """Run `enpire *words` in the lab's domain, with more ``variables`` in the environment.

        Returns (exit code, output).
        """
        done = subprocess.run(['enpire', *words], env={**self.environment, **(variables or {})}, cwd=self.folder,
                              timeout=seconds, input=answer or '', stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    # ---- who is there ----------------------------------------------------------------------
    def remember_family(self):
        """Note every process that descends from the lab now, policies too; return {pid: process}.

        A policy's environment is empty of marks, so it is known by its descent, seen while it lives.
        """
        for process in psutil.Process(self.process.pid).children(recursive=True):
            self._family.setdefault(process.pid, process)
        return dict(self._family)

    @property
    def family(self):
        """{pid: psutil.Process} of everything that was ever remembered."""
        return dict(self._family)

    def left(self):
        """Return {pid: command} of what still lives of this lab: by mark or remembered descent."""
        found = {pid: process for pid, process in self._family.items() if _alive(process)}
        for process in psutil.process_iter():
            if process.pid != self.process.pid and _alive(process) and _marked(process, self._mark):
                found[process.pid] = process
        return {pid: _words(process) for pid, process in found.items()}

    def child(self, name):
        """Return the psutil.Process of that name that runs now, None for none; also where no file can say so."""
        words = str(self.run_dir / 'parameters' / f'{name}.yaml')
        for process in self._children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if words in process.cmdline():
                    return process
        return None

    def _children(self):
        try:
            return psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def kill_child(self, name, number=signal.SIGKILL):
        """Send a signal to one process of the lab; return its pid."""
        pid = until(lambda: self.pids().get(name), f'{name} to run')
        os.kill(pid, number)
        return pid

    def until_new(self, name, old):
        """Wait until ``name`` runs as another process than ``old``; return its pid."""
        return until(lambda: self.pids().get(name, old) != old and self.pids()[name], f'{name} to be started again')

    # ---- its end ---------------------------------------------------------------------------
    def wait(self, seconds=PATIENCE_S):
        """Wait for its end; return (exit code, output)."""
        try:
            return self.process.wait(timeout=seconds), self.text()
        except subprocess.TimeoutExpired:
            raise AssertionError(f'the lab did not end within {seconds:g} s:\n{self.text()}') from None

    def interrupt(self):
        """Send SIGINT to the process, as a terminal does, and wait for its end; see `wait`."""
        self.remember_family()
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self):
        """End everything, however it goes. Twice is fine."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._said.close()


@contextlib.contextmanager
def running_lab(folder, *words, overrides=None):
    """Yield (LabProcess, Watcher) of `enpire lab *words` in a ROS domain of its own; end both.

    ``folder``: run folders go there, and what the command prints.
    """
    with Graph() as graph:
        with Watcher.in_graph(graph) as watcher:
            lab = LabProcess(folder, graph.domain_id, *words, overrides=overrides)
            try:
                yield lab, watcher
            finally:
                lab.kill()


def _alive(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _marked(process, mark):
    try:
        return process.environ().get(MARK) == mark
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False  # gone, or not ours


def _words(process):
    try:
        return ' '.join(process.cmdline())[:200]
    except psutil.NoSuchProcess:
        return '(gone)'

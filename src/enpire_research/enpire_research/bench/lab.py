"""A real lab for measuring: started by the command that people use, driven through its actions."""

import contextlib
import json
import os
import signal
import subprocess
import time

import psutil
from rclpy.action import ActionClient
from rclpy.node import Node

from enpire_interfaces.action import Rollout
from enpire_research.bench.gate import BenchError
from enpire_safety.sandbox import bubblewrap

READY_S, TAKEN_S, STOP_S = 90.0, 60.0, 30.0
RUN = 'bench'


def fault_of(result):
    """Return the text of a Rollout.Result that has no verdict, or ''. A scene that can't be judged is none of ours."""
    if result.error_code in (Rollout.Result.ERROR_NONE, Rollout.Result.ERROR_SCENE_NOT_JUDGED):
        return ''
    return f'{result.error_code}: {result.error_msg}'


class Lab:
    """A running lab of ``units`` stations that waits for trials sent by hand; a context manager.

    ``graph``: enpire_core.testing.Graph; ``command``: the words that start `enpire`; ``folder``: for
    its run folder; ``task``, ``seed``: of the lab; ``profiles``: color profiles by camera.
    """

    def __init__(self, graph, command, folder, units, task, seed, profiles):
        self._graph, self._folder = graph, folder
        self.units = [f'unit{i}' for i in range(units)]
        path = os.path.join(folder, 'lab.yaml')
        with open(path, 'w', encoding='utf-8') as handle:
            json.dump({'name': RUN, 'folder': folder, 'units': units, 'task': task, 'trials': 0, 'seed': seed,
                       'cameras': {name: {'color_profile': text} for name, text in profiles.items()},
                       'log_level': 'warn'}, handle)  # JSON is YAML
        self._words = [*command, 'lab', path, '--plain', '--run', RUN]
        self._process = self._node = None
        self._clients = {}

    def __enter__(self):
        self._log = os.path.join(self._folder, 'lab.log')
        with open(self._log, 'w', encoding='utf-8') as log:
            self._process = subprocess.Popen(
                self._words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env=dict(os.environ, ROS_DOMAIN_ID=str(self._graph.domain_id)))
        try:
            self._node = self._graph.add(Node('bench', context=self._graph.context, enable_rosout=False))
            for unit in self.units:
                self._clients[unit] = ActionClient(self._node, Rollout, f'/{unit}/rollout')
            self._until(lambda: all(c.server_is_ready() for c in self._clients.values()), READY_S,
                        'the lab did not offer its actions')
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """End the lab as Ctrl-C does."""
        for client in self._clients.values():
            client.destroy()
        self._clients = {}
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _until(self, done, seconds, what):
        end = time.monotonic() + seconds
        while not self._graph.until(done, 0.5):
            if self._process.poll() is not None or time.monotonic() > end:
                with open(self._log, encoding='utf-8') as handle:
                    raise BenchError(f'{what}; what the lab printed: {handle.read()[-1500:]}')

    def rollouts(self, goals, on_feedback=None, while_waiting=None):
        """Send {unit: Rollout.Goal}, all at once, and return {unit: result} when all are done.

        ``on_feedback(unit, feedback)``; ``while_waiting()`` is called about twice a second.
        """
        handles, results = {}, {}
        for unit, goal in goals.items():
            handles[unit] = self._clients[unit].send_goal_async(
                goal, feedback_callback=lambda m, unit=unit: on_feedback and on_feedback(unit, m.feedback))
        self._until(lambda: all(f.done() for f in handles.values()), TAKEN_S,
                    'the trial servers did not take the goals')
        results = {unit: future.result().get_result_async() for unit, future in handles.items()}
        end = time.monotonic() + 600.0
        while not self._graph.until(lambda: all(f.done() for f in results.values()), 0.5):
            if while_waiting is not None:
                while_waiting()
            if self._process.poll() is not None or time.monotonic() > end:
                raise BenchError(f'the rollouts did not end; see {self._log}')
        return {unit: future.result().result for unit, future in results.items()}

    def log_of(self, unit, trial_id):
        """Return what the policy of a rollout printed."""
        with open(os.path.join(self._folder, RUN, unit, 'policy_logs', f'{trial_id}.log'), encoding='utf-8') as handle:
            return handle.read()

    def processes(self):
        """Return {name: psutil.Process} of all that the lab consists of now, policies and supervisor included."""
        with open(os.path.join(self._folder, RUN, 'processes.json'), encoding='utf-8') as handle:
            return processes_of(psutil.Process(self._process.pid), json.load(handle))


def processes_of(supervisor, pids):
    """Return {name: psutil.Process} of ``supervisor``, of ``pids`` ({name: pid}) and of all their children.

    A policy's process has the name of its trial server, with `.policy` and a number, and those between the two, guard
    and bubblewrap, with `.guard`. Policies come and go: what ends between being listed and being asked is left out.
    """
    found = {'supervisor': supervisor}
    for name, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            found[name] = psutil.Process(pid)
    known, bubblewraps = {pid: name for name, pid in pids.items()}, set()
    for child in supervisor.children(recursive=True):
        if child.pid not in known:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = known.get(child.ppid(), 'supervisor')
                if child.name() == bubblewrap.PROGRAM:
                    bubblewraps.add(child.pid)
                between = parent in pids or child.ppid() in bubblewraps
                base = f'{parent.partition(".guard")[0]}.{"guard" if between else "policy"}'
                name = known[child.pid] = f'{base}{sum(one.startswith(base) for one in found)}'
                found[name] = child
    return found

"""A lab of one station in replay mode: the real processes, put into recorded states of one unit.

One lab a unit: who hears a second joint state of the same stamp takes it for a repetition, and within a unit
it is one. Two units stand differently at the same stamp.

It starts sim_station (replay:=true), safety_gate and trial_server in a ROS domain of its own, restores
one record after another and sends the same goals. Going back in time latches the gate, as it must;
here nobody's arm moves by that, so the replay clears it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

import yaml
from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import Trigger

from enpire_core import qos
from enpire_core.conversions import stamp_to_ns
from enpire_core.testing import Graph
from enpire_interfaces.action import Reset, Rollout
from enpire_interfaces.msg import SafetyState
from enpire_interfaces.srv import RestoreState
from enpire_research.conversions import report_from_message
from enpire_research.trials import report as reports
from enpire_research.trials.replay import Comparison, ReplayError, compare, ground

READY_S, TRIAL_S, STOP_S = 60.0, 600.0, 10.0
_PROGRAMS = {'sim_station': 'enpire_drivers.sim_station', 'safety_gate': 'enpire_safety.safety_gate_node',
             'trial_server': 'enpire_research.trial_server'}


class GraphReplay:
    """Replays phases in a lab of one station; a context manager.

    ``run``: RunFolder; ``folder``: empty, for the lab's own files; ``phases``: what will be replayed, all of
    one unit. The station begins as that unit's did, so tick 0 is the same before and after it is restored.
    """

    def __init__(self, run, folder, phases):
        self._run, self._folder = run, os.path.abspath(folder)
        on = ground(run, phases)
        first, task = on.first, on.task
        self._unit = first.unit
        limits = dict(zip(('robot_limits', 'task_limits'), on.limit_files))
        station = os.path.join(self._folder, self._unit)
        os.makedirs(station, exist_ok=True)
        self._parameters = {
            'arm_driver': {'scene': run.scene, 'unit': self._unit, 'replay': True, 'lab_seed': first.lab_seed},
            'camera_driver': {f'{name}.color_profile': text for name, text in first.cameras.items()},
            'safety_gate': {**limits, 'run_dir': station, 'simulated': True},
            'trial_server': {**limits, 'task': task.name, 'unit': self._unit, 'run_dir': station, 'scene': run.scene,
                             'simulated': True}}
        self._processes, self._graph, self._safety = [], Graph(), None

    def __enter__(self):
        self._graph.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for process in reversed(self._processes):
            _stop(process)
        self._processes = []
        self._graph.__exit__(*(exc or (None, None, None)))

    def _start(self):
        environment = dict(os.environ, ROS_DOMAIN_ID=str(self._graph.domain_id))
        parameters = os.path.join(self._folder, 'parameters.yaml')
        with open(parameters, 'w', encoding='utf-8') as handle:
            yaml.safe_dump({f'/{self._unit}/{node}': {'ros__parameters': values}
                            for node, values in self._parameters.items()}, handle)
        for name, module in _PROGRAMS.items():
            program = (f'import sys; from enpire_core import processes; processes.die_with_parent({os.getpid()}); '
                       f'from {module} import main; sys.exit(main())')
            words = [program, '--ros-args', '-r', f'__ns:=/{self._unit}', '-r', f'/clock:=/{self._unit}/clock',
                     '--params-file', parameters, '--log-level', 'warn']
            with open(os.path.join(self._folder, f'{name}.log'), 'wb') as log:
                self._processes.append(subprocess.Popen([sys.executable, '-c', *words], stdout=log, stderr=log,
                                                        stdin=subprocess.DEVNULL, env=environment,
                                                        start_new_session=True))
        node = self._graph.add(Node('replay', namespace=f'/{self._unit}', context=self._graph.context))
        self._actions = {reports.RESET: ActionClient(node, Reset, 'reset'),
                         reports.ROLLOUT: ActionClient(node, Rollout, 'rollout')}
        self._restore = node.create_client(RestoreState, 'arm_driver/restore_state')
        self._clear = node.create_client(Trigger, 'safety_gate/clear')
        node.create_subscription(SafetyState, 'safety_state', self._on_safety, qos.STATE)
        self._until(lambda: all(one.server_is_ready() for one in self._actions.values())
                    and self._restore.service_is_ready() and self._clear.service_is_ready(), READY_S,
                    'the station did not come up')

    def _on_safety(self, message):
        self._safety = message

    def _until(self, done, seconds, what):
        end = time.monotonic() + seconds
        while not self._graph.until(done, 0.5):
            dead = [name for name, process in zip(_PROGRAMS, self._processes) if process.poll() is not None]
            if dead or not time.monotonic() <= end:
                said = ''.join(f'\n{name}: {self._said(name)}' for name in dead or _PROGRAMS)
                raise ReplayError(what + (f': {dead[0]} has ended' if dead else f' within {seconds:g} s')
                                  + f'; what was printed:{said}')

    def _said(self, name):
        with open(os.path.join(self._folder, f'{name}.log'), encoding='utf-8', errors='replace') as log:
            return log.read()[-1000:].strip()

    def replay(self, phase):
        """Run ``phase`` again and return the Comparison."""
        was = phase.report
        answer = self._graph.call(self._restore, RestoreState.Request(record=os.path.abspath(phase.record)))
        if not answer.success:
            return Comparison(was, 'graph', error=answer.message)
        self._until(lambda: self._safety is not None and stamp_to_ns(self._safety.header.stamp) == was.start_ns,
                    READY_S, 'the gate did not see the restored state')
        if self._safety.mode == SafetyState.MODE_LATCHED:
            cleared = self._graph.call(self._clear, Trigger.Request())
            if not cleared.success:
                return Comparison(was, 'graph', error=cleared.message)
        common = {'trial_id': was.trial_id, 'seed': was.seed}
        if was.phase == reports.RESET:
            goal = Reset.Goal(**common, **was.goal)
        else:
            goal = Rollout.Goal(**common, policy_file=phase.policy, **phase.rollout_goal())
        result = self._send(self._actions[was.phase], goal)
        now = report_from_message(result.report)
        if now.status == reports.UNKNOWN:
            return Comparison(was, 'graph', error=f'{result.error_code}: {result.error_msg}')
        return compare(was, now, 'graph')

    def _send(self, client, goal):
        sent = client.send_goal_async(goal)
        self._until(sent.done, READY_S, 'the trial server did not take the goal')
        future = sent.result().get_result_async()
        self._until(future.done, TRIAL_S, 'the trial did not end')
        return future.result().result


def _stop(process):
    """End a process and its group: SIGINT, then SIGKILL."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

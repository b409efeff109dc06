"""The same ticks without DDS: the direct runner, with the time of its parts, and the bare physics."""

import functools
import os
import time

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_drivers.sim.scene import STEPS_PER_TICK
from enpire_drivers.sim.world import World
from enpire_research.bench import policy
from enpire_research.trials import rollout
from enpire_research.trials.direct import DirectRunner
from enpire_research.trials.trial_setup import Hooks

PROFILES = {'top_camera': '320x240x10'}


class Watch:
    """Sums up the time spent in calls, while ``running``."""

    def __init__(self):
        self.running = False
        self.seconds = {}

    def time(self, name, call):
        """Return ``call`` so that its time counts for ``name``."""
        self.seconds[name] = 0.0

        @functools.wraps(call)
        def timed(*args, **kwargs):
            begun = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                if self.running:
                    self.seconds[name] += time.perf_counter() - begun
        return timed


class Direct:
    """A direct runner of a task with a watch on its parts; a context manager."""

    def __init__(self, task, folder, lab_seed):
        self.watch = Watch()
        self._folder = folder
        self._runner = DirectRunner.create(task, folder, lab_seed=lab_seed, profiles=PROFILES,
                                           hooks=Hooks(progress=self._progress, wall_ns=time.time_ns))
        station, watch = self._runner.station, self.watch
        world = station.sim.world
        world.step_tick = watch.time('physics', world.step_tick)
        world.render = watch.time('rendering', world.render)
        station.sim.command = watch.time('driver', station.sim.command)
        station.gate.step = watch.time('gate', station.gate.step)
        self._driving = False
        station.step = self._from_here(station.step)
        hosts = self._runner._hosts
        hosts.take = self._watched(hosts.take)

    def _progress(self, step, *_):
        self._driving = step == rollout.POLICY
        self.watch.running = False

    def _from_here(self, step):
        # Before the first tick lies what happens once, such as opening the renderer.
        def stepped(command):
            self.watch.running = self._driving
            return step(command)
        return stepped

    def _watched(self, take):
        def taken():
            process = take()
            process.ask = self.watch.time('policy', process.ask)
            return process
        return taken

    def run(self, name, policy_file, seed):
        """Drive ``policy_file`` for a rollout; return (ms of each tick, CPU ms a tick, parts in ms a tick)."""
        self.watch.running = False
        self.watch.seconds = dict.fromkeys(self.watch.seconds, 0.0)
        self._runner.rollout(name, seed, policy_file)
        with open(os.path.join(self._folder, 'policy_logs', f'{name}.log'), encoding='utf-8') as handle:
            ticks, cpu = policy.figures(handle.read())
        return ticks, cpu, parts(self.watch.seconds, ticks, cpu)

    def bare(self, count):
        """Return the ms of each of ``count`` ticks of physics alone, set-points standing at home."""
        sim = self._runner.station.sim
        world = World(sim.world.scene, sim.parameters)
        rows = np.tile(world.joint_state(0).positions, (STEPS_PER_TICK, 1))
        still = np.zeros((STEPS_PER_TICK, JOINT_COUNT))
        marks = [time.perf_counter_ns()]
        for _ in range(count):
            world.step_tick(rows, still, still[0])
            marks.append(time.perf_counter_ns())
        return [(after - before) / 1e6 for before, after in zip(marks, marks[1:])]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._runner.close()


def parts(seconds, ticks, policy_cpu):
    """Return {part: ms a tick}, which add up to the mean of ``ticks``.

    ``seconds``: by name as `Direct` watches them; 'driver' contains 'physics', and 'policy' is the whole
    exchange, of which the process computed ``policy_cpu`` [ms]: the rest is pipe and waking up.
    """
    each = {name: 1000.0 * total / len(ticks) for name, total in seconds.items()}
    total = sum(ticks) / len(ticks)
    found = {'physics': each['physics'], 'driver around physics': each['driver'] - each['physics'],
             'gate': each['gate'], 'rendering': each['rendering'],
             'policy process computing': min(policy_cpu, each['policy']),
             'pipe': max(0.0, each['policy'] - policy_cpu)}
    found['trial server'] = total - sum(found.values())
    return found

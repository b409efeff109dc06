"""What a step through the policy's pipe costs, confined and not, without and with a picture; and a start."""

import os
import tempfile
import time

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_core.types import CameraInfo, Frame, JointState
from enpire_research.bench.statistics import summarise
from enpire_research.bench.unconfined import Unconfined
from enpire_research.trials import wire
from enpire_research.trials.policy_process import PolicyProcess
from enpire_research.trials.station import never
from enpire_research.trials.trial_setup import ROLLOUT_PROFILE, make_setup
from enpire_safety.sandbox import choice
from enpire_tasks import registry

TASK, CAMERA, WIDTH, HEIGHT = 'push_t', 'top_camera', 320, 240
WARM_UP = 50
_POLICY = '''"""Steps, and looks where it is told to. Written by `enpire bench`."""


def run(robot):
    while True:
        if {looks}:
            robot.capture()
        robot.step(robot.get_joint_states().positions)
'''


def measure(steps, rounds):
    """Return the figures: µs of ``steps`` in all, in turns of ``rounds``; ms of starting, once a round.

    A step with a picture is two exchanges: the policy asks for the picture, and then for the step.
    """
    setup = make_setup(registry.get(TASK))
    launchers = {'unconfined': Unconfined(), 'sandbox': choice.launcher()}
    found = {f'{way}{look}': [] for way in launchers for look in ('', '_picture')}
    starts = {way: [] for way in launchers}
    with tempfile.TemporaryDirectory(prefix='enpire_bench_') as folder:
        for _ in range(rounds):
            for way, launcher in launchers.items():
                for looks in (False, True):
                    started, durations = _round(setup, launcher, looks, steps // rounds, os.path.join(folder, 'log'))
                    found[f'{way}_picture' if looks else way] += durations
                    starts[way].append(started)
    figures = {name: summarise(values).to_dict() for name, values in found.items()}
    return {**figures, 'starts': {way: summarise(values).to_dict() for way, values in starts.items()},
            'sandbox_name': launchers['sandbox'].name, 'picture': f'{WIDTH}x{HEIGHT}'}


def _round(setup, launcher, looks, steps, log):
    """Return (ms until the process had its policy loaded, µs of each of ``steps``)."""
    began = time.perf_counter()
    process = PolicyProcess(launcher)
    try:
        process.load({'source': _POLICY.format(looks=looks), 'seed': 1, 'model': setup.model,
                      'limits': setup.motion[ROLLOUT_PROFILE].to_dict()}, log, never, never)
        started = 1e3 * (time.perf_counter() - began)
        state = wire.pack_state(JointState(0, *np.zeros((3, JOINT_COUNT))))
        info = CameraInfo(CAMERA, WIDTH, HEIGHT, np.eye(3), 'station', np.eye(4))
        frame = Frame(CAMERA, 0, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        # A period of 0: each picture that the policy asks for is a new one.
        message = {'state': state, 'deadline_ns': 1 << 60, 'camera_periods': {CAMERA: 0},
                   'camera_infos': [wire.pack_camera_info(info)]}
        durations = []
        for _ in range(steps + WARM_UP):
            before = time.perf_counter_ns()
            asked = process.ask(message, never, never)
            if looks:
                asked = process.ask({'frame': process.show(frame)}, never, never)
            durations.append((time.perf_counter_ns() - before) / 1e3)
            if asked.get('op') != 'step':
                raise RuntimeError(f'expected the policy of the bench to step, got {wire.shown(asked)}')
            message = {'state': state}
        return started, durations[WARM_UP:]
    finally:
        process.kill()

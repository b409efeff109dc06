"""A small real task for tests: a red block on the tray that shall be pushed to the left half.

The verifier looks at the top camera's picture; the reset carries nothing, it only looks.
"""

import os
from dataclasses import dataclass, field

import numpy as np
import pytest

from enpire_core.scene import TaskScene
from enpire_research.trials.direct import DirectRunner, make_station
from enpire_research.trials.trial_setup import Hooks, make_setup
from enpire_safety.sandbox import choice, family, probe
from enpire_tasks.types import FAILURE, SUCCESS, UNKNOWN, Judgement, Polygon, SceneNotFound, frames_digest

HERE = os.path.dirname(os.path.abspath(__file__))
POLICIES = os.path.join(HERE, 'policies')
LIMITS = """profiles:
  rollout: {gripper: {upper: 0.004}}
  reset: {}
"""
XML = """<mujoco model="block">
  <worldbody>
    <body name="block" pos="0.32 -0.05 0.031">
      <freejoint name="block"/>
      <geom name="block" type="box" size="0.02 0.02 0.02" mass="0.1" rgba="1 0 0 1" priority="1"
            friction="0.45 0 0" condim="3"/>
    </body>
  </worldbody>
</mujoco>
"""


def red_centre(frame):
    """Return (row, column) of the red pixels' centre, or None where there are too few."""
    color = frame.color.astype(int)
    red = (color[..., 0] > 90) & (color[..., 1] < 60) & (color[..., 2] < 60)
    return np.argwhere(red).mean(axis=0) if red.sum() >= 20 else None


@dataclass
class BlockTask:
    """A Task; `verdicts` may be set to answer something else than what the camera shows."""

    folder: str
    name: str = 'block'
    episode_s: float = 6.0
    reset_s: float = 20.0
    verdicts: list = field(default_factory=list)
    reset_program: object = None
    tolerances: tuple = ()

    def __post_init__(self):
        self.limits_file = os.path.join(self.folder, 'limits.yaml')
        with open(self.limits_file, 'w', encoding='utf-8') as handle:
            handle.write(LIMITS)
        self.start_policy = os.path.join(POLICIES, 'push_left.py')
        self.brief = os.path.join(HERE, 'trial_helpers.py')

    def scene(self):
        """See Task."""
        return TaskScene('block', XML, object_joints=('block',))

    def draw_start(self, seed):
        """See Task."""
        return seed

    def reset(self, robot, start, attempt):
        """See Task."""
        if self.reset_program is not None:
            self.reset_program(robot, start, attempt)
            return
        robot.home()
        if red_centre(robot.capture()) is None:
            raise SceneNotFound('no red block in the picture')

    def verify_start(self, robot, start):
        """See Task."""
        frame = robot.capture()
        centre = red_centre(frame)
        answer = UNKNOWN if centre is None else SUCCESS
        return Judgement(answer, float('nan') if centre is None else 1.0, 'looked', {}, frames_digest([frame]))

    def verify(self, robot):
        """See Task."""
        frame = robot.capture()
        if self.verdicts:
            return self.verdicts.pop(0)
        centre = red_centre(frame)
        if centre is None:
            return Judgement(UNKNOWN, float('nan'), 'no red block in the picture', {}, frames_digest([frame]))
        left = frame.color.shape[1] / 2 - centre[1]
        return Judgement(SUCCESS if left > 0 else FAILURE, float(left > 0), f'{left:.0f} pixels left of the middle',
                         {'left_px': float(left)}, frames_digest([frame]))

    def outlines(self):
        """See Task."""
        return (Polygon('goal', ((0.2, 0.0, 0.01), (0.2, 0.2, 0.01), (0.4, 0.2, 0.01), (0.4, 0.0, 0.01))),)


def policy(name):
    """Return the path of a policy for tests; one that no linter could read ends with .txt."""
    path = os.path.join(POLICIES, f'{name}.py')
    return path if os.path.exists(path) else os.path.join(POLICIES, f'{name}.txt')


def launchers():
    """Return the sandboxes of this machine as pytest's parameters: those that are missing here are skipped."""
    found = []
    for kind in probe.LAUNCHERS:
        findings = probe.probe(kind())
        skip = pytest.mark.skip(reason=choice.text([(kind.name, findings)]))
        found.append(pytest.param(kind(), id=kind.name, marks=[] if probe.whole(findings) else [skip]))
    return found


def running(words):
    """Return the pids of those processes below this one, in sandboxes too, that have ``words`` among theirs."""
    found = []
    for pid in family.family(os.getpid()):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as handle:
                if words.encode() in handle.read():
                    found.append(pid)
        except OSError:
            continue  # it has ended
    return found


def runner(folder, task=None, hooks=None, data=False, **station):
    """Return (DirectRunner, task) with a block station; records and logs lie in ``folder``."""
    folder = str(folder)
    task = task or BlockTask(folder)
    setup = make_setup(task)
    profiles = {'top_camera': '160x120x15', 'left_wrist_camera': '160x120x15', 'right_wrist_camera': '160x120x15'}
    built = make_station(setup, profiles=profiles, records_folder=os.path.join(folder, 'records'), **station)
    return DirectRunner(setup, built, folder, hooks or Hooks(), data), task


def logging_runner(folder, **options):
    """Return (DirectRunner, task, texts that it logs): see `runner`."""
    logged = []
    return (*runner(folder, hooks=Hooks(log=logged.append), **options), logged)

"""What every trial on a station shares: the task, its limits as plans see them, the robot's model."""

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import yaml

from enpire_core.joints import station_positions
from enpire_description import share_path
from enpire_research.trials.kinematics import Kinematics
from enpire_research.trials.motion import MotionLimits
from enpire_research.trials.robot import make_kinematics
from enpire_research.trials.station import never
from enpire_safety.gate import limits as gate_limits

RESET_PROFILE, ROLLOUT_PROFILE = 'reset', 'rollout'


def model_file():
    """Return the path of the robot-only MJCF."""
    return str(share_path('mjcf', 'yam_station.xml'))


def robot_limits_file():
    """Return the path of the robot's own limits."""
    return str(share_path('limits', 'yam.yaml'))


def home_positions():
    """Return the joint positions of home, (14,)."""
    figures = yaml.safe_load(share_path('config', 'station.yaml').read_text(encoding='utf-8'))
    return np.array(station_positions(figures['home']))


@dataclass(frozen=True)
class TrialSetup:
    """``task``: a Task; ``gate_limits``: the gate's Limits by profile; ``motion``: MotionLimits by
    profile; ``kinematics``: for programs of the trial server, within the limits of 'reset'.
    """

    task: Any
    gate_limits: dict
    motion: dict
    model: str
    kinematics: Kinematics


def make_setup(task, robot_file=None, task_file=None):
    """Return the TrialSetup of ``task``; ValueError where its limits lack a profile, or are wider.

    ``robot_file``, ``task_file``: limits; None: the shipped ones of the robot, those of the task.
    """
    robot_file, task_file, model = robot_file or robot_limits_file(), task_file or task.limits_file, model_file()
    profiles = gate_limits.load(robot_file, task_file)
    for name in (RESET_PROFILE, ROLLOUT_PROFILE):
        if name not in profiles:
            raise ValueError(f'{task_file}: expected the profiles {RESET_PROFILE!r} and '
                             f'{ROLLOUT_PROFILE!r}, got {", ".join(profiles)}')
    home = home_positions()
    motion = {name: MotionLimits.from_gate(found, home) for name, found in profiles.items()}
    return TrialSetup(task, profiles, motion, model, make_kinematics(model, motion[RESET_PROFILE]))


def _nothing(*_):
    return None


@dataclass(frozen=True)
class Hooks:
    """What a phase tells and asks its surroundings. All are called from the thread that runs it.

    ``cancelled()``: looked at every tick; ``progress(step, attempt, text)``: what is under way, ``step``
    being a number of the action's STEP_*; ``on_tick()``; ``log(text)``; ``wall_ns()``: wall clock, for
    the report alone.
    """

    cancelled: Callable = never
    progress: Callable = _nothing
    on_tick: Callable = _nothing
    log: Callable = _nothing
    wall_ns: Callable = lambda: 0

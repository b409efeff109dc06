"""Limits, states and requests that the gate's tests are written with."""

import functools
import pathlib

import numpy as np

from enpire_core.ticks import tick_to_ns
from enpire_core.types import JointCommand, JointState
from enpire_safety.gate import limits
from enpire_safety.gate.core import GateCore
from enpire_safety.gate.rule import Settings

DATA = pathlib.Path(__file__).parent / 'data'
ROBOT, TASK = DATA / 'yam.yaml', DATA / 'limits.yaml'
REST = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.002] * 2)


@functools.cache  # their arrays can't be written
def sets():
    return limits.load(ROBOT, TASK)


def core(profile='reset', lockstep=True, **kwargs):
    made = GateCore(sets(), Settings(lockstep=lockstep), **kwargs)
    if profile:
        assert made.select(profile)[0]
    return made


def state(tick=100, positions=REST, velocities=None, efforts=None):
    zeros = np.zeros(14)
    return JointState(
        tick_to_ns(tick),
        np.array(positions, dtype=float),
        zeros if velocities is None else velocities,
        zeros if efforts is None else efforts,
    )


def request(tick=100, positions=REST, efforts=None):
    return JointCommand(
        tick_to_ns(tick), np.array(positions, dtype=float), np.zeros(14) if efforts is None else efforts
    )


def moved(index, by, start=REST):
    positions = np.array(start, dtype=float)
    positions[index] += by
    return positions


def decide(gate, asked, measured):
    return gate.step(measured.stamp_ns, asked, measured)

"""Limits, states and requests that the gate's tests are written with."""

import functools
import pathlib

import mujoco
import numpy as np

from enpire_core.joints import JOINT_NAMES
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


SHIPPED = pathlib.Path(__file__).resolve().parents[2] / 'enpire_description' / 'limits' / 'yam.yaml'
HOME = np.array([0.021, 1.4747, 1.4664, -1.5625, 0.0, 0.021, 0.0, -0.021, 1.4747, 1.4664, -1.5625, 0.0, -0.021, 0.0])


@functools.cache
def shipped():
    """Return the robot's limits as shipped."""
    return limits.load(SHIPPED)['robot']


@functools.cache
def arms():
    """Return the shipped robot by its MJCF and not by the gate's own model: (MjModel, MjData)."""
    model = mujoco.MjModel.from_xml_path(str(SHIPPED.parents[1] / 'mjcf' / 'yam_station.xml'))
    return model, mujoco.MjData(model)


def put(positions, velocities=None):
    """Put the MJCF's arms to ``positions`` (14,) and return (MjModel, MjData); jaws make half an opening each."""
    model, data = arms()
    for values, target, address in ((positions, data.qpos, model.jnt_qposadr),
                                    (velocities, data.qvel, model.jnt_dofadr)):
        for name, value in zip(JOINT_NAMES, np.zeros(14) if values is None else values):
            arm, kind = name.split('_', 1)
            parts = [name] if kind != 'gripper' else [f'{arm}_tip_left', f'{arm}_tip_right']
            for part in parts:
                target[address[model.joint(part).id]] = value / len(parts)
    mujoco.mj_forward(model, data)
    return model, data


def resting_efforts(positions, velocities=None, forces=None):
    """Return efforts (14,) that arms have at ``positions``: gravity, velocity, and ``forces`` {arm: (3,)} of tools."""
    model, data = put(positions, velocities)
    efforts = np.zeros(14)
    for i, name in enumerate(JOINT_NAMES):
        if not name.endswith('_gripper'):
            efforts[i] = data.qfrc_bias[model.jnt_dofadr[model.joint(name).id]]
    for arm, force in (forces or {}).items():
        jacobian = np.zeros((3, model.nv))
        mujoco.mj_jacSite(model, data, jacobian, None, model.site(f'tcp_{arm}').id)
        for i, name in enumerate(JOINT_NAMES):
            if name.startswith(arm) and not name.endswith('_gripper'):
                efforts[i] += jacobian[:, model.jnt_dofadr[model.joint(name).id]] @ np.asarray(force)
    return efforts


class Arms:
    """Arms that are where they were last told to be, under a gate with the shipped limits (or ``changes`` of them)."""

    def __init__(self, start=HOME, changes=None, **settings):
        one = limits.narrowed(shipped(), 'robot', changes or {}, 'changes')
        self.gate = GateCore({'robot': one}, Settings(**settings))
        self.limits, self.tick = one, 100
        self.positions, self.velocities, self.forces = np.array(start, dtype=float), np.zeros(14), None

    def state(self):
        return state(self.tick, self.positions, self.velocities,
                     resting_efforts(self.positions, self.velocities, self.forces))

    def ask(self, positions, efforts=None):
        """Ask for ``positions`` in a tick and move there, or hold; return the Verdict."""
        verdict = decide(self.gate, request(self.tick, positions, efforts), self.state())
        self.tick += 1
        moved = verdict.command.positions if verdict.command is not None else self.positions
        self.velocities = (moved - self.positions) * 30.0 if verdict.decision == 'passed' else np.zeros(14)
        self.positions = moved.copy()
        return verdict

    def go(self, goal, ticks=400, step=0.012, straight=False):
        """Ask for ``goal`` in small steps; return the first Verdict that is a refusal, or the last one.

        ``straight``: all joints arrive together.
        """
        for _ in range(ticks):
            left = np.asarray(goal) - self.positions
            most = np.abs(left).max()
            by = left * min(1.0, step / most) if straight and most > 0.0 else np.clip(left, -step, step)
            verdict = self.ask(self.positions + by)
            if verdict.decision != 'passed' or not np.abs(left).max() > 0.0:
                return verdict
        raise AssertionError(f'expected to arrive or to be refused within {ticks} ticks')

    def tools(self):
        """Return where the two tcps are, (2, 3), by the MJCF."""
        model, data = put(self.positions)
        return np.array([data.site(f'tcp_{arm}').xpos for arm in ('left', 'right')])

"""Hostile requests and states by chance, and what a command may never be: for fuzzing the gate. Pure.

`Hostile` draws what a gate is sent: from what is nearly right to what is no request at all. `unsafe` says, anew and
not by the gate's own rules, what a command that the gate let out breaks. The commands of a gate that refuses
everything are safe, too: that good requests pass is for whoever fuzzes to look at.
"""

import math

import numpy as np

from enpire_core.joints import GRIPPER_INDEX, JOINT_COUNT, JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, TICK_S, tick_to_ns, ticks_after
from enpire_core.types import JointChunk, JointCommand, JointState
from enpire_safety.gate.clearance import Clearances
from enpire_safety.gate.space import TOLERANCE_M
from enpire_safety.gate.station_model import StationModel

_GRIPPERS = list(GRIPPER_INDEX.values())
SPECIAL = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -0.0, 1e10, math.pi, 2**53 + 1.0)
SHAPES = ((0,), (13,), (15,), (14, 1), (1, 14), ())
ROUNDING = 1e-9


class Hostile:
    """Draws for a station within ``limits`` (Limits), from ``seed``."""

    def __init__(self, limits, seed):
        self._limits, self._rng = limits, np.random.default_rng(seed)

    def state(self, tick, positions, velocities, efforts):
        """Return a JointState near what the arms are at: mostly sound, as a driver's would be."""
        noise = self._rng.normal(0.0, 3e-4, JOINT_COUNT)
        noise[_GRIPPERS] *= 0.1
        return JointState(tick_to_ns(tick), positions + noise, velocities, efforts)

    def request(self, state, asked):
        """Return something that is asked for at ``state``; ``asked``: the last set-point (14,)."""
        kinds = (self._step, self._step, self._far, self._special, self._shape, self._stamp, self._efforts, self._chunk)
        return kinds[self._rng.integers(len(kinds))](state, asked)

    def start(self, judge):
        """Return positions (14,) inside the soft limits at which the space is clear by ``judge``: any, near and far."""
        lower, upper = self._limits.soft_lower, self._limits.soft_upper
        while True:
            positions = lower + self._rng.random(JOINT_COUNT) * (upper - lower)
            positions[_GRIPPERS] = np.clip(positions[_GRIPPERS], 0.0, 0.09)
            if judge.clearance(positions)[0] >= 0.002:
                return positions

    def good(self, state):
        """Return a request that an honest program might make: stay where the joints are, where they can stop."""
        inside = np.clip(state.positions, self._limits.soft_lower, self._limits.soft_upper)
        return JointCommand(state.stamp_ns, inside, np.zeros(JOINT_COUNT))

    def _step(self, state, asked):
        """A step of up to twice a limit, of some joints: on both sides of every bound."""
        some = self._rng.random(JOINT_COUNT) < self._rng.random()
        by = self._rng.uniform(-2.0, 2.0, JOINT_COUNT) * self._limits.velocity * TICK_S * some
        return JointCommand(state.stamp_ns, asked + by * self._rng.random(), np.zeros(JOINT_COUNT))

    def _far(self, state, asked):
        positions = asked.copy()
        index = self._rng.integers(JOINT_COUNT)
        positions[index] = self._rng.normal(0.0, 10.0 ** self._rng.uniform(-3.0, 6.0))
        return JointCommand(state.stamp_ns, positions, np.zeros(JOINT_COUNT))

    def _special(self, state, asked):
        arrays = [asked.copy(), np.zeros(JOINT_COUNT)]
        arrays[self._rng.integers(2)][self._rng.integers(JOINT_COUNT)] = SPECIAL[self._rng.integers(len(SPECIAL))]
        return JointCommand(state.stamp_ns, *arrays)

    def _shape(self, state, asked):
        wrong = np.zeros(SHAPES[self._rng.integers(len(SHAPES))])
        other = (asked.astype(np.float32), asked.tolist(), None, 'fourteen', wrong)[self._rng.integers(5)]
        arrays = [asked.copy(), np.zeros(JOINT_COUNT)]
        arrays[self._rng.integers(2)] = other
        return JointCommand(state.stamp_ns, *arrays)

    def _stamp(self, state, asked):
        stamps = (0, -1, state.stamp_ns - 1, state.stamp_ns + 1, ticks_after(state.stamp_ns, 1), 2**62,
                  state.stamp_ns - NANOSECONDS, state.stamp_ns + 3600 * NANOSECONDS, None, 1.5, math.nan)
        return JointCommand(stamps[self._rng.integers(len(stamps))], asked.copy(), np.zeros(JOINT_COUNT))

    def _efforts(self, state, asked):
        some = self._rng.random(JOINT_COUNT) < self._rng.random()
        efforts = self._rng.uniform(-1.5, 1.5, JOINT_COUNT) * self._limits.effort * some * self._rng.random()
        return JointCommand(state.stamp_ns, asked.copy(), efforts)

    def _chunk(self, state, asked):
        points, positions = [], asked
        for i in range(int(self._rng.integers(2, 20))):
            point = self._step(state, positions)
            points.append(JointCommand(ticks_after(state.stamp_ns, i), point.positions, point.efforts))
            positions = point.positions if self._rng.random() < 0.9 else asked
        if self._rng.random() < 0.2:
            bad = self._special(state, positions)
            points[-1] = JointCommand(points[-1].stamp_ns, bad.positions, bad.efforts)
        return JointChunk(tuple(points))


class Judge:
    """Says what a command breaks. ``limits``: Limits in force; all of its figures are said again in plain numbers."""

    def __init__(self, limits):
        self._limits, self._model = limits, StationModel(limits.body)
        self._clearances = Clearances(self._model, limits.station)

    def clearance(self, positions):
        """Return (the least clearance of space at ``positions`` (14,) [m], the names of what it is about)."""
        found = self._clearances.of(self._model.pose(positions), exact=True)
        worst = int(np.argmin(found))
        return float(found[worst]), self._clearances.names[worst]

    def unsafe(self, command, state, last=None):
        """Return what ``command`` (JointCommand) that went out at ``state`` breaks, or ''.

        ``last``: the set-point (14,) that it follows, None: it may be a hold, which asks for no speed.
        """
        one = self._limits
        for what, values in (('positions', command.positions), ('efforts', command.efforts)):
            if not (isinstance(values, np.ndarray) and values.shape == (JOINT_COUNT,) and np.isfinite(values).all()):
                return f'{what} are not 14 finite numbers: {values!r}'
        for i, name in enumerate(JOINT_NAMES):
            q, at = float(command.positions[i]), float(state.positions[i])
            if not one.hard_lower[i] <= q <= one.hard_upper[i]:
                return f'{name} beyond its hard limits: {q}'
            if not abs(q - at) <= one.jump[i] + ROUNDING:
                return f'{name} is asked to jump from {at} to {q}'
            if not abs(float(command.efforts[i])) <= one.effort[i]:
                return f'{name} is asked for {command.efforts[i]} of feed-forward'
        return self._beyond(command, last)

    def _beyond(self, command, last):
        one = self._limits
        least, names = self.clearance(command.positions)
        if not least >= -TOLERANCE_M:
            return f'{names} are {-least} m beyond their limit'
        if last is None:
            return ''
        velocity = (command.positions - last) / TICK_S
        for i, name in enumerate(JOINT_NAMES):
            if not abs(velocity[i]) <= one.velocity[i] + ROUNDING:
                return f'{name} is asked for {velocity[i]} of velocity'
        tools = self._model.pose(command.positions).tools - self._model.pose(last).tools
        speed = float(np.linalg.norm(tools, axis=1).max()) / TICK_S
        return '' if speed <= one.station.tool_speed + ROUNDING else f'a tool is asked for {speed} m/s'

"""A station's space within one set of limits: what a request would make of it, and how far it is from each limit. Pure.

As with joints (`gate.allowance`), what is measured beyond a limit is no dead end: a request may stay there or come
back. That allowance only shrinks: it follows the arms back and never out again, but for a tolerance.
"""

from typing import NamedTuple

import numpy as np

from enpire_safety.gate.clearance import Clearances
from enpire_safety.gate.truth import first_false

TOLERANCE_M = 0.005
# How far a tool is taken back from what it pushes too hard, in a tick.
RETREAT_M = 0.002


class SpaceView(NamedTuple):
    """What rules about space look at: ``clearances`` of what is asked and the ``floors`` that they must reach, (k,) in
    metres; ``clear``: whether all do; and what tells their names, parts, limits and values (`Clearances`)."""

    clearances: np.ndarray
    floors: np.ndarray
    clear: bool
    about: Clearances


class Shown(NamedTuple):
    """The space for people to look at, metres, frame station.

    ``box_lower``, ``box_upper`` (2, 3) of the tools; ``starts``, ``ends`` (n, 3) and ``radii`` (n,) of all capsules,
    the first ``moving`` of them the arms'; of the pair nearest to its limit ``names``, ``points`` (2, 3) on the two
    lines, ``distance`` of the capsules and ``limit``.
    """

    box_lower: np.ndarray
    box_upper: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray
    moving: int
    names: tuple
    points: np.ndarray
    distance: float
    limit: float


class Space:
    """The space of ``model`` (StationModel) within the limits of ``about`` (Clearances), from a selection on."""

    def __init__(self, model, about):
        self._model, self._about = model, about
        self._felt = None  # (state, above, forces) of the newest state
        self._best = None  # the best clearance measured so far, at most 0; (k,) or None
        self._is_best_clear = False  # whether it is 0 everywhere

    def view(self, asked, last, measured):
        """Return the SpaceView of positions ``asked``; ``last``: the set-point in force or None; all (14,)."""
        clearances = self._about.of(self._model.pose(asked))
        if self._is_best_clear and first_false(clearances >= 0.0) is None:
            return SpaceView(clearances, self._best, True, self._about)
        here = self._about.of(self._model.pose(measured))
        inside = np.minimum(here, 0.0)
        self._best = inside if self._best is None else np.maximum(self._best, inside)
        self._is_best_clear = not self._best.any()
        low = here if last is None else np.minimum(here, self._about.of(self._model.pose(last)))
        # Written so that NaN is no allowance.
        floors = np.where(low >= self._best - TOLERANCE_M, low, self._best - TOLERANCE_M)
        floors = np.minimum(floors, 0.0)
        return SpaceView(clearances, floors, first_false(clearances >= floors) is None, self._about)

    def shifts(self, start, end):
        """Return (2, 3): how far each tool goes from positions ``start`` to ``end`` (14,), metres."""
        return self._model.pose(end).tools - self._model.pose(start).tools

    def feel(self, state):
        """Work out the forces of a ``state`` that came, before there is a request that has to wait for them."""
        above = self._about.limits.contact_force
        self._felt = state, above, self._model.tool_forces(state, above)

    def forces(self, state, above=0.0):
        """Return (2, 3), N, or None: see `StationModel.tool_forces`."""
        if self._felt is not None and self._felt[0] is state and self._felt[1] == above:
            return self._felt[2]
        return self._model.tool_forces(state, above)

    def stepped_back(self, state, limit):
        """Return positions (14,): each tool that pushes harder than ``limit`` [N] taken back by RETREAT_M."""
        forces = self.forces(state)
        sizes = np.linalg.norm(forces, axis=1, keepdims=True)
        shifts = np.where(sizes > limit, -RETREAT_M * forces / np.maximum(sizes, 1e-9), 0.0)
        return self._model.stepped_back(state.positions, shifts)

    def shown(self, positions):
        """Return the Shown of ``positions`` (14,)."""
        pose, about = self._model.pose(positions), self._about
        index, points = about.nearest(pose)
        clearance = float(about.of(pose, exact=True)[index])
        limits = about.limits
        starts, ends = about.lines(pose).copy()
        radii = np.concatenate([self._model.radii, [one.radius for one in limits.keep_out]])
        return Shown(limits.box_lower, limits.box_upper, starts, ends, radii, len(self._model.radii),
                     about.names[index], points, about.value_of(index, clearance), about.limit_of(index))

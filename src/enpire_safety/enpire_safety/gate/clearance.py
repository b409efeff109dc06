"""How far a station is from each limit of its space. Pure.

A clearance is a distance minus its limit [m]: 0 or more is what a limit asks for. All of a station's are one array;
`Clearances.parts` says which belong to which rule, `names` what each is about.
Distance of two straight lines: C. Ericson, Real-Time Collision Detection (2005), 5.1.9.
"""

import itertools

import numpy as np

from enpire_core.joints import ARMS
from enpire_safety.gate.truth import first_false

# Links that stand on the table, or turn on the spot above it.
_STANDING = ('base_link', 'link1')
# Links of one arm that could meet: what is behind the wrist, and the arm's foot. Those between meet nobody: their
# joints' ranges see to that. The camera is the widest part of a wrist.
_FOOT, _WRIST = ('base_link', 'link1', 'link2'), ('flange', 'tip_left', 'tip_right')
_CAMERA = 'wrist_camera_color_optical_frame'
_SELF = {**{link: _FOOT for link in _WRIST}, _CAMERA: (*_FOOT, 'link3'), 'link5': _FOOT[:1], 'link4': _FOOT[:1]}
AXES = ('x', 'y', 'z')
# Pairs that are as far apart as this by their middles alone are not measured.
_FAR_M = 0.1
_BOTH_WAYS = np.array([1.0, -1.0]).reshape(2, 1, 1)


class Clearances:
    """The clearances of a station within ``limits`` (StationLimits). ``model``: its StationModel."""

    def __init__(self, model, limits):
        self.limits = limits
        names, radii = list(model.capsule_names), list(model.radii)
        names += [one.name for one in limits.keep_out]
        radii += [one.radius for one in limits.keep_out]
        arms = [[i for i, name in enumerate(model.capsule_names) if name.startswith(f'{arm}_')] for arm in ARMS]
        fixed = range(len(model.capsule_names), len(names))
        self._moving = np.array([i for i, name in enumerate(model.capsule_names)
                                 if name.split('_', 1)[1] not in _STANDING])
        self._radii = np.array(radii)
        pairs = {'keep_out': list(itertools.product(fixed, map(int, self._moving))),
                 'arm_distance': [(i, j) for i, j in itertools.product(*arms)
                                  if not {names[i].split('_', 1)[1], names[j].split('_', 1)[1]} <= set(_STANDING)],
                 'self_distance': [(i, j) for arm in arms for i, j in itertools.permutations(arm, 2)
                                   if names[j].split('_', 1)[1] in _SELF.get(names[i].split('_', 1)[1], ())]}
        asked = {'keep_out': limits.keep_out_distance, 'arm_distance': limits.arm_distance,
                 'self_distance': limits.self_distance}
        every = [pair for rule in pairs for pair in pairs[rule]]
        self._first, self._second = np.array(every, dtype=int).reshape(-1, 2).T
        # All capsules of a pose: what stands still is in its place already.
        still = np.array([[getattr(one, end) for one in limits.keep_out] for end in ('start', 'end')]).reshape(2, -1, 3)
        self._lines = np.concatenate([np.zeros((2, len(model.capsule_names), 3)), still], axis=1)
        self._own = self._lines[:, :len(model.capsule_names)]
        self._asked = np.concatenate([np.full(len(pairs[rule]), asked[rule]) for rule in pairs])
        self._reach = self._radii[self._first] + self._radii[self._second] + self._asked
        self._lowest = self._radii[self._moving] + limits.table_z
        self._box = np.stack([limits.box_lower, -limits.box_upper])
        self._anchor = None  # (lines, clearances of pairs) of when they were last measured
        self._name(names, pairs)

    def _name(self, names, pairs):
        self.names = [(f'{arm}_tool', f'{end} {axis}') for end in ('least', 'largest') for arm in ARMS for axis in AXES]
        self.parts, at = {'workspace': slice(0, 12)}, 12 + len(self._moving)
        self.names += [(names[i], 'table') for i in self._moving]
        self.parts['table'] = slice(12, at)
        for rule, found in pairs.items():
            self.names += [(names[i], names[j]) for i, j in found]
            self.parts[rule] = slice(at, at + len(found))
            at += len(found)

    def of(self, pose, exact=False):
        """Return the clearances [m] at ``pose`` (`station_model.Pose`).

        Of pairs that are far apart it is a lower bound of 0 or more, unless ``exact``.
        """
        lines = self.lines(pose)
        box = _BOTH_WAYS * pose.tools - self._box
        table = np.minimum(lines[0, :, 2], lines[1, :, 2])[self._moving] - self._lowest
        pairs = self._measured(lines, slice(None)) if exact else self._pairs(lines)
        return np.concatenate([box.ravel(), table, pairs])

    def lines(self, pose):
        """Return (2, n, 3): starts and ends of all capsules at ``pose``; the next call changes them."""
        self._own[...] = pose.lines
        return self._lines

    def _pairs(self, lines):
        """Return the clearances of pairs, or bounds of 0 or more below them.

        No point of a line moves by more than the farther of its ends, and a distance changes by no more than both
        lines move: so what was measured a while ago is a bound until things have come near.
        """
        if self._anchor is not None:
            before, measured = self._anchor
            shifts = lines - before
            moved = np.sqrt(np.maximum(*np.vecdot(shifts, shifts)))
            bounds = measured - moved[self._first] - moved[self._second]
            if first_false(bounds >= 0.0) is None:
                return bounds
        starts, ends = lines
        middles, halves = 0.5 * (starts + ends), 0.5 * np.linalg.norm(ends - starts, axis=1)
        apart = np.linalg.norm(middles[self._first] - middles[self._second], axis=1)
        found = apart - halves[self._first] - halves[self._second] - self._reach
        # Written as what is near enough to look at: NaN is.
        near = np.flatnonzero(~(found >= _FAR_M))
        found[near] = self._measured(lines, near)
        self._anchor = lines.copy(), found
        return found

    def _measured(self, lines, which):
        (p1, q1), (p2, q2) = lines[:, self._first[which]], lines[:, self._second[which]]
        return line_distances(p1, q1, p2, q2) - self._reach[which]

    def nearest(self, pose):
        """Return (index, points (2, 3)) of the pair that is nearest to its limit: the clearance, on the two lines."""
        lines = self.lines(pose)
        pair = int(np.argmin(self._measured(lines, slice(None))))
        (p1, q1), (p2, q2) = (lines[:, [which[pair]]] for which in (self._first, self._second))
        return self.parts['table'].stop + pair, np.concatenate(nearest_points(p1, q1, p2, q2))

    def limit_of(self, index):
        """Return the limit [m] of clearance ``index``: a place of the box, a height, a distance."""
        if index < 12:
            bounds = self.limits.box_lower if index < 6 else self.limits.box_upper
            return float(bounds.flat[index % 6])
        if index < self.parts['table'].stop:
            return self.limits.table_z
        return float(self._asked[index - self.parts['table'].stop])

    def value_of(self, index, clearance):
        """Return what was measured against that limit [m], from the ``clearance`` of ``index``."""
        limit = self.limit_of(index)
        return limit - clearance if 6 <= index < 12 else limit + clearance


def nearest_points(p1, q1, p2, q2):
    """Return two arrays (n, 3): the nearest points on the straight lines p1 to q1 and p2 to q2, each (n, 3)."""
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, b = np.vecdot(d1, d1), np.vecdot(d2, d2), np.vecdot(d1, d2)
    c, f = np.vecdot(d1, r), np.vecdot(d2, r)
    across = a * e - b * b
    safe_a, safe_e = np.where(a > 0.0, a, 1.0), np.where(e > 0.0, e, 1.0)
    inner = np.clip(np.where(across > 0.0, (b * f - c * e) / np.where(across > 0.0, across, 1.0), 0.0), 0.0, 1.0)
    # Of lines that are nearly parallel the inner place is rounding; then one of the four ends is as near as any.
    s = np.stack([inner, np.zeros_like(a), np.ones_like(a), *(np.clip((b * t - c) / safe_a, 0.0, 1.0) for t in (0, 1))])
    t = np.concatenate([np.clip((b * s[:3] + f) / safe_e, 0.0, 1.0), np.zeros_like(s[:1]), np.ones_like(s[:1])])
    one, other = p1 + s[:, :, None] * d1, p2 + t[:, :, None] * d2
    best = np.argmin(np.linalg.norm(one - other, axis=2), axis=0), np.arange(len(a))
    return one[best], other[best]


def line_distances(p1, q1, p2, q2):
    """Return (n,): the distances of the straight lines p1 to q1 and p2 to q2, each (n, 3)."""
    one, other = nearest_points(p1, q1, p2, q2)
    return np.linalg.norm(one - other, axis=1)

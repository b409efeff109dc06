"""Rules over a request, and over the points of a trajectory whose time has not come. Pure."""

import collections
import dataclasses

from enpire_core.ticks import TICK_S


class RuleFault(Exception):
    """A rule raised an exception, which is this one's cause."""

    def __init__(self, rule):
        super().__init__(rule.name)
        self.rule = rule


def first_finding(rules, view):
    """Return (rule, its finding) of the first of ``rules`` that objects to the RequestView, or None. RuleFault."""
    for rule in rules:
        try:
            finding = rule.check(view)
        except Exception as error:
            raise RuleFault(rule) from error
        if finding is not None:
            return rule, finding
    return None


def ahead_finding(rules, view, later):
    """Return (rule, its finding) of the first of the JointCommands ``later`` that ``rules`` object to, or None.

    They follow the request of ``view``, a tick apart. What is measured when their time comes nobody knows: the rules
    are those that don't ask for it.
    """
    for number, point in enumerate(later, start=2):
        view = dataclasses.replace(view, request=point, last=view.request.positions, in_force=True,
                                   last_velocity=view.velocity, span_s=TICK_S)
        found = first_finding(rules, view)
        if found is not None:
            rule, finding = found
            text = f'point {number} of {len(later) + 1}: {finding.text}'
            return rule, dataclasses.replace(finding, text=text)
    return None


class Ahead:
    """The points of a trajectory that was let through, until their time comes."""

    def __init__(self):
        self._points = collections.deque()

    def put(self, points):
        """Take JointCommands, oldest first, in place of those that are left."""
        self._points = collections.deque(points)

    def clear(self):
        """Forget them."""
        self._points.clear()

    def due(self, stamp_ns):
        """Return the newest point whose time has come with the state of ``stamp_ns``, or None; older ones are gone."""
        point = None
        while self._points and self._points[0].stamp_ns <= stamp_ns:
            point = self._points.popleft()
        return point

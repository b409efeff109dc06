"""Errors that programs for the robot may see: resets, verifiers and policies alike."""


class MotionError(Exception):
    """A motion could not be made."""


class MotionRefused(MotionError):
    """The safety gate refused a request, and the arms hold.

    ``rule``, ``joint`` ('' if none), ``limit`` and ``value`` (NaN if none) in ``unit``.
    """

    def __init__(self, text, rule='', joint='', limit=float('nan'), value=float('nan'), unit=''):
        super().__init__(text)
        self.rule, self.joint, self.limit, self.value, self.unit = rule, joint, limit, value, unit


class Unreachable(MotionError):
    """No joint angles reach the pose within tolerance; the text says by how much they miss it."""


class TimeUp(Exception):
    """The episode has no time left."""

"""How far outside the soft limits a joint may still be asked to be. Pure.

Inside the soft limits these are the limits. A joint that is measured outside them (it sagged there, or
the limits were narrowed) may be asked to stay or to move inward, so a stop there is no dead end. That
allowance only shrinks: it follows the joint inward and never outward again, or jaws that are pried open
a little every tick would take a limit along. For the noise of a measurement there is a tolerance
(`measured_tolerance_*`): a joint may stay where it was asked to be before, or where it is measured, as
long as that is no further out than the innermost place measured so far by the tolerance.
"""

import numpy as np

from enpire_safety.gate.rule import measured_tolerance


class Allowance:
    """The range that may be asked for, from a selection of ``limits`` on."""

    def __init__(self, limits, settings):
        self._limits = limits
        self._tolerance = measured_tolerance(settings)
        # Innermost place measured outside the soft limits; the soft limit itself once it was inside.
        self._lower, self._upper = limits.hard_lower, limits.hard_upper

    def range(self, measured, asked=None):
        """Return (lower, upper), each (14,), where ``measured`` (14,) is the newest state; shrinks the allowance.

        ``asked``: the set-point (14,) in force, or None.
        """
        limits, tolerance = self._limits, self._tolerance
        self._lower = np.minimum(limits.soft_lower, np.maximum(self._lower, measured))
        self._upper = np.maximum(limits.soft_upper, np.minimum(self._upper, measured))
        low = measured if asked is None else np.minimum(measured, asked)
        high = measured if asked is None else np.maximum(measured, asked)
        lower = np.minimum(limits.soft_lower, np.maximum(low, self._lower - tolerance))
        upper = np.maximum(limits.soft_upper, np.minimum(high, self._upper + tolerance))
        return np.maximum(limits.hard_lower, lower), np.minimum(limits.hard_upper, upper)

"""What programs hand to the robot, as numbers: what is none is a ValueError that says what was expected."""

import math
import reprlib

import numpy as np

# Whole numbers and floats. Not bool, not complex, not texts, and nothing that numpy keeps as an object, such
# as integers beyond 64 bits.
_KINDS = 'iuf'
_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = 7
_SHORT.maxstring = _SHORT.maxother = 80


def shown(value):
    """Return a short text of ``value``, whatever it is; of a large one only a part is looked at."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # an integer of thousands of digits
        text = f'a huge {type(value).__name__}'
    return text if len(text) <= 120 else text[:117] + '...'


def number(value, name, low, high):
    """Return ``value`` as a float in [low, high], or raise ValueError."""
    try:
        found = math.nan if isinstance(value, (str, bytes, bool)) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not low <= found <= high:
        raise ValueError(f'{name}: expected a number from {low:g} to {high:g}, got {shown(value)}')
    return found


def numbers(values, count, name, expected=''):
    """Return ``values`` as an array (count,) of finite float64, a copy, or raise ValueError.

    ``expected``: words for the text, if "six numbers" does not say enough.
    """
    expected = expected or f'{count} numbers'
    try:
        found = np.asarray(values)
    except (TypeError, ValueError, OverflowError):  # ragged, or what refuses to become an array
        found = None
    if found is None or found.dtype.kind not in _KINDS and found.size:
        raise ValueError(f'{name}: expected {expected}, got {type(values).__name__} {shown(values)}')
    if found.shape != (count,):
        raise ValueError(f'{name}: expected {expected}, got an array of shape {found.shape}')
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        index = int(np.flatnonzero(~np.isfinite(found))[0])
        raise ValueError(f'{name}: expected finite numbers, got {found[index]} at index {index}')
    return found

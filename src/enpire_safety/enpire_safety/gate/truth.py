"""Which of many comparisons don't hold. Pure.

`all` and `argmin` take five times as long for few values, and every request asks a dozen times.
"""


def first_false(array):
    """Return the index of the first False in a one-dimensional ``array`` of bool, or None."""
    index = array.tobytes().find(0)
    return None if index < 0 else index


def all_true(array):
    """Return whether there is no False in an ``array`` of bool."""
    return 0 not in array.tobytes()

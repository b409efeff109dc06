"""Words for errors: the nearest known name, and texts of others cut to a length that can be repeated."""

import difflib

CUT = 60


def cut(text, length=CUT):
    """Return ``text``, or its first ``length`` characters and an ellipsis where it is longer.

    What came from outside is cut before it is said again: a name of megabytes would go to everybody.
    """
    text = str(text)
    return text if len(text) <= length else text[:length] + '…'


def nearest(name, known, cutoff=0.5):
    """Return "the nearest known one is 'x'" for an unknown ``name``, or 'known: a, b' where none is near.

    ``cutoff``: how alike two names must be, 0 to 1. ``name`` is compared as it would be cut.
    """
    known = [str(one) for one in known]
    close = difflib.get_close_matches(cut(name), known, n=1, cutoff=cutoff)
    return f'the nearest known one is {close[0]!r}' if close else f'known: {", ".join(known) or "none"}'

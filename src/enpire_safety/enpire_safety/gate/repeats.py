"""A request that comes again because its sender, in lockstep, heard no answer to it. Pure.

A gate or trial server that has just been started may not have found the other yet, so what gets no answer is sent
again, the same to the last bit. Where the answer was only slow, the gate has both: the second one asks for nothing
new, and is neither judged nor refused. Another request with the same stamp is another matter: `request_order`.
"""

import numpy as np

from enpire_core.types import JointChunk


class Repeats:
    """Remembers the request that was taken last."""

    def __init__(self):
        self._last = None

    def is_again(self, request):
        """Take ``request`` (JointCommand, JointChunk or Unreadable); return whether it is the last one, come again."""
        content = _content(request)
        is_again = content is not None and content == self._last
        self._last = content
        return is_again


def _content(request):
    """Return all that is in ``request``, in bytes, or None where it is none that could be read."""
    points = request.points if isinstance(request, JointChunk) else (request,)
    arrays = [getattr(point, name, None) for point in points for name in ('positions', 'efforts')]
    if not all(isinstance(one, np.ndarray) and one.dtype == np.float64 for one in arrays):
        return None
    return tuple(point.stamp_ns for point in points), tuple((one.shape, one.tobytes()) for one in arrays)

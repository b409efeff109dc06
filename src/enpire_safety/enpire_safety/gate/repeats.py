"""A request that comes again because its sender, in lockstep, heard no answer to it. Pure.

A gate or trial server that has just been started may not have found the other yet, so what gets no answer is sent
again, the same to the last bit. Where the answer was only slow, the gate has both: the second one asks for nothing
new, and is neither judged nor refused. Another request with the same stamp is another matter: `request_order`.
"""

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
    try:
        return [(point.stamp_ns, *_bytes(point.positions), *_bytes(point.efforts)) for point in points]
    except AttributeError:  # no arrays
        return None


def _bytes(array):
    return array.dtype, array.shape, array.tobytes()

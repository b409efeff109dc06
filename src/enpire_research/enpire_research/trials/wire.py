"""What goes through the pipe between a trial server and a policy's process.

A message is a msgpack map behind its length (4 bytes, little endian). Arrays of 14 are the raw bytes of
little-endian float64. Nothing that is read here is ever executed: no pickle.
"""

import reprlib
import struct

import msgpack
import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_core.types import CameraInfo, JointState

_LENGTH = struct.Struct('<I')
HEADER = _LENGTH.size
# A policy asks with a few hundred bytes and ends with a traceback; a server sends images, and once an artifact.
MAX_FROM_POLICY = 64 * 1024
MAX_TO_POLICY = 80 * 1024 * 1024
_FOURTEEN = 8 * JOINT_COUNT
_STATE = struct.Struct(f'<q{3 * JOINT_COUNT}d')


class WireError(ValueError):
    """What came through the pipe is no message; the text says what came."""


def encode(message):
    """Return ``message`` (a dict of plain values) as bytes with its length before it.

    Half a surrogate pair, which is no character, goes through as its escape: telling an error never fails.
    """
    body = msgpack.packb(message, use_bin_type=True, unicode_errors='backslashreplace')
    return _LENGTH.pack(len(body)) + body


def length_of(header, limit):
    """Return the length that the 4 bytes ``header`` announce; WireError where it is over ``limit``."""
    length = _LENGTH.unpack(header)[0]
    if not 1 <= length <= limit:
        raise WireError(f'expected a message of 1 to {limit} bytes, got one of {length}')
    return length


def decode(body):
    """Return the map in ``body``; WireError for anything else."""
    try:
        message = msgpack.unpackb(body, raw=False, strict_map_key=True, max_ext_len=0)
    except (ValueError, msgpack.UnpackException, msgpack.ExtraData) as error:
        raise WireError(f'expected a msgpack map, got bytes that are none ({type(error).__name__})') from error
    if not isinstance(message, dict):
        raise WireError(f'expected a msgpack map, got {type(message).__name__}')
    return message


def shown(value, limit=200):
    """Return ``value``, which may be anything that `decode` lets through, as a text of at most ``limit``.

    Texts stay as they are. `str` of a map a thousand levels deep would raise RecursionError.
    """
    text = value if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= limit else text[:limit] + ' ...'


class Inbox:
    """Collects bytes from a pipe into messages of at most ``limit`` bytes."""

    def __init__(self, limit):
        self._limit, self._buffer = limit, bytearray()

    def feed(self, data):
        """Take bytes as they came."""
        self._buffer += data

    def take(self):
        """Return the next message, or None where it is not whole yet; WireError for what is none."""
        if len(self._buffer) < HEADER:
            return None
        length = length_of(self._buffer[:HEADER], self._limit)
        if len(self._buffer) < HEADER + length:
            return None
        body = bytes(self._buffer[HEADER:HEADER + length])
        del self._buffer[:HEADER + length]
        return decode(body)


def pack_array(values):
    """Return an array of 14 as bytes."""
    return np.ascontiguousarray(values, dtype='<f8').tobytes()


def unpack_array(data, name):
    """Return the array (14,) in ``data``; WireError for anything else."""
    if not isinstance(data, bytes) or len(data) != _FOURTEEN:
        came = f'{len(data)} bytes' if isinstance(data, bytes) else type(data).__name__
        raise WireError(f'{name}: expected {JOINT_COUNT} numbers, got {came}')
    return np.frombuffer(data, dtype='<f8').copy()


def pack_state(state):
    """Return a JointState as bytes."""
    return _STATE.pack(state.stamp_ns, *state.positions, *state.velocities, *state.efforts)


def unpack_state(data):
    """Return the JointState in ``data``."""
    arrays = np.frombuffer(data, dtype='<f8', offset=8).reshape(3, JOINT_COUNT).copy()
    return JointState(struct.unpack_from('<q', data)[0], *arrays)


def pack_camera_info(info):
    """Return a CameraInfo as a map of plain values."""
    return {'camera': info.camera, 'width': info.width, 'height': info.height, 'parent': info.parent,
            'matrix': np.asarray(info.matrix).tolist(), 'pose': np.asarray(info.pose).tolist()}


def unpack_camera_info(values):
    """Return the CameraInfo in ``values``."""
    return CameraInfo(values['camera'], values['width'], values['height'],
                      np.array(values['matrix']), values['parent'], np.array(values['pose']))

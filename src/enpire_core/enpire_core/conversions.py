"""Between ROS messages and the plain types of `enpire_core.types`. Joints are matched by name.

Only the form of a message is checked here: names, lengths, encodings. Values (NaN, limits) are the
safety gate's matter and pass unchanged. A namespace prefixes topics, not joints.
"""

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMessage
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from enpire_core.joints import JOINT_COUNT, JOINT_NAMES
from enpire_core.ticks import NANOSECONDS, TICK_RATE_HZ, ticks_after
from enpire_core.types import JointChunk, JointCommand, JointState
from enpire_core.words import cut

_NAMES = list(JOINT_NAMES)
_TICK_NS = NANOSECONDS // TICK_RATE_HZ
_SLACK_NS = 1_000_000
# Two seconds: as far ahead as a policy can mean what it says.
MAX_POINTS = 60


class ConversionError(ValueError):
    """A message does not have the form that it must have; the text says what was expected and what came."""


def stamp_to_ns(stamp):
    """Return a builtin_interfaces/Time as whole nanoseconds."""
    return stamp.sec * NANOSECONDS + stamp.nanosec


def is_stamp(stamp):
    """Return whether a builtin_interfaces/Time is one that nobody can mistake: only such a one comes back as sent."""
    return stamp.sec >= 0 and 0 <= stamp.nanosec < NANOSECONDS


def _stamp_of(message):
    stamp = message.header.stamp
    if not is_stamp(stamp):
        raise ConversionError(f'stamp: expected 0 or more seconds and less than {NANOSECONDS} nanoseconds, got '
                              f'{stamp.sec} s and {stamp.nanosec} ns')
    return stamp_to_ns(stamp)


def ns_to_stamp(stamp_ns):
    """Return whole nanoseconds (0 or more) as a builtin_interfaces/Time."""
    sec, nanosec = divmod(stamp_ns, NANOSECONDS)
    return Time(sec=sec, nanosec=nanosec)


def joint_order(names):
    """Return the indices that put values given in the order of ``names`` into that of JOINT_NAMES.

    None where they are in that order already. ConversionError for unknown, missing or doubled names.
    """
    if names == _NAMES:
        return None
    names = list(names)
    unknown = [name for name in names if name not in _NAMES]
    if unknown:
        raise ConversionError(f'joint names: expected the {JOINT_COUNT} of a station ({_NAMES[0]} to {_NAMES[-1]}), '
                              f'got the unknown {cut(unknown[0])!r}')
    missing = [name for name in _NAMES if name not in names]
    if missing:
        raise ConversionError(f'joint names: expected all {JOINT_COUNT} of a station, {", ".join(missing)} missing')
    if len(names) != JOINT_COUNT:
        doubled = next(name for name in names if names.count(name) > 1)
        raise ConversionError(f'joint names: expected each once, got {doubled!r} {names.count(doubled)} times')
    return np.array([names.index(name) for name in _NAMES])


def _values(values, order, what):
    if len(values) != JOINT_COUNT:
        raise ConversionError(f'{what}: expected {JOINT_COUNT} values, got {len(values)}')
    found = np.array(values, dtype=np.float64)
    return found if order is None else found[order]


def joint_state_from_message(message):
    """Return a sensor_msgs/JointState as a JointState; ConversionError for a bad stamp or a missing part."""
    stamp_ns = _stamp_of(message)
    order = joint_order(message.name)
    return JointState(stamp_ns,
                      _values(message.position, order, 'position'),
                      _values(message.velocity, order, 'velocity'),
                      _values(message.effort, order, 'effort'))


def joint_state_to_message(state):
    """Return a JointState as a sensor_msgs/JointState with all three arrays; frame_id stays empty."""
    message = JointStateMessage()
    message.header.stamp = ns_to_stamp(state.stamp_ns)
    message.name = _NAMES.copy()
    message.position = _array(state.positions)
    message.velocity = _array(state.velocities)
    message.effort = _array(state.efforts)
    return message


def command_from_message(message):
    """Return a trajectory_msgs/JointTrajectory of one point as a JointCommand.

    Absent efforts are zeros. ConversionError for another number of points, for velocities or
    accelerations (a command has none: the driver makes them), for a time_from_start other than one
    tick (0 stands for it), for a bad stamp, and for a wrong form.
    """
    stamp_ns = _stamp_of(message)
    if len(message.points) != 1:
        raise ConversionError(f'points: expected 1, got {len(message.points)}: send one point a tick')
    return _point(message.points[0], 0, stamp_ns, joint_order(message.joint_names))


def request_from_message(message):
    """Return a trajectory_msgs/JointTrajectory as a JointCommand, or as a JointChunk where it has several points.

    Point i is for i + 1 ticks after the header's stamp, and its time_from_start must say so. ConversionError as of
    `command_from_message`, and for more than MAX_POINTS.
    """
    count = len(message.points)
    if count == 1:
        return command_from_message(message)
    if not 1 <= count <= MAX_POINTS:
        raise ConversionError(f'points: expected 1 to {MAX_POINTS}, got {count}')
    stamp_ns, order = _stamp_of(message), joint_order(message.joint_names)
    return JointChunk(tuple(_point(point, i, ticks_after(stamp_ns, i), order)
                            for i, point in enumerate(message.points)))


def _point(point, number, stamp_ns, order):
    if len(point.velocities) or len(point.accelerations):
        raise ConversionError(f'points[{number}]: expected positions and efforts only, got velocities or accelerations')
    ahead_ns, due_ns = point.time_from_start.sec * NANOSECONDS + point.time_from_start.nanosec, (number + 1) * _TICK_NS
    if not (ahead_ns == number == 0 or abs(ahead_ns - due_ns) <= _SLACK_NS):
        expected = f'{number + 1} ticks ({due_ns} ns)' if number else f'one tick ({due_ns} ns) or 0'
        raise ConversionError(f'points[{number}].time_from_start: expected {expected}, got {ahead_ns} ns')
    efforts = _values(point.effort, order, 'effort') if len(point.effort) else np.zeros(JOINT_COUNT)
    return JointCommand(stamp_ns, _values(point.positions, order, 'positions'), efforts)


def command_to_message(command):
    """Return a JointCommand as a trajectory_msgs/JointTrajectory of one point, one tick ahead."""
    return CommandMessage().of(command)


class CommandMessage:
    """One trajectory_msgs/JointTrajectory of one point, for who publishes one a tick: all but the numbers stays."""

    def __init__(self):
        self._point = JointTrajectoryPoint()
        self._point.time_from_start.nanosec = _TICK_NS
        self._message = JointTrajectory(joint_names=_NAMES.copy(), points=[self._point])

    def of(self, command):
        """Return the message with what is in ``command`` (JointCommand); the next call changes it."""
        self._message.header.stamp = ns_to_stamp(command.stamp_ns)
        self._point.positions = _array(command.positions)
        self._point.effort = _array(command.efforts)
        return self._message


def _array(values):
    # The generated setters take array.array as it is, and walk through anything else.
    return array('d', np.ascontiguousarray(values, dtype=np.float64).tobytes())


def color_to_image(frame, frame_id):
    """Return a Frame's colour as a sensor_msgs/Image (rgb8) in ``frame_id``."""
    height, width, _ = frame.color.shape
    return _image(frame, frame_id, frame.color, 'rgb8', height, width, 3 * width)


def depth_to_image(frame, frame_id):
    """Return a Frame's depth as a sensor_msgs/Image (16UC1, millimetres) in ``frame_id``."""
    if frame.depth is None:
        raise ConversionError(f'{frame.camera}: expected a frame with depth, got one without')
    height, width = frame.depth.shape
    return _image(frame, frame_id, frame.depth, '16UC1', height, width, 2 * width)


def _image(frame, frame_id, pixels, encoding, height, width, step):
    message = Image()
    message.header.stamp = ns_to_stamp(frame.stamp_ns)
    message.header.frame_id = frame_id
    message.height, message.width, message.step = height, width, step
    message.encoding = encoding
    message.is_bigendian = 0
    message.data = array('B', np.ascontiguousarray(pixels).tobytes())
    return message


def pixels_from_image(message):
    """Return a sensor_msgs/Image as (H, W, 3) uint8 RGB (rgb8) or (H, W) uint16 millimetres (16UC1)."""
    kinds = {'rgb8': (np.uint8, 3), '16UC1': (np.dtype('<u2'), 1)}
    if message.encoding not in kinds or message.is_bigendian:
        raise ConversionError(f'image: expected little-endian rgb8 or 16UC1, got {cut(message.encoding)!r}, '
                              f'is_bigendian {message.is_bigendian}')
    kind, channels = kinds[message.encoding]
    row = message.width * channels * np.dtype(kind).itemsize
    if message.step != row or len(message.data) != row * message.height:
        raise ConversionError(f'image: expected {message.height} rows of {row} bytes, got step {message.step} and '
                              f'{len(message.data)} bytes')
    pixels = np.frombuffer(message.data, dtype=kind).copy()
    shape = (message.height, message.width) + ((3,) if channels == 3 else ())
    return pixels.reshape(shape)

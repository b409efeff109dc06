"""Messages that only drivers make: camera info, diagnostics, the clock. No decisions."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from enpire_core.conversions import ns_to_stamp
from enpire_interfaces.msg import PowerState
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo

from enpire_drivers.arm.switches import Mode

_POWER = {Mode.ON: PowerState.POWER_ON, Mode.CUTTING: PowerState.POWER_CUTTING, Mode.CUT: PowerState.POWER_CUT,
          Mode.RESTORING: PowerState.POWER_RESTORING}


def power_message(power, stamp_ns):
    """Return the book of a unit's power, `arm.switches.Power`, as a PowerState."""
    message = PowerState(power=_POWER[power.mode], reason=power.reason, trouble=power.trouble)
    message.header.stamp = ns_to_stamp(stamp_ns)
    return message


def clock_message(stamp_ns):
    """Return a unit's clock as a rosgraph_msgs/Clock."""
    return Clock(clock=ns_to_stamp(stamp_ns))


def camera_info_message(info, stamp_ns, frame_id):
    """Return a CameraInfo of a pinhole camera without distortion as a sensor_msgs/CameraInfo."""
    message = CameraInfo()
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    message.width, message.height = info.width, info.height
    message.distortion_model = 'plumb_bob'
    message.d = [0.0] * 5
    matrix = [float(value) for value in info.matrix.ravel()]
    message.k = matrix
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [*matrix[0:3], 0.0, *matrix[3:6], 0.0, *matrix[6:9], 0.0]
    return message


def diagnostics_message(stamp, name, hardware_id, level, text, values):
    """Return one DiagnosticStatus in a DiagnosticArray; ``stamp`` is wall time, ``values`` a dict."""
    status = DiagnosticStatus(name=name, hardware_id=hardware_id, level=level, message=text)
    status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message

"""What the gate says, as messages."""

from enpire_core.conversions import ns_to_stamp
from enpire_interfaces.msg import SafetyEvent, SafetyState
from enpire_safety.gate import verdict as v

MODES = {v.UNKNOWN: SafetyState.MODE_UNKNOWN, v.PASSING: SafetyState.MODE_PASSING,
         v.HOLDING: SafetyState.MODE_HOLDING, v.LATCHED: SafetyState.MODE_LATCHED}
DECISIONS = {v.PASSED: SafetyState.DECISION_PASSED, v.REFUSED: SafetyState.DECISION_REFUSED,
             v.NONE: SafetyState.DECISION_NONE}
KINDS = {v.REFUSED: SafetyEvent.KIND_REFUSED, v.HOLD: SafetyEvent.KIND_HOLD, v.LATCHED: SafetyEvent.KIND_LATCH,
         v.CLEAR: SafetyEvent.KIND_CLEAR, v.PROFILE: SafetyEvent.KIND_PROFILE, v.NONE: SafetyEvent.KIND_UNKNOWN}


def status_to_message(status, now_ns):
    """Return a Status as a SafetyState stamped ``now_ns`` of the unit's clock."""
    message, about = SafetyState(), status.verdict
    message.header.stamp = ns_to_stamp(now_ns)
    message.mode, message.reason = MODES[status.mode], status.reason
    message.limits_profile, message.limits_hash = status.profile, status.limits_hash
    message.request_stamp = ns_to_stamp(about.request_stamp_ns)
    message.decision = DECISIONS[about.decision]
    message.rule, message.joint = about.rule, about.joint
    message.limit, message.value, message.quantity_unit = about.limit, about.value, about.unit
    message.error_code = about.code
    counts = status.counts
    message.passed, message.refused = counts.passed, counts.refused
    message.holds, message.latches = counts.holds, counts.latches
    return message


def event_to_message(event, now_ns):
    """Return an Event as a SafetyEvent stamped ``now_ns`` of the unit's clock."""
    message = SafetyEvent()
    message.header.stamp = ns_to_stamp(now_ns)
    message.kind = KINDS[event.kind]
    message.rule, message.joint = event.rule, event.joint
    message.limit, message.value, message.quantity_unit = event.limit, event.value, event.unit
    message.error_code, message.text, message.count = event.code, event.text, event.count
    return message

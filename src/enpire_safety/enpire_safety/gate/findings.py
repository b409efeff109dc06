"""What the core itself has against a request, a clock or a silence, in words. Pure."""

from enpire_core.ticks import NANOSECONDS
from enpire_safety.gate.rule import Finding

SUPERSEDED = Finding('expected one request at a time: a newer one replaces it')


def no_stamp(stamp_ns):
    """The stamp of a request is no whole number."""
    return Finding(f'stamp: expected whole nanoseconds, got {stamp_ns!r}')


def no_profile(limits):
    """None of several sets of ``limits`` was selected."""
    return Finding(f'no set of limits is selected: select one of {", ".join(limits)} first')


def state_missing(stamp_ns, limit_s):
    """The joint state that a request answers did not come."""
    return Finding(f'the joint state of {stamp_ns} ns that the request answers did not come within {limit_s:g} s',
                   limit=limit_s, unit='s')


def dropped(stamp_ns, because):
    """A request is decided no more."""
    return Finding(f'the request of {stamp_ns} ns still waited for its joint state when {because}: send a new one')


def clock_back(by_ns, what):
    """A clock, ``what``, jumped back."""
    back_s = by_ns / NANOSECONDS
    return Finding(f'{what} jumped back by {back_s:.6g} s', limit=0.0, value=back_s, unit='s')


def request_silence(silent_s, limit_s):
    """No request came while the clock ran on."""
    return Finding(f'no request for {silent_s:.6g} s: expected one within {limit_s:.6g} s', limit=limit_s,
                   value=silent_s, unit='s')


def driver_silence(silent_s, limit_s):
    """No joint state came."""
    return Finding(f'no joint state for {silent_s:.3g} s: expected one within {limit_s:.3g} s (is the arm driver '
                   'alive?)', limit=limit_s, value=silent_s, unit='s')

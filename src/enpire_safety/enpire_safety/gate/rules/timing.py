"""Time: order, age and pairing of requests and states, in the unit's clock."""

from enpire_core.ticks import NANOSECONDS
from enpire_safety.gate.rule import HOLDS, Finding, Rule


def _order(view):
    if view.decided_ns is None or view.request.stamp_ns > view.decided_ns:
        return None
    behind = (view.decided_ns - view.request.stamp_ns) / NANOSECONDS
    return Finding('stamp of the request: expected one after that of the last request decided, got one '
                   f'{behind:.6g} s before it (0: the same)', limit=0.0, value=-behind, unit='s')


def _request_age(view):
    age = (view.now_ns - view.request.stamp_ns) / NANOSECONDS
    limit = view.settings.request_age_max_s
    if 0.0 <= age <= limit:
        return None
    what = 'in the future' if age < 0 else 'too old'
    return Finding(f'age of the request: expected 0 .. {limit:.6g} s, got {age:.6g} s ({what})',
                   limit=limit if age > 0 else 0.0, value=age, unit='s')


def _pairing(view):
    if not view.settings.lockstep or view.request.stamp_ns == view.state.stamp_ns:
        return None
    behind = (view.state.stamp_ns - view.request.stamp_ns) / NANOSECONDS
    return Finding(f'the request answers a joint state that is {behind:.6g} s older than the newest; in lockstep it '
                   'must answer the newest', limit=0.0, value=behind, unit='s')


def _state_age(view):
    age = (view.now_ns - view.state.stamp_ns) / NANOSECONDS
    limit = view.settings.state_age_max_s
    if 0.0 <= age <= limit:
        return None
    return Finding(f'age of the joint state: expected 0 .. {limit:.6g} s, got {age:.6g} s', limit=limit, value=age,
                   unit='s')


def _rate(view):
    limit = view.settings.request_rate_max_hz
    if view.recent <= limit:
        return None
    return Finding(f'requests within a second: expected at most {limit:.6g}, got {view.recent}', limit=limit,
                   value=float(view.recent), unit='Hz')


def _limits_age(view):
    limit = view.settings.limits_age_max_s
    if view.limits_age_s is None or 0.0 <= view.limits_age_s <= limit:
        return None
    return Finding(f'age of the set of limits in force: expected at most {limit:.6g} s, got {view.limits_age_s:.6g} s: '
                   'select it again', limit=limit, value=view.limits_age_s, unit='s')


REQUEST_RATE = Rule('request_rate', 919, HOLDS, '`request_rate_max_hz`', 'Hz',
                    'requests of the last second, whatever became of them', _rate)
LIMITS_AGE = Rule('limits_age', 921, HOLDS, '`limits_age_max_s`', 's',
                  'where sets of limits are selected: since when this one is in force', _limits_age)
REQUEST_ORDER = Rule('request_order', 903, HOLDS, 'after the last one', 's',
                     'each request is newer than the one before: none is decided twice', _order)
REQUEST_AGE = Rule('request_age', 904, HOLDS, '0 to `request_age_max_s`', 's',
                   'not too old, and not stamped in the future', _request_age)
REQUEST_PAIRING = Rule('request_pairing', 905, HOLDS, 'newest state', 's',
                       'simulated stations: the request answers the newest joint state', _pairing)
STATE_AGE = Rule('state_age', 906, HOLDS, '0 to `state_age_max_s`', 's',
                 'the joint state that a request is checked against is fresh', _state_age)

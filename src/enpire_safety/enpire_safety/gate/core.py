"""The gate's decision: pure, no clock, no messages. One request in, one verdict out.

    core = GateCore(limits.load(robot_file, task_file), Settings())
    core.select('rollout')
    verdict = core.step(now_ns, request, state)

`step` with a request decides it at once, or keeps it (decision 'waiting') until the state that it
answers has arrived; `step` with a state alone may decide the one that is kept; `step` with neither is
the timer's entry and can only hold. A refused request is answered by a hold: stay at the measured
positions, no feed-forward. Latched, every request is refused until `clear`. An exception anywhere in
a rule refuses and latches: the gate fails closed. In lockstep the world stands still between requests:
there a latch sends its hold as the answer to the next request, so that no tick passes unasked.
Not covered: whole trajectories (one point a request), Cartesian limits, acceleration. A hold has no
feed-forward: a gripper that squeezes something lets go.
"""

import collections
import difflib
import math
import traceback

import numpy as np

from enpire_core.joints import JOINT_COUNT
from enpire_core.ticks import NANOSECONDS, TICK_RATE_HZ, TICK_S
from enpire_core.types import JointCommand
from enpire_safety.gate import rules as catalogue
from enpire_safety.gate.rule import LATCH, Finding, RequestView, Settings, StateView
from enpire_safety.gate.verdict import (CLEAR, HOLD, HOLDING, LATCHED, NONE, PASSED, PASSING, PROFILE, REFUSED,
                                        UNKNOWN, WAITING, Counts, Event, Status, Verdict)

_TICK_NS = NANOSECONDS // TICK_RATE_HZ
_EVENTS_KEPT = 200


class GateCore:
    """Decides requests against limits. Not thread-safe: one caller.

    ``limits``: {profile: Limits} of one robot. Where there are several profiles, nothing passes before
    `select`. ``latched``: a reason to start latched (the gate was restarted).
    """

    def __init__(self, limits, settings=Settings(), *, latched='',
                 request_rules=catalogue.REQUEST_RULES, state_rules=catalogue.STATE_RULES):
        _check_limits(limits)
        self._limits, self.settings = dict(limits), settings
        self._request_rules, self._state_rules = tuple(request_rules), tuple(state_rules)
        self._robot = next(iter(limits.values()))
        self._selected = self._robot if len(limits) == 1 else None
        self._hashes = {name: one.hash for name, one in limits.items()}
        self.counts = Counts()
        self._spoken = collections.Counter()
        self._events = collections.deque(maxlen=_EVENTS_KEPT)
        self._now_ns = None          # newest time seen
        self._state = None           # newest state, good or bad
        self._good = None            # positions (14,) of the newest state that can be held at
        self._state_finding = None   # (rule, finding) against the newest state
        self._last = None            # (stamp, positions) of the command in force, if any
        self._decided_ns = None      # stamp of the last request decided since the profile was selected
        self._pending = None
        self._latch = None           # (rule, finding)
        self._fresh_since_latch = False
        self._holding = ''
        self._verdict = Verdict(NONE)
        if latched:
            self._set_latch(catalogue.RESTARTED, Finding(latched))

    # ---- the decision ----------------------------------------------------------------------
    def step(self, now_ns, request=None, state=None):
        """Take what came (a request, a state, both or neither) and return a Verdict.

        ``request``: a JointCommand, or Unreadable for a message that could not be read. ``now_ns``: the
        unit's clock, whole nanoseconds; on a simulated unit the stamp of the newest joint state. The
        Verdict's command, if any, is for the driver, to be sent before anything else.
        """
        try:
            return self._step(now_ns, request, state)
        except Exception as error:
            return self._fail('the gate', error, request)

    def _step(self, now_ns, request, state):
        latches = self.counts.latches
        self._watch_clock(now_ns, state)
        if state is not None:
            self._take_state(state)
        silence = self._watch_silence(now_ns)
        if request is not None:
            if not isinstance(request.stamp_ns, int):
                return self._refuse(0, catalogue.BY_NAME['request_shape'], Finding(
                    f'stamp: expected whole nanoseconds, got {request.stamp_ns!r}'))
            if self._pending is not None:
                self._note(catalogue.SUPERSEDED, Finding('expected one request at a time: a newer one replaces it'))
                self.counts.refused += 1
            self._pending = request
        if self._pending is not None and (request is not None or state is not None):
            return self._decide_pending(now_ns)
        if self.counts.latches > latches:
            return self._latch_verdict()
        return silence

    def give_up_waiting(self):
        """Refuse the request that waits for its state, if one does: the state did not come in time."""
        if self._pending is None:
            return Verdict(NONE)
        stamp_ns, self._pending = self._pending.stamp_ns, None
        if self._latch is not None:
            return self._refuse(stamp_ns, *self._latch, note=False)
        limit = self.settings.state_age_max_s
        return self._refuse(stamp_ns, catalogue.STATE_MISSING, Finding(
            f'the joint state of {stamp_ns} ns that the request answers did not come within {limit} s', limit=limit,
            unit='s'))

    @property
    def waiting(self):
        """True while a request waits for the state that it answers."""
        return self._pending is not None

    def _decide_pending(self, now_ns):
        request = self._pending
        stamp_ns = request.stamp_ns
        newest_ns = None if self._state is None else self._state.stamp_ns
        reach_ns = int(self.settings.state_age_max_s * NANOSECONDS)
        if newest_ns is None or newest_ns < stamp_ns <= newest_ns + reach_ns:
            return Verdict(WAITING, request_stamp_ns=stamp_ns)
        self._pending = None
        if self._latch is not None:
            return self._refuse(stamp_ns, *self._latch, note=False)
        if self._selected is None:
            return self._refuse(stamp_ns, catalogue.LIMITS_PROFILE, Finding(
                f'no set of limits is selected: select one of {", ".join(self._limits)} first'))
        view = self._view(now_ns, request)
        for rule in self._request_rules:
            try:
                finding = rule.check(view)
            except Exception as error:
                return self._fail(f'rule {rule.name!r}', error, request)
            if finding is not None:
                if rule.reaction == LATCH:
                    self._set_latch(rule, finding)
                return self._refuse(stamp_ns, rule, finding)
        return self._pass(request)

    def _view(self, now_ns, request):
        if self._last is None:
            last, span_s = self._state.positions, TICK_S
        else:
            since_ns = self._state.stamp_ns - self._last[0]
            # Requests at a higher rate than the tick's must not add up to a higher speed.
            last, span_s = self._last[1], (TICK_S if since_ns >= _TICK_NS else max(since_ns, 1) / NANOSECONDS)
        return RequestView(now_ns, request, self._state, last, span_s, self._decided_ns, self._selected, self.settings)

    def _pass(self, request):
        self._last = (self._state.stamp_ns, request.positions.copy())
        self._decided_ns = request.stamp_ns
        self._holding = ''
        self.counts.passed += 1
        self._verdict = Verdict(PASSED, request, request_stamp_ns=request.stamp_ns)
        return self._verdict

    def _refuse(self, stamp_ns, rule, finding, note=True):
        self.counts.refused += 1
        if note:
            self._note(rule, finding)
        command = self._hold(finding.text)
        if command is not None:
            # The hold takes the place of whatever might still come for the state that it answers.
            self._decided_ns = command.stamp_ns
        self._verdict = _verdict(REFUSED, command, rule, finding, stamp_ns)
        return self._verdict

    def _hold(self, reason):
        """Return the command to stay where the joints are, or None where that was never measured."""
        self._last = None
        self._holding = reason
        if self._good is None:
            return None
        return JointCommand(self._state.stamp_ns, self._good.copy(), np.zeros(JOINT_COUNT))

    # ---- what it watches itself ------------------------------------------------------------
    def _watch_clock(self, now_ns, state):
        before = self._now_ns
        if state is not None and self._state is not None and state.stamp_ns < self._state.stamp_ns:
            self._clock_back(self._state.stamp_ns - state.stamp_ns, 'the stamp of the joint states')
        elif before is not None and now_ns < before:
            self._clock_back(before - now_ns, 'the clock')
        self._now_ns = now_ns

    def _clock_back(self, by_ns, what):
        back_s = by_ns / NANOSECONDS
        self._set_latch(catalogue.CLOCK_BACK, Finding(f'{what} jumped back by {back_s:.6g} s', limit=0.0, value=back_s,
                                                      unit='s'))

    def _take_state(self, state):
        seen = self._state
        self._fresh_since_latch = True
        if seen is not None and state.stamp_ns == seen.stamp_ns and self._state_finding is None:
            return  # sent again for late joiners
        self._state = state
        self._state_finding = self._judge_state(state)
        positions = state.positions
        if isinstance(positions, np.ndarray) and positions.shape == (JOINT_COUNT,) and np.isfinite(positions).all():
            self._good = positions.copy()
        if self._state_finding is not None:
            self._set_latch(*self._state_finding)

    def _judge_state(self, state):
        view = StateView(state, self._robot, self.settings)
        for rule in self._state_rules:
            try:
                finding = rule.check(view)
            except Exception as error:
                return catalogue.RULE_FAULT, self._fault_finding(f'rule {rule.name!r}', error)
            if finding is not None:
                return rule, finding
        return None

    def _watch_silence(self, now_ns):
        if self._last is None or self._state is None:
            return Verdict(NONE)
        silent_s = (max(now_ns, self._state.stamp_ns) - self._last[0]) / NANOSECONDS
        limit = self.settings.request_silence_max_s
        if 0.0 <= silent_s <= limit:
            return Verdict(NONE)
        finding = Finding(f'no request for {silent_s:.6g} s: expected one within {limit:.6g} s', limit=limit,
                          value=silent_s, unit='s')
        self.counts.holds += 1
        self._note(catalogue.REQUEST_SILENCE, finding, kind=HOLD)
        return _verdict(HOLD, self._hold(finding.text), catalogue.REQUEST_SILENCE, finding, 0)

    def driver_silent(self, seconds, limit_s):
        """Latch: no joint state came for ``seconds`` of wall time. Return the Verdict with the hold to send."""
        self._set_latch(catalogue.DRIVER_SILENCE, Finding(
            f'no joint state for {seconds:.3g} s: expected one within {limit_s:.3g} s (is the arm driver alive?)',
            limit=limit_s, value=seconds, unit='s'))
        return self._latch_verdict()

    def stand(self, reason):
        """Hold on the gate's own account (it is being deactivated). Return the Verdict with the hold to send."""
        command = None if self.settings.lockstep else self._hold(reason)
        self._last, self._pending, self._holding = None, None, reason
        return Verdict(HOLD, command, text=reason)

    # ---- latch, clear, profiles ------------------------------------------------------------
    def trip(self, reason):
        """Latch on an operator's word. Return the Verdict with the hold to send, if one can be made."""
        return self.latch(catalogue.OPERATOR, reason)

    def latch(self, rule, reason):
        """Latch for ``rule`` of the catalogue. Return the Verdict with the hold to send, if any."""
        self._set_latch(rule, Finding(reason))
        return self._latch_verdict()

    def _latch_verdict(self):
        command = None if self.settings.lockstep else self._hold(self._latch[1].text)
        return _verdict(HOLD, command, *self._latch, 0)

    def _set_latch(self, rule, finding):
        if self._latch is not None:
            if rule is catalogue.OPERATOR:
                self._note(rule, finding, kind=LATCHED)
            return  # the first cause is the one to look at
        self._latch = (rule, finding)
        self._fresh_since_latch = False
        self._last = None
        self.counts.latches += 1
        self._note(rule, finding, kind=LATCHED)

    def clear(self):
        """End the latch; return (True, text), or (False, why) while its cause persists."""
        if self._latch is None:
            return True, 'not latched: nothing to clear'
        if self._latch[0].name == 'driver_silence' and not self._fresh_since_latch:
            return False, 'not cleared: still no joint state since it latched: start the arm driver'
        if self._state_finding is not None:
            rule, finding = self._state_finding
            return False, f'not cleared: {rule.name} persists: {finding.text}: bring the joint back by hand'
        was = self._latch[0].name
        self._latch, self._pending, self._last, self._decided_ns = None, None, None, None
        self._holding = f'cleared after {was}; waiting for a request'
        self._events.append(Event(CLEAR, text=f'an operator cleared the latch ({was})'))
        return True, f'cleared ({was})'

    def select(self, profile):
        """Put the limits ``profile`` in force; return (True, hash), or (False, text) with the known ones.

        It begins a phase: the next request is measured from where the joints are, not from what the
        phase before had asked for. So a decision depends on nothing before the phase.
        """
        if profile not in self._limits:
            close = difflib.get_close_matches(profile, self._limits, n=1, cutoff=0.4)
            nearest = f'; the nearest is {close[0]!r}' if close else ''
            return False, f'unknown set of limits {profile!r}{nearest}; known: {", ".join(self._limits)}'
        self._selected = self._limits[profile]
        self._last, self._decided_ns, self._pending = None, None, None
        self._events.append(Event(PROFILE, text=f'limits {profile!r} are in force'))
        return True, self._hashes[profile]

    # ---- faults ----------------------------------------------------------------------------
    def _fault_finding(self, where, error):
        last = ''.join(traceback.format_exception_only(type(error), error)).strip()
        self._events.append(Event(NONE, text=f'exception in {where}', detail=traceback.format_exc()))
        return Finding(f'exception in {where}: {last}')

    def _fail(self, where, error, request):
        finding = self._fault_finding(where, error)
        self._set_latch(catalogue.RULE_FAULT, finding)
        waiting, self._pending = self._pending, None
        stamp_ns = getattr(request or waiting, 'stamp_ns', 0)
        if request is None and waiting is None:
            return self._latch_verdict()
        return self._refuse(stamp_ns if isinstance(stamp_ns, int) else 0, catalogue.RULE_FAULT, finding, note=False)

    def _note(self, rule, finding, kind=REFUSED):
        self._spoken[rule.name] += 1
        self._events.append(Event(kind, rule.name, finding.joint, finding.limit, finding.value, finding.unit, rule.code,
                                  finding.text, self._spoken[rule.name]))

    # ---- what others see -------------------------------------------------------------------
    @property
    def latched(self):
        """The reason of the latch, or ''."""
        return '' if self._latch is None else f'{self._latch[0].name}: {self._latch[1].text}'

    @property
    def profile(self):
        """Name of the limits in force, or ''."""
        return '' if self._selected is None else self._selected.profile

    def take_events(self):
        """Return the events since the last call, oldest first (at most the last 200)."""
        events = list(self._events)
        self._events.clear()
        return events

    def status(self):
        """Return the Status that SafetyState is made from."""
        about = self._verdict
        if self._latch is not None:
            mode, reason = LATCHED, self.latched
            about = _verdict(about.decision, None, *self._latch, about.request_stamp_ns)
        elif self._state is None:
            mode, reason = UNKNOWN, 'no joint state seen yet'
        elif self._last is not None:
            mode, reason = PASSING, ''
        else:
            mode, reason = HOLDING, self._holding or 'waiting for a request'
        return Status(mode, reason, self.profile, self._hashes.get(self.profile, ''), about, self.counts)


def _verdict(decision, command, rule, finding, stamp_ns):
    return Verdict(decision, command, rule.name, finding.joint, finding.limit, finding.value, finding.unit,
                   finding.text, stamp_ns)


def _check_limits(limits):
    if not limits:
        raise ValueError('expected at least one set of limits, got none')
    first = next(iter(limits.values()))
    for name, one in limits.items():
        if not (np.array_equal(one.hard_lower, first.hard_lower) and np.array_equal(one.hard_upper, first.hard_upper)
                and not math.isnan(one.hard_lower.sum())):
            raise ValueError(f'expected sets of limits of one robot, but {name!r} has other hard limits')

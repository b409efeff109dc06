"""The gate's decision: pure, no clock, no messages. One request in, one verdict out.

    core = GateCore(limits.load(robot_file, task_file), Settings())
    core.select('rollout')
    verdict = core.step(now_ns, request, state)

`step` with a request decides it at once, or keeps it (decision 'waiting') until the state that it
answers has arrived; `step` with a state alone may decide the one that is kept; `step` with neither is
the timer's entry and can only hold. A refused request is answered by a hold: stay at the positions of
the newest sound state, no feed-forward. Latched, every request is refused until `clear`. An exception
anywhere in a rule refuses and latches: the gate fails closed. In lockstep the world stands still between
requests: there a latch sends its hold as the answer to the next request, so that no tick passes unasked,
and a request for a tick that was answered or is over gets no command: the tick is another's.
A request of several points (JointChunk) is checked as a whole before its first point passes; each other one is
decided when the state of its tick has come, by all rules, and what comes after one that is refused is dropped.
A hold has no feed-forward: a gripper that squeezes something lets go.
"""

import traceback

import numpy as np

from enpire_core.ticks import NANOSECONDS, TICK_S
from enpire_core.types import JointChunk
from enpire_core.words import cut, nearest
from enpire_safety.gate import findings, plan
from enpire_safety.gate import rules as catalogue
from enpire_safety.gate.allowance import Allowance
from enpire_safety.gate.clearance import Clearances
from enpire_safety.gate.journal import Journal
from enpire_safety.gate.latch import Latch
from enpire_safety.gate.limits import check_one_robot
from enpire_safety.gate.phase import Phase
from enpire_safety.gate.rule import LATCHES, RETREATS, Finding, RequestView, Settings, StateView
from enpire_safety.gate.setpoint import SetPoint
from enpire_safety.gate.space import Space
from enpire_safety.gate.station_model import StationModel
from enpire_safety.gate.verdict import (CLEAR, HOLD, HOLDING, LATCHED, NONE, NOTHING, PASSED, PASSING, PROFILE,
                                        REFUSED, UNKNOWN, WAITING, Counts, Status, Verdict, verdict_of)

_FAULT_LENGTH = 300  # characters of an exception's text that are said again


class GateCore:
    """Decides requests against limits. Not thread-safe: one caller.

    ``limits``: {profile: Limits} of one robot. Where there are several profiles, nothing passes before
    `select`. ``latched``: causes to start latched with: [(rule of the catalogue, text)], first the main one.
    """

    def __init__(self, limits, settings=Settings(), *, latched=(),
                 request_rules=catalogue.REQUEST_RULES, state_rules=catalogue.STATE_RULES,
                 plan_rules=catalogue.PLAN_RULES):
        check_one_robot(limits)
        self._limits, self.settings = dict(limits), settings
        self._request_rules, self._state_rules = tuple(request_rules), tuple(state_rules)
        self._plan_rules = tuple(plan_rules)
        self._robot = next(iter(limits.values()))  # any of them: the hard limits are the same in all
        self._model = StationModel(self._robot.body)
        self._clearances = {name: Clearances(self._model, one.station) for name, one in limits.items()}
        self._phase, self._recent = None, 0
        self._hashes = {name: one.hash for name, one in limits.items()}
        self.counts = Counts()
        self._journal = Journal()
        self._setpoint = SetPoint(self._robot, settings.lockstep)
        self._now_ns = None          # newest time seen
        self._state = None           # newest state, good or bad
        self._before = None          # the one before it
        self._pending = None
        self._ahead = plan.Ahead()   # points of a trajectory whose time has not come
        self._latch = Latch()
        self._holding = ''
        self._verdict = NOTHING
        if len(limits) == 1:
            self._begin(self._robot)
        for rule, text in latched:
            self._set_latch(rule, Finding(text))

    # ---- the decision ----------------------------------------------------------------------
    def step(self, now_ns, request=None, state=None):
        """Take what came (a request, a state, both or neither) and return a Verdict.

        ``request``: a JointCommand or JointChunk, or Unreadable for a message that could not be read. ``now_ns``: the
        unit's clock, whole nanoseconds; on a simulated unit the stamp of the newest joint state. The
        Verdict's command, if any, is for the driver, to be sent before anything else. In lockstep a request that
        comes again gets the decision 'none': what was said about it holds (`repeats`).
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
                return self._refuse(0, catalogue.BY_NAME['request_shape'], findings.no_stamp(request.stamp_ns))
            if self.settings.lockstep and self._phase is not None and self._phase.repeats.is_again(request):
                request = None
        if request is not None:
            if self._pending is not None:
                self._journal.note(catalogue.SUPERSEDED, findings.SUPERSEDED, REFUSED)
                self.counts.refused += 1
            self._pending = request
            if self._phase is not None:
                self._recent = self._phase.count(now_ns, self.settings.request_rate_max_hz)
        if self._pending is not None and (request is not None or state is not None):
            return self._decide_pending(now_ns)
        if state is not None:
            point = self._ahead.due(state.stamp_ns)
            if point is not None:
                return self._decide(now_ns, point)
        if self.counts.latches > latches:
            return self._latch_verdict()
        return silence

    def give_up_waiting(self, limit_s):
        """Refuse the request that waits for its state, if one does: it did not come within ``limit_s``."""
        if self._pending is None:
            return NOTHING
        stamp_ns, self._pending = self._pending.stamp_ns, None
        if self._latch:
            return self._refuse(stamp_ns, *self._latch.first, note=False)
        return self._refuse(stamp_ns, catalogue.STATE_MISSING, findings.state_missing(stamp_ns, limit_s))

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
        self._ahead.clear()  # a newer request takes the place of what is left of an older one
        try:
            return self._decide(now_ns, request)
        except Exception as error:
            return self._fail('the gate', error, request)

    def _decide(self, now_ns, request):
        stamp_ns = request.stamp_ns
        if self._latch:
            return self._refuse(stamp_ns, *self._latch.first, note=False)
        if self._phase is None:
            return self._refuse(stamp_ns, catalogue.LIMITS_PROFILE, findings.no_profile(self._limits))
        if self._phase.chosen_ns is None and len(self._limits) > 1:
            self._phase.chosen_ns = now_ns
        first, later = (request.points[0], request.points[1:]) if isinstance(request, JointChunk) else (request, ())
        view = self._view(now_ns, first)
        try:
            found = plan.first_finding(self._request_rules, view) or plan.ahead_finding(self._plan_rules, view, later)
        except plan.RuleFault as fault:
            return self._fail(f'rule {fault.rule.name!r}', fault.__cause__, request)
        if found is not None:
            if found[0].reaction == LATCHES:
                self._set_latch(*found)
            return self._refuse(stamp_ns, *found)
        if later:
            self._ahead.put(later)
        return self._pass(view)

    def _view(self, now_ns, request):
        phase, asked = self._phase, self._setpoint.asked
        last, span_s = self._setpoint.origin(self._state)
        lower, upper = phase.allowance.range(self._state.positions, asked)
        # What was before the phase has no part in it.
        before = None if phase.decided_ns is None else self._before
        return RequestView(now_ns, request, self._state, before, last, asked is not None, self._setpoint.velocity,
                           span_s, phase.decided_ns, self._recent, phase.age_s(now_ns), lower, upper, phase.limits,
                           self.settings, phase.space)

    def _pass(self, view):
        request = view.request
        self._setpoint.passed(self._state.stamp_ns, request.positions, view.velocity)
        self._phase.decided_ns = request.stamp_ns
        self._holding = ''
        self.counts.passed += 1
        self._verdict = Verdict(PASSED, request, request_stamp_ns=request.stamp_ns)
        return self._verdict

    def _refuse(self, stamp_ns, rule, finding, note=True):
        self.counts.refused += 1
        self._ahead.clear()
        if note:
            self._journal.note(rule, finding, REFUSED)
        self._holding = finding.text
        command = None
        if not self._is_over(stamp_ns):
            command = self._hold(finding.text, self._retreat() if rule.reaction == RETREATS else None)
        if command is not None and self._phase is not None:
            # The hold takes the place of whatever might still come for the state that it answers.
            self._phase.decided_ns = command.stamp_ns
        self._verdict = verdict_of(REFUSED, command, rule, finding, stamp_ns)
        return self._verdict

    def _retreat(self):
        """Return positions (14,) a step back from what the tools push against, no faster than they may move."""
        at, limits = self._state.positions, self._phase.limits
        back = self._phase.space.stepped_back(self._state, limits.station.contact_force)
        return at + np.clip(back - at, -limits.velocity * TICK_S, limits.velocity * TICK_S)

    def _is_over(self, stamp_ns):
        """Whether, in lockstep, the tick of ``stamp_ns`` was answered already, or is past.

        A hold would then take the tick of the honest request: the one that the world waits for.
        """
        if not self.settings.lockstep or self._state is None:
            return False
        decided_ns = None if self._phase is None else self._phase.decided_ns
        return stamp_ns < self._state.stamp_ns or (decided_ns is not None and stamp_ns <= decided_ns)

    def _drop_pending(self, because):
        """Refuse the request that waits, without a command: its sender shall not wait for an answer."""
        self._ahead.clear()
        if self._pending is None:
            return
        stamp_ns, self._pending = self._pending.stamp_ns, None
        finding = findings.dropped(stamp_ns, because)
        self.counts.refused += 1
        self._journal.note(catalogue.DROPPED, finding, REFUSED)
        self._verdict = verdict_of(REFUSED, None, catalogue.DROPPED, finding, stamp_ns)

    def _hold(self, reason, at=None):
        self._holding = reason
        self._ahead.clear()
        return self._setpoint.hold(self._state, at)

    # ---- what it watches itself ------------------------------------------------------------
    def _watch_clock(self, now_ns, state):
        before = self._now_ns
        if state is not None and self._state is not None and state.stamp_ns < self._state.stamp_ns:
            self._set_latch(catalogue.CLOCK_BACK, findings.clock_back(
                self._state.stamp_ns - state.stamp_ns, 'the stamp of the joint states'))
        elif before is not None and now_ns < before:
            self._set_latch(catalogue.CLOCK_BACK, findings.clock_back(before - now_ns, 'the clock'))
        self._now_ns = now_ns

    def _take_state(self, state):
        if self._latch.against_state is None and _are_same(state, self._state):
            self._latch.judge(None)  # sent again for late joiners: sound as before
            return
        # The stamp alone proves nothing: other values under a known stamp are judged and taken. That alone is
        # no fault: a station that is put into a recorded state may come back to a stamp.
        is_newer = self._state is not None and state.stamp_ns > self._state.stamp_ns
        self._before, self._state = self._state if is_newer else None, state
        against = self._judge_state(state)
        self._latch.judge(against)
        if against is None:
            self._setpoint.measured(state.positions)
            if self._phase is not None:
                self._phase.space.feel(state)
        else:
            self._set_latch(*against)

    def bad_state(self, text):
        """Latch: a joint state came that can't be read. Return the Verdict with the hold to send, if any."""
        against = catalogue.BY_NAME['state_shape'], Finding(text)
        self._latch.judge(against)
        self._set_latch(*against)
        return self._latch_verdict()

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
        if not self._setpoint.in_force:
            return NOTHING
        silent_s = (max(now_ns, self._state.stamp_ns) - self._setpoint.stamp_ns) / NANOSECONDS
        limit = self.settings.request_silence_max_s
        if 0.0 <= silent_s <= limit:
            return NOTHING
        finding = findings.request_silence(silent_s, limit)
        self.counts.holds += 1
        self._journal.note(catalogue.REQUEST_SILENCE, finding, HOLD)
        return verdict_of(HOLD, self._hold(finding.text), catalogue.REQUEST_SILENCE, finding, 0)

    def driver_silent(self, seconds, limit_s):
        """Latch: no joint state came for ``seconds`` of wall time. Return the Verdict with the hold to send."""
        self._set_latch(catalogue.DRIVER_SILENCE, findings.driver_silence(seconds, limit_s))
        return self._latch_verdict()

    def power(self, off):
        """Take the driver's word about its motors' power: why it is ``off``, '' where it is on. Return the Verdict."""
        if not self._latch.power(off):
            return NOTHING
        self._set_latch(catalogue.POWER_CUT, Finding(off))
        return self._latch_verdict()

    def stand(self, reason):
        """Hold on the gate's own account (it is being deactivated). Return the Verdict with the hold to send."""
        self._drop_pending('the gate was deactivated')
        command = None if self.settings.lockstep else self._hold(reason)
        self._setpoint.let_go()
        self._holding = reason
        return Verdict(HOLD, command, text=reason)

    def resume(self):
        """Wait for requests again after `stand`."""
        self._holding = ''

    # ---- latch, clear, profiles ------------------------------------------------------------
    def trip(self, reason):
        """Latch on an operator's word. Return the Verdict with the hold to send, if one can be made."""
        return self.latch(catalogue.OPERATOR, reason)

    def latch(self, rule, reason):
        """Latch for ``rule`` of the catalogue. Return the Verdict with the hold to send, if any."""
        self._set_latch(rule, Finding(reason))
        return self._latch_verdict()

    def _latch_verdict(self):
        command = None if self.settings.lockstep else self._hold(self._latch.first[1].text)
        return verdict_of(HOLD, command, *self._latch.first, 0)

    def _set_latch(self, rule, finding):
        if not self._latch:
            self.counts.latches += 1
            self._setpoint.let_go()
            self._ahead.clear()
        if self._latch.add(rule, finding):
            self._journal.note(rule, finding, LATCHED)

    def clear(self):
        """End the latch; return (True, text with all causes), or (False, why) while one persists."""
        if not self._latch:
            return True, 'not latched: nothing to clear'
        done, text = self._latch.clear()
        if not done:
            return False, text
        self._drop_pending('the latch was cleared')
        if self._phase is not None:
            self._begin(self._phase.limits, self._phase.call_id)
        self._holding = f'cleared after {text}; waiting for a request'
        self._journal.say(CLEAR, f'an operator cleared the latch ({text})')
        return True, f'cleared ({text})'

    def select(self, profile, call_id=''):
        """Put the limits ``profile`` in force; return (True, hash), or (False, text) with the known ones.

        It begins a phase: the next request is measured from where the joints are, not from what the
        phase before had asked for. So a decision depends on nothing before the phase. A call that comes again,
        with the same ``call_id``, begins nothing: the phase that it began may be well under way.
        """
        if profile not in self._limits:
            return False, (f'unknown set of limits {cut(profile)!r}; {nearest(profile, self._limits, cutoff=0.4)}; '
                           f'select one of {", ".join(self._limits)}')
        if call_id and self._phase is not None and (profile, call_id) == (self.profile, self._phase.call_id):
            return True, self._hashes[profile]
        self._drop_pending(f'limits {profile!r} were selected')
        self._begin(self._limits[profile], call_id)
        self._journal.say(PROFILE, f'limits {profile!r} are in force')
        return True, self._hashes[profile]

    def _begin(self, limits, call_id=''):
        self._setpoint.let_go()
        self._recent, self._holding = 0, ''
        self._phase = Phase(limits, Allowance(limits, self.settings),
                            Space(self._model, self._clearances[limits.profile]), call_id)

    # ---- faults ----------------------------------------------------------------------------
    def _fault_finding(self, where, error):
        last = cut(''.join(traceback.format_exception_only(type(error), error)).strip(), _FAULT_LENGTH)
        self._journal.say(NONE, f'exception in {where}', traceback.format_exc())
        return Finding(f'exception in {where}: {last}')

    def _fail(self, where, error, request):
        finding = self._fault_finding(where, error)
        self._set_latch(catalogue.RULE_FAULT, finding)
        waiting, self._pending = self._pending, None
        stamp_ns = getattr(request or waiting, 'stamp_ns', 0)
        if request is None and waiting is None:
            return self._latch_verdict()
        return self._refuse(stamp_ns if isinstance(stamp_ns, int) else 0, catalogue.RULE_FAULT, finding, note=False)

    # ---- what others see -------------------------------------------------------------------
    @property
    def latched(self):
        """The reason of the latch, or ''."""
        return f'{self._latch.first[0].name}: {self._latch.first[1].text}' if self._latch else ''

    @property
    def causes(self):
        """All causes of the latch as [(rule, text)], oldest first."""
        return [(rule, finding.text) for rule, finding in self._latch.causes]

    @property
    def profile(self):
        """Name of the limits in force, or ''."""
        return '' if self._phase is None else self._phase.limits.profile

    def shown(self):
        """Return the `space.Shown` of the newest sound joint state, or None before there are one and limits."""
        if self._phase is None or self._setpoint.sound is None:
            return None
        return self._phase.space.shown(self._setpoint.sound)

    def take_events(self):
        """Return the events since the last call, oldest first (at most the last 200)."""
        return self._journal.take()

    def status(self):
        """Return the Status that SafetyState is made from."""
        about, counts = self._verdict, self.counts
        if self._latch:
            mode, reason = LATCHED, self.latched
            about = verdict_of(about.decision, None, *self._latch.first, about.request_stamp_ns)
        elif self._state is None:
            mode, reason = UNKNOWN, 'no joint state seen yet'
        elif self._setpoint.in_force and not self._holding:
            mode, reason = PASSING, ''
        else:
            mode, reason = HOLDING, self._holding or 'waiting for a request'
        return Status(mode, reason, self.profile, self._hashes.get(self.profile, ''), about, counts)


def _are_same(state, other):
    return (other is not None and state.stamp_ns == other.stamp_ns
            and np.array_equal(state.positions, other.positions)
            and np.array_equal(state.velocities, other.velocities) and np.array_equal(state.efforts, other.efforts))

"""Why nothing passes, and what must be so before it ends. Pure.

A latch keeps every cause, not only the first: whoever clears it clears them all, and has to be told.
It ends only on evidence: a joint state without a finding, judged after the last thing that went wrong, and motors that
have power as far as their driver says.
An operator's word alone asks for no new evidence: it says nothing about the arms.
Not covered: whether an exception (`rule_fault`) would come again.
"""

from enpire_safety.gate import rules as catalogue

_REMEDY = {'measured_position': 'bring the joint back by hand', 'rule_fault': 'see the log of the gate'}
_RESTORE = 'look at the station, then `enpire power --restore`'
_ALWAYS_NEW = (catalogue.OPERATOR.name, catalogue.DRIVER_SILENCE.name)


class Latch:
    """The causes since the gate latched, and the evidence about the newest joint state."""

    def __init__(self):
        self._causes = {}                # rule name -> (rule, finding), in the order in which they came
        self._against = None             # (rule, finding) against the newest joint state, unreadable ones too
        self._power_off = ''             # why the motors have no power; '' where they have, or nobody says
        self._unproven = 'the gate started'  # since when no sound joint state was judged; '' where one was

    def __bool__(self):
        return bool(self._causes)

    @property
    def first(self):
        """(rule, finding) of the first cause: the one to look at. Only while latched."""
        return next(iter(self._causes.values()))

    @property
    def causes(self):
        """All causes as [(rule, finding)], oldest first."""
        return list(self._causes.values())

    @property
    def against_state(self):
        """(rule, finding) against the newest joint state, or None."""
        return self._against

    def add(self, rule, finding):
        """Add a cause; return whether people should hear of it: a rule that is new, or an occurrence of its own."""
        heard = rule.name in _ALWAYS_NEW or rule.name not in self._causes
        self._causes.setdefault(rule.name, (rule, finding))
        if rule is not catalogue.OPERATOR:
            self._unproven = rule.name
        return heard

    def judge(self, against):
        """Note what is against the newest joint state: (rule, finding), or None for a sound one."""
        self._against = against
        if against is None:
            self._unproven = ''

    def power(self, off):
        """Note why the motors' power is ``off``, '' where it is on; return whether it has just gone."""
        gone = bool(off) and not self._power_off
        self._power_off = off
        return gone

    def clear(self):
        """End the latch; return (True, names of the causes), or (False, why) while a cause persists."""
        names = ', '.join(self._causes)
        if self._power_off:
            return False, f'not cleared ({names}): {catalogue.POWER_CUT.name} persists: {self._power_off}: {_RESTORE}'
        if self._against is not None:
            rule, finding = self._against
            remedy = _REMEDY.get(rule.name, 'mend the arm driver')
            return False, f'not cleared ({names}): {rule.name} persists: {finding.text}: {remedy}'
        if self._unproven:
            return False, (f'not cleared ({names}): no joint state since {self._unproven}: is the arm driver alive? '
                           'Try again when it is')
        self._causes.clear()
        return True, names

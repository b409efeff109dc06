"""How long a policy may take. Pure: samples of its processes in, a word when a budget is used up.

In lockstep the unit's clock stands still while a policy thinks, so the unit's time limits nothing.
What does: CPU time, which a busy machine doesn't use up for it; the time in which it neither ran nor
wanted to; and, far beyond both, wall time.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Seconds: CPU for starting up, an answer, all answers; silence in one answer, in all; wall."""

    start_cpu_s: float = 20.0
    answer_cpu_s: float = 1.0
    total_cpu_s: float = 60.0
    answer_silence_s: float = 3.0
    total_silence_s: float = 30.0
    answer_wall_s: float = 60.0


@dataclass(frozen=True)
class Sample:
    """What a policy's processes were seen to do. ``running``: one ran, waited for a CPU or for a disk."""

    wall_s: float
    cpu_s: float
    running: bool


CPU, SILENT = 'cpu', 'silent'


class Meter:
    """Compares samples with a Budget. An answer is a `begin` and any number of `look`s.

    Both return None, or (CPU or SILENT, text) where a budget is used up. What an answer used is known
    at the next `begin`; a sum over the rollout needs nothing in between.
    """

    def __init__(self, budget):
        self._budget = budget
        self._start_cpu = None
        self._total_silence = 0.0
        self._first = self._last = None
        self._silence = 0.0

    def started(self, cpu_s):
        """The policy is loaded, having used ``cpu_s`` so far: from here on answers are counted."""
        self._start_cpu = cpu_s
        self._first = None

    def begin(self, sample):
        """The policy is asked; its processes look like ``sample``."""
        used = 0.0 if self._first is None else sample.cpu_s - self._first.cpu_s
        self._first = self._last = sample
        self._silence = 0.0
        return self._cpu(sample.cpu_s, used)

    def look(self, sample):
        """The policy has not answered yet; its processes look like ``sample``."""
        passed = sample.wall_s - self._last.wall_s
        if not sample.running and not sample.cpu_s > self._last.cpu_s:
            self._silence += passed
            self._total_silence += passed
        self._last = sample
        return self._used_up(sample.cpu_s, sample.wall_s - self._first.wall_s)

    def _used_up(self, cpu, wall):
        budget = self._budget
        used = cpu - self._first.cpu_s
        verdict = self._cpu(cpu, used)
        if verdict:
            return verdict
        if not self._silence <= budget.answer_silence_s:
            return SILENT, (f'expected an answer within {budget.answer_silence_s:g} s, but the policy slept or '
                            f'waited for {self._silence:.1f} s without using the CPU: '
                            'it must answer each tick; use robot.wait(seconds) to let time pass')
        if not self._total_silence <= budget.total_silence_s:
            return SILENT, (f'the policy slept or waited for {self._total_silence:.1f} s in all (at most '
                            f'{budget.total_silence_s:g} s a rollout): use robot.wait(seconds) to let time pass')
        if not wall <= budget.answer_wall_s:
            return SILENT, (f'no answer within {budget.answer_wall_s:g} s of wall time '
                            f'({used:.1f} s of CPU time used)')
        return None

    def _cpu(self, cpu, used):
        budget = self._budget
        if self._start_cpu is None:
            if not cpu <= budget.start_cpu_s:
                return CPU, (f'the policy used {cpu:.1f} s of CPU time to start (imports and module level; at most '
                             f'{budget.start_cpu_s:g} s)')
            return None
        if not used <= budget.answer_cpu_s:
            return CPU, (f'the policy used {used:.1f} s of CPU time for one answer (at most '
                         f'{budget.answer_cpu_s:g} s a tick): make it cheaper')
        total = cpu - self._start_cpu
        if not total <= budget.total_cpu_s:
            return CPU, (f'the policy used {total:.1f} s of CPU time in this rollout (at most '
                         f'{budget.total_cpu_s:g} s): make it cheaper')
        return None

"""How long a policy may take. Pure: samples of its processes in, a word when a budget is used up.

In lockstep the unit's clock stands still while a policy thinks, so the unit's time limits nothing.
What does: CPU time, which a busy machine doesn't use up for it; the time in which it neither ran nor
wanted to; and, far beyond both, wall time.

| figure | why |
|---|---|
| 3 s of CPU an answer | for plans made now and then; three times what our reference policy's longest plan was \
seen to take on a busy machine (0.9 s), where the same work costs more CPU time: load shall not decide |
| 60 s of CPU in all | half of an episode of 120 s |
| 3 s of silence an answer | nobody who answers each tick has a reason to sleep; a slow disk may |
| 30 s of silence in all, in pieces that a look every 0.1 s sees | ten of them |
| 120 s asleep in all, however finely cut | a network on a GPU in each tick of 120 s; and so the wall time of a \
rollout has an end: CPU and sleep are bounded, and what remains is what a busy machine takes |
| 60 s of wall time an answer | a machine too busy to judge anything |

State D (in the kernel, not to be interrupted: a disk, but also the parent of a vfork) is taken for work as
long as the silence of an answer lasts, unless CPU time grows.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Seconds: CPU for starting up, an answer, all answers; silence in one answer, in all; asleep; wall."""

    start_cpu_s: float = 20.0
    answer_cpu_s: float = 3.0
    total_cpu_s: float = 60.0
    answer_silence_s: float = 3.0
    total_silence_s: float = 30.0
    total_sleep_s: float = 120.0
    answer_wall_s: float = 60.0


@dataclass(frozen=True)
class Sample:
    """What a policy's processes were seen to do.

    ``running``: one ran or waited for a CPU; ``blocked``: one waited in the kernel (state D). Sums so far:
    ``waited_s``, wall time in which an answer was due; ``delayed_s``, the part of wall time in which the
    policy wanted a CPU, or we did to hear it, and a busy machine had none.
    """

    wall_s: float
    cpu_s: float
    running: bool
    blocked: bool = False
    waited_s: float = 0.0
    delayed_s: float = 0.0


CPU, SILENT = 'cpu', 'silent'


class Meter:
    """Compares samples with a Budget. An answer is a `begin` and any number of `look`s.

    Both return None, or (CPU or SILENT, text) where a budget is used up. What an answer used is known
    at the next `begin`; a sum over the rollout needs nothing in between.
    """

    def __init__(self, budget):
        self._budget = budget
        self._start = None
        self._total_silence = 0.0
        self._first = self._last = None
        self._silence = self._stuck = 0.0

    def started(self, sample):
        """The policy is loaded; its processes look like ``sample``: from here on answers are counted."""
        self._start = sample
        self._first = None

    def begin(self, sample):
        """The policy is asked; its processes look like ``sample``."""
        used = 0.0 if self._first is None else sample.cpu_s - self._first.cpu_s
        self._first = self._last = sample
        self._silence = self._stuck = 0.0
        return self._cpu(sample.cpu_s, used) or self._sleep(sample)

    def look(self, sample):
        """The policy has not answered yet; its processes look like ``sample``."""
        passed = sample.wall_s - self._last.wall_s
        if sample.cpu_s > self._last.cpu_s:
            self._stuck = 0.0
        elif not sample.running:
            self._stuck += passed
            if not sample.blocked or self._stuck > self._budget.answer_silence_s:
                self._silence += passed
                self._total_silence += passed
        self._last = sample
        return self._used_up(sample)

    def _used_up(self, sample):
        budget, wall = self._budget, sample.wall_s - self._first.wall_s
        used = sample.cpu_s - self._first.cpu_s
        verdict = self._cpu(sample.cpu_s, used) or self._sleep(sample)
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

    def _sleep(self, sample):
        budget, start = self._budget, self._start
        if start is None:
            return None
        asleep = (sample.waited_s - start.waited_s - (sample.cpu_s - start.cpu_s)
                  - (sample.delayed_s - start.delayed_s))
        if asleep <= budget.total_sleep_s:
            return None
        return SILENT, (f'the policy slept or waited for {asleep:.1f} s of wall time in this rollout (at most '
                        f'{budget.total_sleep_s:g} s, short naps included): use robot.wait(seconds) to let time pass')

    def _cpu(self, cpu, used):
        budget = self._budget
        if self._start is None:
            if not cpu <= budget.start_cpu_s:
                return CPU, (f'the policy used {cpu:.1f} s of CPU time to start (imports and module level; at most '
                             f'{budget.start_cpu_s:g} s)')
            return None
        if not used <= budget.answer_cpu_s:
            return CPU, (f'the policy used {used:.1f} s of CPU time for one answer (at most '
                         f'{budget.answer_cpu_s:g} s): make it cheaper, or spread it over several ticks')
        total = cpu - self._start.cpu_s
        if not total <= budget.total_cpu_s:
            return CPU, (f'the policy used {total:.1f} s of CPU time in this rollout (at most '
                         f'{budget.total_cpu_s:g} s): make it cheaper')
        return None

"""What a researcher is: it hears what was tried and proposes ideas. Plain data, no ROS."""

from dataclasses import dataclass, field
from typing import Protocol


# Of a rollout (Rollout.action): the policy or its artifact can't be run, or it ended before its time.
CRASHED_CODES = frozenset((*range(203, 211), 219))


@dataclass(frozen=True)
class Idea:
    """One change of the policy that leads.

    ``hypothesis``: one line, why it should be better; ``source``: the whole text of the new policy file;
    ``changes``: {name: value} of what it sets (plain data, for the record); ``artifact``: SHA-256 (hex) of the ONNX
    file that it loads, in the campaign's artifacts; '' for none.
    """

    hypothesis: str
    source: str
    changes: dict = field(default_factory=dict)
    artifact: str = ''


@dataclass(frozen=True)
class Outcome:
    """What one trial came to. All numbers are finite.

    ``score``: the verdict's, 0.0 where there was none; ``reason``: one line, '' for a success; ``error_code``: of the
    rollout; ``measurements``: the verifier's, without those that it could not take.
    """

    success: bool
    score: float = 0.0
    reason: str = ''
    error_code: int = 0
    measurements: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Tried:
    """A candidate and what came of it on development resets: those of screening first, then of confirmations.

    ``candidate``: its number, 0 is the start policy; ``parent``: number of the candidate that it changed, None for
    the start policy; ``params``: all that differs from the start policy's, {name: value}; ``kept``: it is or was the
    champion, by a confirmation.
    """

    candidate: int
    parent: int | None
    params: dict
    source: str
    outcomes: tuple = ()
    kept: bool = False
    artifact: str = ''

    @property
    def successes(self):
        """How many of its trials succeeded."""
        return sum(outcome.success for outcome in self.outcomes)


class Researcher(Protocol):
    """Deterministic: the same calls in the same order bring the same ideas, whatever the time or the machine.

    A campaign that is started again asks anew from its beginning, with the same arguments.
    """

    name: str

    def propose(self, champion, tried, count, round):
        """Return a list of up to ``count`` Ideas that change ``champion`` (Tried).

        ``champion``: what leads so far, the champion or what screening put before it (``kept`` tells); ``tried``: list
        of all Tried so far by number, champion and start policy included; ``round``: from 1.
        """
        ...

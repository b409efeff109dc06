"""What one phase of one trial came to. Plain data, the same on the graph, on disk and in a replay.

`to_dict` and `from_dict` are exact inverses; NaN becomes null in JSON, as JSON has none. Fields are
those of TrialReport.msg, which explains them; the names of enumerations are written out.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field

UNKNOWN, SUCCEEDED, FAILED, VOID, CANCELED = 'unknown', 'succeeded', 'failed', 'void', 'canceled'
STATUSES = (UNKNOWN, SUCCEEDED, FAILED, VOID, CANCELED)
RESET, ROLLOUT = 'reset', 'rollout'
PHASES = ('unknown', RESET, ROLLOUT)
NAN = float('nan')


class ReportError(ValueError):
    """A file or mapping is no report; the text says what was expected and what came."""


@dataclass
class Attempt:
    """One try inside a rollout; see AttemptReport.msg."""

    attempt: int
    start_ns: int
    end_ns: int
    status: str = UNKNOWN
    score: float = NAN
    reason: str = ''


@dataclass
class Report:
    """One phase of one trial; see TrialReport.msg. Times of the unit's clock are in ns.

    ``started_at_ns`` and ``wall_duration_s`` are wall clock, and the only fields that differ from one
    run of the same trial to the next.
    """

    unit: str
    task: str
    trial_id: str
    phase: str
    seed: int
    simulated: bool
    status: str = UNKNOWN
    error_code: int = 0
    error_msg: str = ''
    policy_file: str = ''
    policy_hash: str = ''
    policy_commit: str = ''
    artifact_hash: str = ''
    manifest_hash: str = ''
    start_ns: int = 0
    end_ns: int = 0
    started_at_ns: int = 0
    wall_duration_s: float = 0.0
    ticks: int = 0
    refusals: int = 0
    tries: int = 0
    put_back: bool = False
    attempts: list = field(default_factory=list)
    score: float = NAN
    measurements: dict = field(default_factory=dict)
    state_record: str = ''
    state_digest_before: str = ''
    state_digest_after: str = ''
    trajectory_digest: str = ''
    frames_digest: str = ''
    # What else the goal asked for, so that the file alone tells a replay what to do; not in the message.
    goal: dict = field(default_factory=dict)

    def to_dict(self):
        """Return it as plain values for JSON; NaN becomes None."""
        values = dataclasses.asdict(self)
        values['score'] = _none(self.score)
        values['measurements'] = {name: _none(value) for name, value in self.measurements.items()}
        for attempt in values['attempts']:
            attempt['score'] = _none(attempt['score'])
        return values

    @classmethod
    def from_dict(cls, values):
        """Return the Report of ``values``; ReportError for unknown, missing or impossible ones."""
        try:
            values = dict(values)
            values['score'] = _nan(values['score'])
            values['measurements'] = {name: _nan(v) for name, v in values['measurements'].items()}
            values['attempts'] = [Attempt(**{**attempt, 'score': _nan(attempt['score'])})
                                  for attempt in values['attempts']]
            report = cls(**values)
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ReportError(f'expected the fields of a trial report, got others: {error}') from error
        if report.status not in STATUSES or report.phase not in PHASES:
            raise ReportError(f'expected a status of {", ".join(STATUSES)} and a phase of {", ".join(PHASES)}, '
                              f'got {report.status!r} and {report.phase!r}')
        return report


def read(path):
    """Return the Report in the JSON file ``path``; ReportError names the file where it is none."""
    try:
        with open(path, encoding='utf-8') as handle:
            return Report.from_dict(json.load(handle))
    except (OSError, ValueError) as error:
        raise ReportError(f'{path}: {error}') from error


def _none(value):
    return None if math.isnan(value) else value


def _nan(value):
    return NAN if value is None else float(value)

"""Figures of a list of durations. Pure."""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Of ``count`` durations, in the unit they came in."""

    count: int
    mean: float
    median: float
    p90: float
    p99: float

    def to_dict(self):
        """Return plain values for JSON."""
        return asdict(self)


def summarise(values):
    """Return the Summary of ``values``; ValueError for none, or for one that is not finite or negative."""
    found = np.asarray(list(values), dtype=np.float64)
    if found.size == 0:
        raise ValueError('expected at least one duration, got none')
    if not (np.isfinite(found) & (found >= 0.0)).all():
        raise ValueError('expected finite durations of 0 or more, got others')
    median, p90, p99 = np.percentile(found, (50, 90, 99))
    return Summary(int(found.size), float(found.mean()), float(median), float(p90), float(p99))


def middle(values):
    """Return the median of figures of several rounds."""
    return summarise(values).median


def matched(sent, received, warm_up):
    """Return the durations of what has a time in both, by key order, without the first ``warm_up``.

    ``sent``, ``received``: {key: time}. A key that was never received is left out.
    """
    both = sorted(set(sent) & set(received))
    return [received[key] - sent[key] for key in both[warm_up:]]

"""The few lines at the end of a lab. Pure."""

import dataclasses
import math

from enpire_bringup.reports import Tally, rate


@dataclasses.dataclass(frozen=True)
class Times:
    """Wall clock [s]: when the command began, and when it ended."""

    began_s: float
    ended_s: float


def text(lab, reports, times, folder, runner=None, problems=()):
    """Return the summary of a lab as text.

    ``reports``: all `Report`s of the run. ``times``: `Times`. ``folder``: the run folder. ``runner``:
    what the trial runner wrote into summary.json, {} or None where there is none. It alone knows of
    trials that died with their trial server, and of stations that were out. ``problems``: of `Outboxes`.
    """
    stations = (runner or {}).get('stations', {})
    tally = Tally()
    for report in reports:
        tally.add(report)
    # In a run that is gone on with there are older ones.
    starts = [report.started_at_ns * 1e-9 for report in reports]
    first = min((start for start in starts if start >= times.began_s), default=math.nan)
    lines = [
        f'{_backend(lab)}: {lab.name}, task {lab.task}, {len(lab.units)} '
        f'station{"s" if len(lab.units) > 1 else ""}',
        f'trials           {_of(tally.trials, lab.wanted)}',
        # In a campaign they are those of many policies: its report has the rates.
        *([] if lab.campaign else [f'successes        {rate(tally.successes, tally.trials)}']),
        f'void             {_voids(tally, stations)}',
        f'resets           {_resets(tally)}',
        f'wall time        {_duration(times.ended_s - times.began_s)}; '
        + (
            f'first trial after {_duration(first - times.began_s)}'
            if math.isfinite(first)
            else 'no trial began'
        ),
        f'run folder       {folder}',
    ]
    out = [f'out              {unit}: {row["out"]}' for unit, row in stations.items() if row['out']]
    out += [f'not counted      {problem}' for problem in problems]
    lines[-1:-1] = out
    return '\n'.join(lines)


def _backend(lab):
    return 'SIMULATED' if lab.backend == 'sim' else lab.backend.upper()


def _voids(tally, stations):
    """Return the voids in words: those with a report, and those that died with their trial server."""
    count = max(tally.voids, sum(row['voids'] for row in stations.values()))
    parts = [f'{count} (faults of the lab; not in the rate)']
    given_up = sum(row['given_up'] for row in stations.values())
    if given_up:
        parts.append(f'trials given up after repeated voids {given_up}')
    if tally.canceled:
        parts.append(f'canceled {tally.canceled}')
    return ', '.join(parts)


def _of(done, wanted):
    return f'{done} of {wanted}' if wanted else f'{done}'


def _resets(tally):
    if not tally.resets:
        return 'none'
    tries = ', '.join(f'{n} at try {k}' for k, n in sorted(tally.reset_tries.items()))
    parts = [f'{tally.resets}', tries or 'none succeeded']
    if tally.resets_failed:
        parts.append(f'{tally.resets_failed} failed')
    if tally.put_back:
        parts.append(f'in {tally.put_back} a lost object was put back by hand')
    return f'{parts[0]} ({", ".join(parts[1:])})'


def _duration(seconds):
    if seconds < 120:
        return f'{seconds:.1f} s'
    minutes, rest = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes} min' if hours else f'{minutes} min {rest} s'

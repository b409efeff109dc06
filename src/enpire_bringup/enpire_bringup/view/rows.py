"""Rows of the table from messages; reads their fields, imports no message."""

from enpire_bringup.view import table


def progress_of(message, news=''):
    """Return the `Progress` of a LabStatus message, None where it is of no campaign."""
    if not message.stage:
        return None
    return table.Progress(message.stage, message.trials_done, message.candidates, message.champion,
                          message.champion_trials, message.champion_successes, message.eta_s, news)


def row_of(station):
    """Return the table's `Row` of a StationStatus message."""
    known = station.phase < len(table.PHASES)
    return table.Row(
        station.unit, table.PHASES[station.phase if known else 0], station.trial_id,
        station.trials, station.successes, station.voids, station.real_time_factor, station.reason)

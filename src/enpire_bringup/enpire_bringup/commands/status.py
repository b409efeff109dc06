"""`enpire status`: one table of a running lab."""

import math

import typer


def register(app):
    """Add the subcommand."""
    app.command('status', epilog='Example:\n\n    enpire status')(status)


def status():
    """Show what a running lab does.

    Exit code 0; 1 where no lab runs; 3 where a station is stopped, or its gate silent or unable to tell.
    """
    from rich.console import Console

    from enpire_bringup import graph
    from enpire_bringup.view import table

    try:
        with graph.connect() as lab:
            units = lab.units()
            message = lab.lab_status()
            states = {unit: lab.safety_state(unit) for unit in units}
    except graph.NoLab as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    console = Console()
    if message is not None:
        console.print(table.render(_view(message)))
    console.print(_gates(states))
    raise typer.Exit(3 if any(_stopped(state) for state in states.values()) else 0)


def _view(message):
    import os

    from enpire_bringup.view import table
    from enpire_bringup.view.rows import row_of

    return table.View(
        message.lab, message.task, os.path.basename(message.policy), message.simulated,
        message.trials_wanted, math.nan, tuple(row_of(station) for station in message.stations))


def _stopped(state):
    """Return whether nothing passes there, as far as anybody knows: UNKNOWN is never fine."""
    return state is None or state.mode not in (state.MODE_PASSING, state.MODE_HOLDING)


def _gates(states):
    """Return the table of the safety gates. A gate that says nothing is shown as silent."""
    from rich.table import Table

    found = Table('station', 'gate', 'limits', 'passed', 'refused', 'why', pad_edge=False)
    for unit, state in states.items():
        if state is None:
            found.add_row(unit, 'SILENT', '', '', '', 'its safety gate says nothing')
            continue
        mode = {state.MODE_PASSING: 'passing', state.MODE_HOLDING: 'holding',
                state.MODE_LATCHED: 'STOPPED'}.get(state.mode, 'UNKNOWN')
        found.add_row(unit, mode, state.limits_profile, str(state.passed), str(state.refused),
                      state.reason)
    return found

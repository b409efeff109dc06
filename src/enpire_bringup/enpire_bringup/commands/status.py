"""`enpire status`: one table of a running lab."""

import math
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire status
    enpire status --svg table.svg                as a picture, too
"""
WIDTH = 132


def register(app):
    """Add the subcommand."""
    app.command('status', epilog=EXAMPLES)(status)


def status(svg: typing.Optional[str] = typer.Option(None, help='Write the table as a picture, too.')):
    """Show what a running lab does: its stations, and how far its campaign is.

    Exit code 0; 1 where no lab runs, or the picture can't be written; 3 where a station is stopped, or its gate
    silent or unable to tell.
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
    console, drawn = Console(), True
    if message is not None:
        shown = table.render(_view(message))
        console.print(shown)
        if svg:
            drawn = _picture(shown, svg)
    else:
        typer.echo('No trials are handed out now: expected the status of a trial runner or research node, got none (a '
                   'lab of --trials 0 has neither; one that died is started again)'
                   + (f'; {svg} was not written' if svg else ''))
    console.print(_gates(states))
    raise typer.Exit(3 if any(_stopped(state) for state in states.values()) else 0 if drawn else 1)


def _picture(shown, path):
    """Write what rich prints of ``shown`` as an SVG file; return whether it could be written."""
    import io

    from rich.console import Console

    paper = Console(record=True, width=WIDTH, file=io.StringIO())
    paper.print(shown)
    try:
        paper.save_svg(path, title='enpire lab')
    except OSError as error:
        typer.echo(f'--svg: expected a file that can be written at {path}, got: {error.strerror}', err=True)
        return False
    return True


def _view(message):
    import os

    from enpire_bringup.view import table
    from enpire_bringup.view.rows import progress_of, row_of

    return table.View(
        message.lab, message.task, os.path.basename(message.policy), message.simulated,
        message.trials_wanted, math.nan, tuple(row_of(station) for station in message.stations),
        campaign=progress_of(message))


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

"""`enpire clear`: lets stopped arms move again."""

import typing

import typer

EXAMPLES = """Examples:

\b
    enpire clear                 asks for each stopped station
    enpire clear --unit unit0
    enpire clear --yes           asks nothing
"""


def register(app):
    """Add the subcommand."""
    app.command('clear', epilog=EXAMPLES)(clear)


def clear(
    unit: typing.Optional[typing.List[str]] = typer.Option(
        None, help='Station; may be given several times. Default: every stopped one.'),
    yes: bool = typer.Option(False, '--yes', help='Clear without asking.'),
):
    """Clear the safety gates that are stopped, after showing why each one is.

    Exit code 0 where all that were asked for are cleared (or none is stopped), else 1.
    """
    from enpire_bringup import graph

    try:
        with graph.connect() as lab:
            good = all([_clear_one(lab, name, yes) for name in lab.chosen(unit)])
    except (graph.NoLab, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1)


def _clear_one(lab, unit, yes):
    """Clear one station; return whether it is in no stop now."""
    state = lab.safety_state(unit)
    if state is None:
        typer.echo(f'{unit}: its safety gate says nothing; not cleared', err=True)
        return False
    if state.mode == state.MODE_UNKNOWN:
        # Never "fine": nothing passes. But there is no latch that could be cleared either.
        typer.echo(f'{unit}: its safety gate cannot tell: {state.reason or "no reason given"}; expected joint '
                   'states: is its arm driver running?', err=True)
        return False
    if state.mode != state.MODE_LATCHED:
        typer.echo(f'{unit}: is not stopped')
        return True
    cause = state.reason or state.rule or 'no reason given'
    if not yes and not typer.confirm(f'{unit} is stopped: {cause}. Clear it?'):
        typer.echo(f'{unit}: stays stopped')
        return False
    success, message = lab.trigger(f'/{unit}/safety_gate/clear')
    typer.echo(f'{unit}: {"cleared" if success else "NOT CLEARED"}'
               f'{": " + message if message else ""}')
    return success

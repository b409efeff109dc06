"""`enpire power`: which stations' motors have power; gives it back after a cut."""

import typing

import typer

EXAMPLES = """Examples:

\b
    enpire power                                 who has power, and why not
    enpire power --restore                       asks for each station whose power was cut
    enpire power --restore --unit unit0 --yes    asks nothing
    enpire stop --cut-power --unit unit0         cuts it
"""


def register(app):
    """Add the subcommand."""
    app.command('power', epilog=EXAMPLES)(power)


def power(
    unit: typing.Optional[typing.List[str]] = typer.Option(
        None, help='Station; may be given several times. Default: every one.'),
    restore: bool = typer.Option(False, '--restore', help='Give the motors their power back, after asking.'),
    yes: bool = typer.Option(False, '--yes', help='Restore without asking.'),
):
    """Show whether the motors have power, and why not; with --restore, let them hold the arms again where they are.

    Lift the arms by hand before, to where they can work from (simulated ones are). The driver refuses while they move.
    What stopped the station stays: `enpire clear` lets it work again. Exit code 0 where all motors that were asked
    about have power; 1 where no lab runs or one was not restored; 3 where, without --restore, one has none.
    """
    from enpire_bringup import graph

    try:
        with graph.connect() as lab:
            good = all([_restore_one(lab, name, yes) if restore else _show_one(lab, name) for name in lab.chosen(unit)])
    except (graph.NoLab, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1 if restore else 3)


def _show_one(lab, unit):
    """Print one station's power; return whether it is on."""
    state = lab.power(unit)
    typer.echo(f'{unit}: {_words(state)}')
    return state is not None and state.power == state.POWER_ON


def _words(state):
    if state is None:
        return 'UNKNOWN: its arm driver says nothing'
    words = {state.POWER_ON: 'on', state.POWER_CUT: 'CUT', state.POWER_CUTTING: 'CUT ASKED, NOT CONFIRMED: stay away',
             state.POWER_RESTORING: 'BEING RESTORED: stay away'}
    return ': '.join(filter(None, [words.get(state.power, 'UNKNOWN'), state.reason, state.trouble]))


def _restore_one(lab, unit, yes):
    """Restore one station's power; return whether it is on now."""
    state = lab.power(unit)
    if state is not None and state.power == state.POWER_ON:
        typer.echo(f'{unit}: has power')
        return True
    if state is None or state.power != state.POWER_CUT:
        typer.echo(f'{unit}: NOT RESTORED: expected power that is cut, got: {_words(state)}', err=True)
        return False
    if not yes and not typer.confirm(f'{unit}: power is cut: {state.reason}. Its motors will hold the arms where they '
                                     'are. Were they lifted to where they can work from, and is everybody away?'):
        typer.echo(f'{unit}: stays without power')
        return False
    from enpire_bringup import graph

    success, message = lab.trigger(f'/{unit}/{graph.RESTORE_POWER}')
    if not success:
        now = lab.until_power(unit, (state.POWER_ON, state.POWER_CUT))  # a relay takes its time
        success = now is not None and now.power == state.POWER_ON
        message = message if now is None else _words(now)
    typer.echo(f'{unit}: its motors hold; `enpire clear` lets it work again' if success else
               f'{unit}: NOT RESTORED: {message}', err=not success)
    return success

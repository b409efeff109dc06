"""`enpire stop`: stops every arm, at once."""

import typer


def register(app):
    """Add the subcommand."""
    app.command('stop', epilog='Example:\n\n    enpire stop')(stop)


def stop():
    """Trip every safety gate that is there: the arms hold until `enpire clear`.

    Exit code 0 where every gate says that it is tripped, else 1. This is no emergency stop: it
    needs a running computer and network. Use the power switch of the arms where people are near.
    """
    from enpire_bringup import graph
    from enpire_bringup.terminal import say

    try:
        with graph.connect() as lab:
            answers = lab.trip_all()
    except graph.NoLab as error:
        say(str(error), err=True)
        raise typer.Exit(1) from None
    for unit, (success, message) in answers.items():
        word = 'stopped' if success else 'NOT STOPPED'
        say(f'{unit}: {word}{": " + message if message else ""}')
    if not all(success for success, _ in answers.values()):
        say('At least one gate did not confirm. Its driver holds by itself when commands '
            'stop; use the power switch where people are near.', err=True)
        raise typer.Exit(1)
    say('`enpire clear` lets them move again.')

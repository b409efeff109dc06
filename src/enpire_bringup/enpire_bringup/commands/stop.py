"""`enpire stop`: stops every arm, at once; with --cut-power it takes the power from the motors, too."""

import typing

import typer

EXAMPLES = """Examples:

\b
    enpire stop                                  the arms hold
    enpire stop --cut-power                      the arms FALL: they have no brakes
    enpire stop --cut-power --unit unit0
"""


def register(app):
    """Add the subcommand."""
    app.command('stop', epilog=EXAMPLES)(stop)


def stop(
    unit: typing.Optional[typing.List[str]] = typer.Option(
        None, help='Station; may be given several times. Default: every one.'),
    cut_power: bool = typer.Option(
        False, '--cut-power', help='Take the power from the motors, too. The arms fall: only where holding is worse.'),
):
    """Trip every safety gate that is there: the arms hold until `enpire clear`.

    Exit code 0 where every gate says that it is tripped, and with --cut-power every driver that the power is cut;
    else 1. This is no emergency stop: it needs a running computer and network. Use the power switch of the arms where
    people are near.
    """
    from enpire_bringup import graph
    from enpire_bringup.terminal import say

    services = (graph.CUT_POWER, graph.TRIP) if cut_power else (graph.TRIP,)
    try:
        with graph.connect() as lab:
            answers = lab.call_all(services, unit or ())
            if cut_power:
                answers = {name: [_confirmed(lab, name, first), *rest] for name, (first, *rest) in answers.items()}
    except graph.NoLab as error:
        say(str(error), err=True)
        raise typer.Exit(1) from None
    for name, found in answers.items():
        for service, (success, message) in zip(services, found):
            what = ('power cut', 'POWER NOT CUT') if service == graph.CUT_POWER else ('stopped', 'NOT STOPPED')
            say(f'{name}: {what[0] if success else what[1]}{": " + message if message else ""}')
    if not all(success for found in answers.values() for success, _ in found):
        say(f'At least one {"gate or driver" if cut_power else "gate"} did not confirm. Its driver holds by itself '
            'when commands stop; use the power switch where people are near.', err=True)
        raise typer.Exit(1)
    if cut_power:
        say('The arms are limp where they fell. Lift them by hand; `enpire power --restore` lets the motors hold them '
            'there, then `enpire clear` lets them move.')
    else:
        say('`enpire clear` lets them move again.')


def _confirmed(lab, unit, answer):
    """Return ``answer``, (success, message), of a cut: a relay takes its time, so one that is not confirmed is waited
    for."""
    from enpire_interfaces.msg import PowerState

    if answer[0]:
        return answer
    state = lab.until_power(unit, (PowerState.POWER_CUT,))
    if state is not None and state.power == PowerState.POWER_CUT:
        return True, f'power: cut: {state.reason}'
    return answer

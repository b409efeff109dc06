"""`enpire verify`: whether a campaign is what it says it is."""

import json
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire verify                                                  the newest campaign in enpire_runs
    enpire verify enpire_runs/push_t_lab-20261124-101500 --replay 10
    enpire verify enpire_runs/RUN --head $(jq -r .ledger.last_hash my_champion/evidence.json)
"""


def register(app):
    """Add the subcommand."""
    app.command('verify', epilog=EXAMPLES)(verify)


def verify(
    run: typing.Optional[str] = typer.Argument(
        None, help='Run folder of a campaign; without one the newest.', show_default=False),
    replay: int = typer.Option(0, min=0, help='So many trials are run again from their recorded states, bit for bit.'),
    seed: int = typer.Option(0, min=0, help='Which ones: they are drawn by it.'),
    head: str = typer.Option('', help='A hash of the ledger that was kept elsewhere: it must still be in it.',
                             show_default=False),
    as_json: bool = typer.Option(False, '--json', help='Print the result as JSON.'),
    folder: typing.Optional[str] = typer.Option(
        None, help='Where run folders are, for the newest.', show_default='enpire_runs'),
):
    """Check a campaign, running or ended, against all there is: each record, file, seed, result, decision, commit.

    A line a check; where something is wrong, the places. Nothing in the run folder is written.

    Exit code 0 where nothing is wrong; 1 where something is, or there is no campaign.
    """
    from enpire_bringup import campaigns
    from enpire_research.campaign.audit import walk

    try:
        found = campaigns.find(run, folder)
    except campaigns.NoCampaign as error:
        typer.echo(f'Nothing to verify: {error}', err=True)
        raise typer.Exit(1) from None
    verdict = walk.verify(found, replay=replay, seed=seed, head=head)
    if as_json:
        typer.echo(json.dumps({'run': found, **verdict.to_dict()}, indent=1))
    else:
        typer.echo(f'run folder: {found}')
        for line in verdict.lines():
            typer.echo(line)
    raise typer.Exit(0 if verdict.ok else 1)

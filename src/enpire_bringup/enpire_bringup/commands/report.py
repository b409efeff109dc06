"""`enpire report`: what a campaign came to, running or ended, from its ledger alone."""

import typing

import typer

EXAMPLES = """Examples:

\b
    enpire report                                the newest campaign in enpire_runs
    enpire report enpire_runs/push_t_lab-20261124-101500
"""


def register(app):
    """Add the subcommand."""
    app.command('report', epilog=EXAMPLES)(report)


def report(
    run: typing.Optional[str] = typer.Argument(
        None, help='Run folder of a campaign; without one the newest.', show_default=False),
    folder: typing.Optional[str] = typer.Option(
        None, help='Where run folders are, for the newest.', show_default='enpire_runs'),
):
    """Print success with intervals for start policy and champion, what changed, failures, use of the stations.

    It also writes report.txt and improvement.png (every idea with its interval, in order) into the campaign's folder.
    The last line is the digest of the ledger: the same for the same campaign run again.

    Exit code 0; 1 where there is no campaign, or nothing to tell of it yet.
    """
    from enpire_bringup import campaigns

    try:
        found = campaigns.find(run, folder)
        text, picture = campaigns.report(found)
    except (campaigns.NoCampaign, OSError) as error:
        typer.echo(f'No report: {error}', err=True)
        raise typer.Exit(1) from None
    typer.echo(f'run folder       {found}\npicture          {picture}\n\n{text}')

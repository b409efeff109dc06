"""`enpire champion`: what a campaign found, shown or taken out of the lab."""

import typing

import typer

EXAMPLES = """Examples:

\b
    enpire champion show
    enpire champion export --out my_champion
    enpire champion export enpire_runs/push_t_lab-20261124-101500 --out my_champion
    enpire trial my_champion --seed 7
"""
RUN = typer.Argument(None, help='Run folder of a campaign; without one the newest.', show_default=False)
FOLDER = typer.Option(None, help='Where run folders are, for the newest.', show_default='enpire_runs')


def register(app):
    """Add the subcommand with its own."""
    group = typer.Typer(help='Show the champion of a campaign, or take it out of the lab.', epilog=EXAMPLES,
                        no_args_is_help=True, rich_markup_mode=None)
    group.command('show', epilog=EXAMPLES)(show)
    group.command('export', epilog=EXAMPLES)(export)
    app.add_typer(group, name='champion')


def show(run: typing.Optional[str] = RUN, folder: typing.Optional[str] = FOLDER):
    """Print who is the champion of a campaign, running or ended, how good it is and where its policy lies.

    Exit code 0; 1 where there is no campaign.
    """
    from enpire_bringup import campaigns
    from enpire_research import layout
    from enpire_research.campaign import champion, story

    try:
        found = campaigns.find(run, folder)
        records = campaigns.read(found)
        lines = champion.summary(records)
        best = story.tell(records).best.body
    except (campaigns.NoCampaign, story.StoryError, OSError) as error:
        _refuse(error)
    for line in lines:
        typer.echo(line)
    typer.echo(f'policy           {layout.policy(layout.campaign(found), best["policy_hash"])}')


def export(
    run: typing.Optional[str] = RUN,
    out: str = typer.Option(..., help='Folder to make.', show_default=False),
    folder: typing.Optional[str] = FOLDER,
):
    """Write the champion into a folder of its own: policy, artifact, evidence, limits, README.

    `enpire trial FOLDER` runs it in any lab of its task. Exit code 0; 1 where there is no campaign, or the folder
    can't be made.
    """
    from enpire_bringup import campaigns, champions
    from enpire_research.campaign import champion

    try:
        found, same = champions.export(campaigns.find(run, folder), out)
    except (campaigns.NoCampaign, champion.ExportError, OSError) as error:
        _refuse(error)
    name = f'idea {found["candidate"]}' if found['candidate'] else 'the start policy (no idea was better)'
    kind = 'SIMULATED' if found['simulated'] else 'real'
    typer.echo(f'{out}: {name}, {champion.success(found)} on {kind} {found["resets"]} resets')
    if found['resets'] != champion.HELD_OUT:
        typer.echo('warning: the campaign had no exam yet: these are the resets that the champion was chosen by',
                   err=True)
    if same is False:
        typer.echo('warning: what is frozen has changed since the campaign (its manifest is another today): the limits '
                   'in the folder may be others than those of the evidence', err=True)


def _refuse(error):
    typer.echo(f'No champion: {error}', err=True)
    raise typer.Exit(1) from None

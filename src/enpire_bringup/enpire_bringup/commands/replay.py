"""`enpire replay`: trials of a run again, from their recorded states; the same bits, or which differ."""

import itertools
import os
import tempfile
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire replay enpire_runs/lab-20261124-101500
    enpire replay enpire_runs/lab-20261124-101500 --trials 20 --direct --no-graph
"""
SAME, DIFFERENT, NOTHING = 0, 1, 2


def register(app):
    """Add the subcommand."""
    app.command('replay', epilog=EXAMPLES)(replay)


def replay(
    run: str = typer.Argument(help='Folder of a run.', show_default=False),
    trials: typing.Optional[int] = typer.Option(
        None, min=1, help='Only so many trials, spread evenly over the run.', show_default='all'),
    direct: bool = typer.Option(True, help='By the direct runner, in this process.'),
    graph: bool = typer.Option(True, help='In a lab of one station a unit, with real processes.'),
):
    """Run recorded trials again and compare states, trajectories, frames and verdicts bit for bit.

    Exit code 0 all the same, 1 something differs, 2 nothing to replay.
    """
    from enpire_research.trials import replay as core
    from enpire_safety.sandbox import choice

    try:
        folder = core.RunFolder(run)
        phases, problems = folder.phases(trials)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NOTHING) from None
    for problem in problems:
        typer.echo(problem, err=True)
    if not phases or not (direct or graph):
        typer.echo(f'{folder.folder}: nothing to replay', err=True)
        raise typer.Exit(NOTHING)
    try:
        results = _replay(folder, phases, direct, graph)
    except (core.ReplayError, choice.NoSandbox) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NOTHING) from None
    for line in core.table(results):
        typer.echo(line)
    raise typer.Exit(SAME if all(one.same for one in results) else DIFFERENT)


def _replay(folder, phases, direct, graph):
    """Return the Comparisons of all phases, way by way."""
    from enpire_research.trials.replay import DirectReplay

    results = []
    with tempfile.TemporaryDirectory(prefix='enpire_replay_') as scratch:
        if direct:
            runner = DirectReplay(folder, scratch, phases)
            try:
                results += [runner.replay(phase) for phase in phases]
            finally:
                runner.close()
        if graph:
            from enpire_research.replay_lab import GraphReplay

            for unit, own in itertools.groupby(phases, key=lambda phase: phase.report.unit):
                own = list(own)
                with GraphReplay(folder, os.path.join(scratch, unit), own) as lab:
                    results += [lab.replay(phase) for phase in own]
    return results

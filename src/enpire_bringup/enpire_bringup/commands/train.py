"""`enpire train`: an agent's training script through the train server of a running lab."""

import sys
import time
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire train train.py --query "status=succeeded last=200"
    enpire train examples/push_t_bc/train.py --query "status=succeeded" --minutes 20 --memory 4000
"""
# Exit codes.
DONE, FAILED, OTHER = 0, 1, 2
# Of the action's: the script's own doing.
FIRST_OF_SCRIPT, LAST_OF_SCRIPT = 302, 307


def register(app):
    """Add the subcommand."""
    app.command('train', epilog=EXAMPLES)(train)


def train(
    script: str = typer.Argument(help='Training script, one Python file.', show_default=False),
    query: str = typer.Option('', help='Which recorded trials it gets, such as "status=succeeded last=100"; none '
                              'without it.', show_default=False),
    seed: int = typer.Option(1, min=0, max=2**64 - 1, help='Seed handed to the script.'),
    minutes: float = typer.Option(10.0, help='Wall time that it may use.'),
    memory: float = typer.Option(2000.0, help='Memory that it may use, children included [MiB].'),
    training_id: typing.Optional[str] = typer.Option(
        None, help='Name of the training; else made of the time.', show_default=False),
):
    """Run a training script beside a running lab, show its metrics, and print its artifact.

    Exit code 0 with an artifact, 1 where the script failed, 2 otherwise: refused, canceled, or no lab.
    Ctrl-C cancels the training; a second one does not wait for its end.
    """
    import math
    import os

    from enpire_bringup import graph
    from enpire_interfaces.action import Train

    if not (math.isfinite(minutes) and math.isfinite(memory) and 0 <= memory < 2**40):
        raise typer.BadParameter(f'--minutes, --memory: expected numbers, got {minutes:g} and {memory:g}')
    goal = Train.Goal(training_id=training_id or f'hand-{time.strftime("%Y%m%d-%H%M%S")}', seed=seed, trial_query=query,
                      train_file=os.path.abspath(os.path.expanduser(script)), time_budget_s=60.0 * minutes,
                      memory_budget_bytes=int(memory * (1 << 20)))
    progress = _Progress()
    try:
        with graph.connect() as lab:
            lab.units()  # no lab, no stations; and by then discovery has come to rest
            client = lab.action_client(Train, '/lab/train', server='its train server')
            result = lab.send_goal(client, goal, progress, graph.TRAINING)
    except (graph.NoLab, graph.NoTrial) as error:
        progress.clear()
        typer.echo(str(error), err=True)
        raise typer.Exit(OTHER) from None
    progress.clear()
    _show(goal, result)
    if result.error_code == 0:
        raise typer.Exit(DONE)
    raise typer.Exit(FAILED if FIRST_OF_SCRIPT <= result.error_code <= LAST_OF_SCRIPT else OTHER)


class _Progress:
    """Prints a line a step that was reported; in a terminal also, over itself, what the script says."""

    def __init__(self):
        self._live = sys.stderr.isatty()

    def __call__(self, feedback):
        if feedback.metric_names:
            values = '  '.join(f'{name} {value:.5g}' for name, value in
                               zip(feedback.metric_names, feedback.metric_values))
            self.clear()
            sys.stderr.write(f'{feedback.elapsed_s:7.1f} s  step {feedback.step}  {values}\n')
        elif self._live:
            sys.stderr.write('\r\033[K' + f'{feedback.elapsed_s:7.1f} s  {feedback.text}'[:100])
        sys.stderr.flush()

    def clear(self):
        """Wipe what stands in the terminal's last line away."""
        if self._live:
            sys.stderr.write('\r\033[K')
            sys.stderr.flush()


def _show(goal, result):
    typer.echo(f'training {goal.training_id}: {result.wall_duration_s:.1f} s wall, {result.cpu_duration_s:.1f} s CPU')
    for name, value in zip(result.metric_names, result.metric_values):
        typer.echo(f'    {name} {value:.5g}')
    if result.error_code:
        typer.echo(f'    error {result.error_code}: {result.error_msg}')
    else:
        typer.echo(f'    artifact {result.artifact_file}\n    sha256 {result.artifact_hash}')

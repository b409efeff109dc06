"""`enpire bench`: what the graph costs, in time and memory, beside what it could cost at least."""

import os
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire bench                                  all parts, some minutes; prints tables
    enpire bench --only gate --only memory
    enpire bench --quick                          seconds; too few for good figures
    enpire bench --out docs/results/bench.json    merges into the file, writes docs/bench.md
"""
PARTS = ('gate', 'pipe', 'graph', 'cameras', 'memory')


def register(app):
    """Add the subcommand."""
    app.command('bench', epilog=EXAMPLES)(bench)


def bench(
    quick: bool = typer.Option(False, '--quick', help='A tenth of it, to see that it works.'),
    only: typing.Optional[typing.List[str]] = typer.Option(
        None, help=f'One of {", ".join(PARTS)}; may be given several times.', show_default=False),
    out: typing.Optional[str] = typer.Option(
        None, help='JSON file into which the figures are merged; its page is written beside it.',
        show_default=False),
):
    """Measure gate, pipe of policies, ticks, cameras and memory, on simulated stations in a ROS domain of their own.

    Exit code 0 when measured and every goal reached, 1 when a goal was missed, 2 when a part could not be
    measured (the others are written all the same). With --quick goals don't count.
    """
    parts = _parts(only)
    from enpire_research.bench import machine, results, run, table

    if out is not None:
        _check_out(out, run.page_beside(out))
    from enpire_research.bench.gate import BenchError

    found, trouble = {}, False
    try:
        before = results.empty() if out is None else results.read(out)
        run.measure(parts, run.QUICK if quick else run.FULL, _enpire(),
                    lambda text: typer.echo(text, err=True), found)
    except (BenchError, results.ResultsError) as error:
        typer.echo(f'Not measured: {error}', err=True)
        trouble = True
    if not found:
        raise typer.Exit(2)
    merged = results.merge(before, run.current_state(), machine.describe(), found)
    if out is None:
        typer.echo(table.markdown(merged))
    else:
        _write(out, merged)
    missed = [] if quick else table.missed(found)
    for line in missed:
        typer.echo(f'goal missed: {line}', err=True)
    raise typer.Exit(2 if trouble else 1 if missed else 0)


def _parts(only):
    for part in only or ():
        if part not in PARTS:
            from enpire_core.words import nearest

            typer.echo(f'--only: unknown part {part!r}; {nearest(part, PARTS)}', err=True)
            raise typer.Exit(2)
    return tuple(only or PARTS)


def _check_out(*paths):
    """Make the folders of the files and try out whether they can be written; exit code 2 where not."""
    from enpire_bringup import out_files

    for path in paths:
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            trouble = out_files.trouble(path)
        except OSError as error:
            trouble = f'expected a folder that can be made for {path}, got: {error.strerror}'
        if trouble:
            typer.echo(f'--out: {trouble}', err=True)
            raise typer.Exit(2)


def _enpire():
    """Return the words that start the `enpire` command of this workspace."""
    from ament_index_python.packages import get_package_prefix

    return [os.path.join(get_package_prefix('enpire_bringup'), 'lib', 'enpire_bringup', 'enpire')]


def _write(out, merged):
    from enpire_research.bench import results, run, table

    page = run.page_beside(out)
    results.write(out, merged)
    with open(page, 'w', encoding='utf-8') as handle:
        handle.write(table.markdown(merged))
    typer.echo(f'{out}\n{page}')

"""`enpire render`: a picture or a clip of a station, from the simulator, without a running lab."""

import os
import tempfile
import time
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire render --out scene.png                                the scene at the beginning
    enpire render --out start.png --seed 7                       after the reset of trial seed 7
    enpire render --out end.png --seed 7 --policy my_policy.py   after a whole trial
    enpire render --out work.png --seed 7 --policy my_policy.py --at 30
    enpire render --clip trial.webp --seed 7 --policy my_policy.py --speed 4
    enpire render --out top.png --camera top_camera --size 640x480
"""


def register(app):
    """Add the subcommand."""
    app.command('render', epilog=EXAMPLES)(render)


def render(
    out: typing.Optional[str] = typer.Option(
        None, help='Picture of the end: .png, .jpg or .webp.', show_default=False),
    clip: typing.Optional[str] = typer.Option(
        None, help='Clip of the reset and rollout: .webp or .gif.', show_default=False),
    task: str = typer.Option('push_t', help='Task.'),
    policy: typing.Optional[str] = typer.Option(
        None, help='Policy that drives after the reset.', show_default=False),
    seed: typing.Optional[int] = typer.Option(
        None, min=0, help='Trial seed: reset to its start first.', show_default=False),
    unit: str = typer.Option('unit0', help='Station whose small errors are simulated.'),
    lab_seed: int = typer.Option(1, min=0, help='Lab that the station belongs to.'),
    camera: str = typer.Option(
        'outside', help='outside, top_camera, left_wrist_camera or right_wrist_camera.'),
    size: str = typer.Option('960x600', help='Width x height in pixels.'),
    azimuth: float = typer.Option(150.0, help='Of the outside camera; 180 looks at the robots.'),
    elevation: float = typer.Option(-28.0, min=-90.0, max=90.0, help='Of the outside camera.'),
    distance: float = typer.Option(1.35, min=0.1, max=10.0, help='Of the outside camera, metres.'),
    at: typing.Optional[float] = typer.Option(
        None, min=0.0, help='Picture so many simulated seconds after the reset began, not of the end.'),
    speed: float = typer.Option(
        4.0, min=0.1, max=100.0, help='Simulated seconds a second of the clip.'),
):
    """Render a simulated station. What it shows comes from a simulation, never from a real robot.

    Exit code 0, or 2 where an option makes no sense.
    """
    from enpire_bringup import pictures
    from enpire_drivers.sim.rendering import RenderingError, View
    from enpire_tasks.registry import UnknownTask

    try:
        _check(pictures, out, clip, policy, seed, camera, at)
        view = View(azimuth=azimuth, elevation=elevation, distance=distance)
        trial = (task, policy and os.path.abspath(policy), seed, unit, lab_seed)
        _render(pictures, trial, camera, pictures.parse_size(size), view, out, clip, speed, at)
    except (pictures.PictureError, UnknownTask, RenderingError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _check(pictures, out, clip, policy, seed, camera, at):
    """Raise PictureError for options that make no sense, before anything is simulated."""
    from enpire_bringup.lab import CAMERAS, nearest

    if out is None and clip is None:
        raise pictures.PictureError('expected --out FILE or --clip FILE: nothing is to be written')
    if out is not None:
        pictures.check_file(out, pictures.STILL, '--out')
    if clip is not None:
        pictures.check_file(clip, pictures.MOVING, '--clip')
        if seed is None:
            raise pictures.PictureError('--clip: expected --seed too: without a trial nothing moves')
    if policy is not None and seed is None:
        raise pictures.PictureError('--policy: expected --seed too: a policy drives after a reset')
    if at is not None and (out is None or seed is None):
        raise pictures.PictureError('--at: expected --out and --seed too: it is a moment of a trial')
    if camera not in (pictures.OUTSIDE, *CAMERAS):
        raise pictures.PictureError(
            f'--camera: unknown camera {camera!r}; {nearest(camera, (pictures.OUTSIDE, *CAMERAS))}')


def _render(pictures, trial, camera, size, view, out, clip, speed, at):
    """Simulate what is to be seen, and write it."""
    from enpire_research.trials.direct import DirectRunner
    from enpire_research.trials.trial_setup import Hooks

    task, policy, seed, unit, lab_seed = trial
    watchers = []  # filled when the station is there; the hooks are asked for before

    def tick():
        for watcher in watchers:
            watcher.tick()

    hooks = Hooks(on_tick=tick, log=lambda text: typer.echo(text, err=True), wall_ns=time.time_ns)
    with tempfile.TemporaryDirectory(prefix='enpire-render-') as folder, \
            DirectRunner.create(task, folder, unit, lab_seed, hooks) as runner:
        taken = pictures.Camera(runner.station.sim, camera, size, view)
        moving = None if clip is None else pictures.Clip(taken, speed)
        still = taken if at is None else pictures.Moment(taken, at)
        watchers.extend(watcher for watcher in (moving, still) if hasattr(watcher, 'tick'))
        if seed is not None:
            _run(runner, seed, policy)
        if out is not None:
            pictures.write_still(still.picture(), out)
            typer.echo(out)
        if moving is not None:
            moving.write(clip)
            left = f', {moving.left_out} left out: raise --speed' if moving.left_out else ''
            typer.echo(f'{clip} ({moving.frames} pictures{left})')


def _run(runner, seed, policy):
    report = runner.reset('render', seed)
    typer.echo(f'reset (simulated): {report.status.upper()} {report.error_msg}'.rstrip())
    if policy is None or report.status != 'succeeded':
        return
    report = runner.rollout('render', seed, policy)
    typer.echo(f'rollout (simulated): {report.status.upper()}, score {report.score:.3f} '
               f'{report.error_msg}'.rstrip())

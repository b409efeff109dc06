"""`enpire lab`: starts a lab, shows it, and sums it up."""

import contextlib
import json
import os
import time
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire lab                                   the shipped lab: 2 simulated stations, a campaign
    enpire lab my_lab.yaml --budget 600 --seed 1
    enpire lab --resume enpire_runs/RUN          goes on with a campaign that was broken off
    enpire lab --units 8 --trials 200            so many trials of one policy, no campaign
    enpire lab --trials 40 --policy my_policy.py --artifact trained.onnx
    enpire lab --trials 0                        stations that wait for trials sent by hand
"""
# Exit code of a command that Ctrl-C ended before it did anything, as shells have it.
INTERRUPTED = 130


def register(app):
    """Add the subcommand."""
    app.command('lab', epilog=EXAMPLES)(lab)


def lab(
    lab_file: typing.Optional[str] = typer.Argument(
        None, help='Lab file; without one the shipped config/lab.yaml.', show_default=False),
    units: typing.Optional[int] = typer.Option(None, help='How many stations.'),
    task: typing.Optional[str] = typer.Option(None, help='Task of enpire_tasks.'),
    policy: typing.Optional[str] = typer.Option(
        None, help="Python file to try or to improve; the task's start policy where none is named."),
    artifact: typing.Optional[str] = typer.Option(
        None, help='ONNX file that the policy loads; not in a campaign, whose candidates bring their own.'),
    budget: typing.Optional[int] = typer.Option(
        None, help='Improve the policy in a campaign of so many trials, the exam included.'),
    trials: typing.Optional[int] = typer.Option(
        None, help='No campaign, but so many trials of the policy as it is; 0: trials are sent by hand.'),
    seed: typing.Optional[int] = typer.Option(None, help='Everything random derives from it.'),
    real_time_factor: typing.Optional[float] = typer.Option(
        None, help='Simulated seconds a wall second at most; 0: as fast as it goes.'),
    folder: typing.Optional[str] = typer.Option(None, help='Where run folders go.'),
    name: typing.Optional[str] = typer.Option(None, help='Name of the lab.'),
    run: typing.Optional[str] = typer.Option(None, help="Name of the run folder; else the lab's with date and time."),
    secret_file: typing.Optional[str] = typer.Option(
        None, help='File with 64 hex digits from which the held-out resets of a campaign come, to repeat it.'),
    resume: typing.Optional[str] = typer.Option(
        None, help='Run folder of a campaign to go on with; takes no other option but --plain.'),
    plain: bool = typer.Option(False, '--plain', help='Lines instead of a live table.'),
):
    """Run a lab: its stations, their safety gates, and a campaign or as many trials as it wants.

    Exit code 0 when it is done or at Ctrl-C, 1 when the lab broke or could not be started, 2 for
    a wrong lab file or option, 130 at Ctrl-C before anything was started.
    """
    began_s = time.time()
    from enpire_bringup import lab as lab_module
    from enpire_bringup import lock, terminal
    from enpire_bringup.keyboard import Keyboard
    from enpire_safety.sandbox import choice

    options = {
        'units': units, 'task': task, 'trials': trials, 'budget': budget, 'seed': seed, 'name': name,
        'real_time_factor': real_time_factor, 'folder': folder, 'policy': _full(policy),
        'artifact': _full(artifact), 'secret_file': _full(secret_file)}
    try:
        make = _maker(lab_file, options, run, resume)
        choice.launcher()  # its servers would refuse, too
        with lock.hold() as note:
            live = terminal.is_live() and not plain
            prepared, children = _prepare(make, note, plain=not live, kept=resume is not None)
            terminal.say(f'SIMULATED lab {prepared.lab.name}: logs and results in {prepared.folder}')
            with Keyboard() as keyboard:
                if keyboard.is_there:
                    terminal.say('Press s to stop all arms, Ctrl-C to end the lab.')
                outcome = _supervise(prepared, children, keyboard, quiet=live)
    except (lab_module.LabError, lock.BadDomain) as error:
        terminal.say(f'The lab was not started:\n{error}', err=True)
        raise typer.Exit(2) from None
    except choice.NoSandbox as error:
        terminal.say(f'The lab was not started:\n{error}', err=True)
        raise typer.Exit(1) from None
    except (lock.Taken, lock.NoLock, OSError) as error:
        terminal.say(f'The lab was not started: {error}.', err=True)
        raise typer.Exit(1) from None
    _sum_up(prepared, outcome, began_s)
    raise typer.Exit(0 if outcome.code == 0 else 1)


def _full(path):
    return None if path is None else os.path.abspath(os.path.expanduser(path))


def _maker(lab_file, options, name, resume):
    """Return the function that makes the run folder and returns the `Run`; a lab file is read right away."""
    from enpire_bringup import run as runs
    from enpire_bringup.lab import LabError

    if resume is None:
        wanted = runs.read_lab(lab_file, options)
        return lambda: runs.prepare(wanted, name)
    others = [f'--{key.replace("_", "-")}' for key, value in {**options, 'run': name}.items() if value is not None]
    if lab_file is not None or others:
        raise LabError(f'--resume: expected no lab file and no other option but --plain, got '
                       f'{", ".join([*([lab_file] if lab_file else []), *others])}: the campaign goes on as it began')
    return lambda: runs.resume(resume)


def _prepare(make, note, plain, kept):
    """``make`` the run folder; return (`Run`, its `ChildSpec`s). At Ctrl-C nothing is left of it, unless ``kept``."""
    from enpire_bringup import run as runs
    from enpire_bringup import terminal

    try:
        prepared = make()
        with contextlib.nullcontext() if kept else runs.nothing_left(prepared.folder):
            note(prepared.folder)
            return prepared, _children(prepared, plain)
    except KeyboardInterrupt:
        terminal.say('\nCtrl-C: nothing was started, '
                     + ('the campaign is as it was.' if kept else 'and no run folder is left.'), err=True)
        raise typer.Exit(INTERRUPTED) from None


def _children(prepared, plain):
    """Return the `ChildSpec`s of a run: its processes, and the view of them."""
    from enpire_bringup import processes
    from enpire_bringup.run import program_of
    from enpire_bringup.supervisor.child import ChildSpec

    children = [
        ChildSpec(
            spec.name,
            tuple(processes.command(spec, program_of(spec), prepared.parameter_file(spec))),
            stage=processes.STAGES.index(spec.stage), respawn=spec.respawn,
            respawn_delay_s=spec.respawn_delay_s, required=spec.required)
        for spec in prepared.specs
    ]
    return [*children, _view(prepared, plain)]


def _view(prepared, plain):
    import signal

    from enpire_bringup import processes
    from enpire_bringup.run import program_of
    from enpire_bringup.supervisor.child import ChildSpec

    values = {'run_dir': prepared.folder, 'plain': plain, 'began_ns': time.time_ns(), 'keys': True}
    spec = processes.ProcessSpec(
        'lab.view', 'enpire_bringup', 'lab_view', '/lab', {'lab_view': values},
        ros_arguments=('--log-level', 'error'))
    with open(prepared.parameter_file(spec), 'w', encoding='utf-8') as handle:
        handle.write(processes.parameters_yaml(spec))
    words = processes.command(spec, program_of(spec), prepared.parameter_file(spec))
    # It is stopped first, so that the terminal is free; SIGTERM lets it put the terminal in order.
    return ChildSpec(
        spec.name, tuple(words), stage=len(processes.STAGES), terminal=True, keys=True,
        death_signal=signal.SIGTERM)


def _supervise(prepared, children, keyboard, quiet):
    """Run the children to the end; return the `Outcome`. ``quiet``: the view owns the terminal's picture."""
    import anyio

    from enpire_bringup import terminal
    from enpire_bringup.supervisor.supervisor import Supervisor
    from enpire_core.files import write_json

    with terminal.Diary(os.path.join(prepared.logs, 'supervisor.log')) as diary:

        def report(text):
            diary.write(text)
            if not quiet:
                terminal.say(text)

        def note(running):
            write_json(os.path.join(prepared.folder, 'processes.json'), running)

        environment = dict(os.environ, PYTHONUNBUFFERED='1')
        supervisor = Supervisor(
            children, prepared.logs, report=report, on_change=note, environment=environment,
            keyboard=keyboard)
        return anyio.run(supervisor.run)


def _runner_summary(folder):
    """Return what the trial runner wrote, {} where it wrote nothing."""
    path = os.path.join(folder, 'summary.json')
    if not os.path.isfile(path):
        return {}
    with open(path, encoding='utf-8') as handle:
        return json.load(handle)


def _sum_up(prepared, outcome, began_s):
    """Keep how the lab ended, and tell it. Kept first: the terminal may be gone."""
    from enpire_bringup import summary, terminal
    from enpire_bringup.reports import Outboxes

    kept = os.path.join(prepared.folder, 'outcome.json')
    try:
        with open(kept, 'w', encoding='utf-8') as handle:
            json.dump({'code': outcome.code, 'reason': outcome.reason}, handle)
    except OSError as error:
        terminal.say(f'{kept} cannot be written: {error.strerror}', err=True)
    boxes = Outboxes(prepared.outboxes())
    reports = boxes.new()
    if outcome.last_lines:
        terminal.say(f'\nThe last lines of {outcome.child}:', err=True)
        for line in outcome.last_lines:
            terminal.say(f'    {line}', err=True)
    terminal.say('\n' + summary.text(
        prepared.lab, reports, summary.Times(began_s, time.time()), prepared.folder,
        _runner_summary(prepared.folder), boxes.problems))
    if outcome.code != 0:
        terminal.say(f'\nThe lab broke: {outcome.reason}. '
                     f'Its logs are in {prepared.logs}.', err=True)
    if prepared.lab.campaign:
        _report(prepared, terminal)


def _report(prepared, terminal):
    """Write and tell the report of a campaign: its digest is the last line."""
    from enpire_bringup import campaigns

    try:
        text, picture = campaigns.report(prepared.folder)
    except (campaigns.NoCampaign, OSError) as error:
        terminal.say(f'\nNo report: {error}', err=True)
        return
    terminal.say(f'picture          {picture}')
    if not campaigns.has_ended(prepared.folder):
        terminal.say(f'not finished     `enpire lab --resume {prepared.folder}` goes on with it')
    terminal.say('\n' + text)

"""`enpire trial`: one policy file, one trial, on one station of a running lab."""

import sys
import time
import typing

import typer

EXAMPLES = """Examples:

\b
    enpire trial my_policy.py
    enpire trial my_policy.py --unit unit1 --seed 7
    enpire trial my_policy.py --no-reset --attempts 8
    enpire trial my_policy.py --artifact trained.onnx
    enpire trial my_champion                     a folder that `enpire champion export` wrote
"""
# Exit codes.
SUCCEEDED, FAILED, OTHER = 0, 1, 2


def register(app):
    """Add the subcommand."""
    app.command('trial', epilog=EXAMPLES)(trial)


def trial(
    policy: str = typer.Argument(help='Policy, one Python file; or the folder of an exported champion.',
                                 show_default=False),
    unit: str = typer.Option('unit0', help='Station.'),
    seed: int = typer.Option(1, min=0, max=2**64 - 1, help='Trial seed: the start is drawn from it.'),
    trial_id: typing.Optional[str] = typer.Option(
        None, help='Name of the trial; else made of the time.', show_default=False),
    episode: float = typer.Option(
        0.0, min=0.0, help="Seconds that the policy has; 0: the task's. It can only be shortened."),
    attempts: int = typer.Option(1, min=1, max=8, help='Tries inside the rollout.'),
    reset: bool = typer.Option(True, help='Bring the scene to a start first.'),
    tries: int = typer.Option(3, min=1, max=3, help='Tries of the reset.'),
    artifact: typing.Optional[str] = typer.Option(
        None, help='ONNX file that the policy loads.', show_default=False),
):
    """Reset one station of a running lab, let a policy drive it, and print the verdict.

    Exit code 0 success, 1 failed trial, 2 no verdict: void, canceled, refused, or no lab.
    Ctrl-C cancels the trial; a second one does not wait for its end.
    """
    import os

    from enpire_bringup import graph

    name = trial_id or f'hand-{time.strftime("%Y%m%d-%H%M%S")}'
    path = os.path.abspath(os.path.expanduser(policy))
    onnx = os.path.abspath(os.path.expanduser(artifact)) if artifact else ''
    evidence = None
    if os.path.isdir(path):
        path, onnx, evidence = _exported(path, onnx)
    try:
        with graph.connect() as lab:
            clients = _clients(lab, unit)
            code = SUCCEEDED
            if reset:
                code = _reset(lab, clients[0], name, seed, tries)
            if code == SUCCEEDED:
                code = _rollout(lab, clients[1], name, seed, path, onnx, episode, attempts, evidence)
    except (graph.NoLab, graph.NoTrial) as error:
        _clear_line()
        typer.echo(str(error), err=True)
        raise typer.Exit(OTHER) from None
    raise typer.Exit(code)


def _exported(folder, onnx):
    """Return (policy, artifact, evidence) of an exported champion; exit where it is none, or was changed."""
    from enpire_research.campaign import champion

    try:
        found = champion.read_folder(folder)
    except champion.ExportError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(OTHER) from None
    if onnx:
        raise typer.BadParameter('--artifact: expected none with the folder of a champion, which has its own')
    typer.echo(f'{folder}: its evidence is {champion.success(found.evidence)} on '
               f'{"simulated" if found.evidence["simulated"] else "real"} {found.evidence["resets"]} resets')
    return found.policy, found.artifact, found.evidence


def _compare(evidence, report):
    """Warn where a lab is another than that of a champion's evidence."""
    if report.manifest_hash and report.manifest_hash != evidence['manifest_hash']:
        typer.echo(f'warning: the manifest of this lab is {report.manifest_hash[:16]}…, that of the evidence '
                   f'{evidence["manifest_hash"][:16]}…: task, limits or code of a trial differ, and so may the success',
                   err=True)


def _clients(lab, unit):
    """Return the clients of the two actions of a station; `NoLab`, naming others, without them."""
    from enpire_bringup import graph
    from enpire_interfaces.action import Reset, Rollout

    units = lab.units()
    if unit not in units:
        raise graph.NoLab(f'expected a station of the running lab ({", ".join(units)}), got {unit!r}')
    return (lab.action_client(Reset, f'/{unit}/reset'),
            lab.action_client(Rollout, f'/{unit}/rollout'))


def _reset(lab, client, name, seed, tries):
    from enpire_interfaces.action import Reset

    goal = Reset.Goal(trial_id=name, seed=seed, max_tries=tries)
    result = lab.send_goal(client, goal, _Progress('reset'))
    _show('reset', result)
    # A reset that failed is the lab's failure, not the policy's: no verdict.
    return SUCCEEDED if _ok(result) else OTHER


def _rollout(lab, client, name, seed, path, onnx, episode, attempts, evidence):
    from enpire_interfaces.action import Rollout

    goal = Rollout.Goal(trial_id=name, seed=seed, policy_file=path, artifact_file=onnx,
                        episode_s=episode, max_attempts=attempts)
    result = lab.send_goal(client, goal, _Progress('rollout'))
    _show('rollout', result)
    if evidence is not None:
        _compare(evidence, result.report)
    if _ok(result):
        return SUCCEEDED
    return FAILED if result.report.status == result.report.STATUS_FAILED else OTHER


def _ok(result):
    return result.report.status == result.report.STATUS_SUCCEEDED


class _Progress:
    """Prints feedback: over itself in a terminal, else one line where its text changes."""

    def __init__(self, phase):
        self._phase = phase
        self._last = None
        self._live = sys.stderr.isatty()

    def __call__(self, feedback):
        text = f'{self._phase} {feedback.elapsed_s:6.1f} s  {feedback.text}'
        if self._live:
            sys.stderr.write('\r\033[K' + text[:100])
            sys.stderr.flush()
        elif feedback.text != self._last:
            self._last = feedback.text
            sys.stderr.write(text + '\n')


def _clear_line():
    """Wipe the progress away, which stands in the terminal's last line."""
    if sys.stderr.isatty():
        sys.stderr.write('\r\033[K')
        sys.stderr.flush()


def _show(phase, result):
    import math

    from enpire_bringup.reports import STATUS

    report = result.report
    _clear_line()
    status = STATUS[report.status] if report.status < len(STATUS) else str(report.status)
    kind = 'simulated' if report.simulated else 'real'
    typer.echo(f'{phase}: {status} ({kind}, trial {report.trial_id or "-"}, {report.ticks} ticks, '
               f'{report.wall_duration_s:.1f} s wall)')
    if phase == 'reset':
        typer.echo(f'    tries {report.tries}' + (', a lost object was put back by hand' if report.put_back else ''))
    elif math.isfinite(report.score):
        typer.echo(f'    score {report.score:.4f}')
        for name, value in zip(report.measurement_names, report.measurement_values):
            typer.echo(f'    {name} {value:.5g}')
    for attempt in report.attempts if len(report.attempts) > 1 else ():
        typer.echo(f'    attempt {attempt.attempt}: {STATUS[attempt.status]} {attempt.reason}')
    if result.error_code:
        typer.echo(f'    error {result.error_code}: {result.error_msg}')

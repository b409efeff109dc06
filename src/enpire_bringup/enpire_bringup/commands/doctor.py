"""`enpire doctor`: what this machine has for a lab, what it lacks, and the command that mends it."""

import json
import os
import platform
import shutil

import typer

EXAMPLES = """Examples:

\b
    enpire doctor
    enpire doctor --json
"""
ROOM_BYTES = 5 << 30


def register(app):
    """Add the subcommand."""
    app.command('doctor', epilog=EXAMPLES)(doctor)


def doctor(as_json: bool = typer.Option(False, '--json', help='As JSON, for programs.')):
    """Look at what this machine has for a lab, and try its sandboxes from inside.

    Exit code 0 when what agents write can run here, 1 when not.
    """
    found = examine()
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        for line in lines(found):
            typer.echo(line)
    raise typer.Exit(0 if found['sandbox'] else 1)


def examine():
    """Return all that is looked at: ``machine`` {what: value}, ``checks`` and ``sandbox``, the name of the chosen one.

    A check: ``about``, ``name``, ``ok``, ``expected``, ``found``, ``mend``. Those of a sandbox come from `probe`.
    """
    from dataclasses import asdict

    from enpire_safety.sandbox import probe

    checks, chosen = [], ''
    for kind in probe.LAUNCHERS:
        findings = probe.probe(kind())
        checks += [{'about': kind.name, **asdict(one)} for one in findings]
        if probe.whole(findings) and not chosen:
            chosen = kind.name
    readable = _readable()
    if not readable['ok']:
        chosen = ''
    return {'machine': _machine(), 'checks': [*checks, readable, *_others()], 'sandbox': chosen}


def _readable():
    """Return the check that programs of another user could read what they are shown."""
    from enpire_research.trials import policy_view
    from enpire_safety.sandbox import system

    closed = system.closed_to_others(policy_view.visible()) if os.geteuid() == 0 else ''
    return {'about': 'lab', 'name': 'files', 'ok': not closed, 'expected': 'files that the user of a policy may read',
            'found': f'{closed} is closed to others' if closed else 'readable',
            'mend': 'chmod -R a+rX of the folder in which the set-up made it' if closed else ''}


def _machine():
    from enpire_safety.sandbox import bubblewrap, mending, probe, ruleset

    restricted = mending.setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')
    namespaces = mending.setting('/proc/sys/user/max_user_namespaces') or 'unknown'
    abi = ruleset.version()
    return {
        'user': f'{os.geteuid()}' + (' (root)' if os.geteuid() == 0 else ''),
        'kernel': f'{platform.release()}, {platform.machine()}',
        'bubblewrap': probe.bubblewrap_version(shutil.which(bubblewrap.PROGRAM)),
        'user namespaces': f'at most {namespaces}' + (', restricted by AppArmor' if restricted == '1' else ''),
        'Landlock': f'version {abi}' if abi else 'none',
        'seccomp': mending.setting('/proc/sys/kernel/seccomp/actions_avail') or 'unknown',
    }


def _others():
    """Return checks of what a lab needs beside a sandbox."""
    import ctypes.util
    import importlib.util

    renderer = next((name for name in ('EGL', 'OSMesa') if ctypes.util.find_library(name)), '')
    ros = importlib.util.find_spec('rclpy') is not None
    here = os.getcwd()
    free = shutil.disk_usage(here).free
    return [
        {'about': 'lab', 'name': 'renderer', 'ok': bool(renderer), 'expected': 'EGL or OSMesa',
         'found': renderer or 'none', 'mend': '' if renderer else 'sudo apt-get install --yes libegl1 libegl-mesa0'},
        {'about': 'lab', 'name': 'ROS', 'ok': ros, 'expected': 'ROS 2 Jazzy (rclpy)',
         'found': os.environ.get('ROS_DISTRO', 'unnamed') if ros else 'none', 'mend': '' if ros else 'make setup'},
        {'about': 'lab', 'name': 'disk', 'ok': free >= ROOM_BYTES, 'expected': f'{ROOM_BYTES >> 30} GiB free in {here}',
         'found': f'{free / (1 << 30):.1f} GiB', 'mend': ''},
    ]


def lines(found):
    """Return the lines for people."""
    wide = max(map(len, found['machine']))
    told = [f'{name:<{wide}}  {value}' for name, value in found['machine'].items()]
    told.append('')
    for one in found['checks']:
        # Of another sandbox than the chosen one nothing is needed.
        lacking = 'MISSING' if one['about'] == 'lab' or not found['sandbox'] else 'lacks  '
        told.append(f'{"ok     " if one["ok"] else lacking}  {one["about"]}: {one["name"]}: {one["found"].strip()}')
        if not one['ok']:
            told.append(f'         expected: {one["expected"]}')
            if one['mend']:
                told.append(f'         to mend it: {one["mend"]}')
    told.append('')
    told.append(f'What agents write runs confined by {found["sandbox"]}.' if found['sandbox'] else
                'Nothing here can confine what agents write, so none of it runs: mend one of the ways above.')
    return told

"""Tries the ways to confine that there are, for real: a small program runs confined and tries to get out.

`probe(launcher)` returns Findings: what was expected, what was found, and the command that mends it where one is known.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from enpire_core import processes
from enpire_safety.sandbox import bubblewrap, inside, landlock, mending, ruleset, seccomp, system
from enpire_safety.sandbox.confinement import Confinement, SandboxError

START_S = 30.0
_HOME_BYTES = 1 << 20
_EXPECTED = {
    'network': 'no socket reaches a listener outside', 'processes': 'no process outside can be seen into, signalled, '
    'traced', 'files': 'nothing outside can be read, nothing but the home written',
    'memory': 'no memory is shared with others', 'capabilities': 'none, and none can be had; not root',
    'calls': 'the filter of system calls is in force'}


@dataclass(frozen=True)
class Finding:
    """``name`` of the check; ``ok``: found as expected; ``mend``: a command, '' where none is known or needed."""

    name: str
    ok: bool
    expected: str
    found: str
    mend: str = ''


def requirements(launcher):
    """Return Findings about what ``launcher`` needs of this machine, without trying it."""
    known = os.uname().machine in seccomp.MACHINES
    found = [Finding('machine', known, f'one of {", ".join(seccomp.MACHINES)}', os.uname().machine)]
    if launcher.name == bubblewrap.NAME:
        path = shutil.which(bubblewrap.PROGRAM)
        found.append(Finding('bubblewrap', path is not None, 'the program bwrap', bubblewrap_version(path),
                             '' if path else mending.INSTALL))
    else:
        abi = ruleset.version()
        found += [Finding('user', os.geteuid() == 0, 'root, who can become another user', f'user {os.geteuid()}',
                          '' if os.geteuid() == 0 else mending.AS_ROOT),
                  Finding('Landlock', abi >= 1, 'version 1 or newer', f'version {abi}' if abi else 'none',
                          '' if abi else mending.LANDLOCK)]
    return found


def bubblewrap_version(path):
    """Return what bwrap at ``path`` calls itself, or 'not installed' for None."""
    if path is None:
        return 'not installed'
    try:
        return subprocess.run([path, '--version'], capture_output=True, text=True, timeout=START_S).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return f'{path} does not run: {error}'


def probe(launcher):
    """Return every Finding about ``launcher``: requirements first, and where they are met what was seen from inside."""
    found = requirements(launcher)
    if not all(one.ok for one in found):
        return found
    try:
        answers = _answers(launcher)
    except (OSError, SandboxError, ValueError) as error:
        return [*found, Finding('start', False, 'a small program runs confined', str(error)[:2000],
                                mending.of_start(launcher.name, str(error)))]
    found.append(Finding('start', True, 'a small program runs confined', f'it runs, by {launcher.name}'))
    return found + [Finding(name, ok is True, _EXPECTED[name], str(said)) for name, (ok, said) in answers.items()]


def whole(findings):
    """Whether agent code may run."""
    return all(one.ok for one in findings)


def _answers(launcher):
    """Run `inside` confined and return what it says; SandboxError where it doesn't."""
    with contextlib.ExitStack() as stack:
        outside = stack.enter_context(tempfile.TemporaryDirectory(prefix='enpire_probe_'))
        os.chmod(outside, 0o755)
        secret = os.path.join(outside, 'everybody_may_read')
        with open(secret, 'w', encoding='ascii') as handle:
            handle.write('secret')
        os.chmod(secret, 0o644)
        home = launcher.home(_HOME_BYTES)
        stack.callback(home.close)
        given = {**_listeners(stack, outside), 'pid': os.getpid(), 'file': secret, 'home': home.path}
        output = stack.enter_context(tempfile.TemporaryFile())
        confined = launcher.start(Confinement(
            (sys.executable, '-I', '-S', inside.__file__, json.dumps(given)), {'LANG': 'C.UTF-8'}, home,
            output.fileno(), visible=(*system.interpreter(), inside.__file__)))
        try:
            status = confined.wait(START_S)
        except subprocess.TimeoutExpired:
            raise SandboxError(f'expected an end within {START_S:g} s, and it still runs') from None
        finally:
            confined.kill()
        output.seek(0)
        said = output.read().decode('utf-8', 'replace')
    try:
        answers = json.loads(said) if status == 0 else None
    except ValueError:
        answers = None
    if not isinstance(answers, dict) or set(answers) != set(_EXPECTED):
        raise SandboxError(f'the program {processes.ended(status)} and said: {said.strip() or "nothing"}')
    return answers


def _listeners(stack, folder):
    """Open what a confined program must not reach; return how it would."""
    given = {}
    for name, kind in (('tcp', socket.SOCK_STREAM), ('udp', socket.SOCK_DGRAM)):
        one = stack.enter_context(socket.socket(socket.AF_INET, kind))
        one.bind(('127.0.0.1', 0))
        given[name] = one.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            one.listen()
    given['abstract'], given['socket'] = f'enpire_probe_{os.getpid()}', os.path.join(folder, 'socket')
    for address in ('\0' + given['abstract'], given['socket']):
        one = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        one.bind(address)
        one.listen()
    os.chmod(given['socket'], 0o777)
    return given


LAUNCHERS = (bubblewrap.Bubblewrap, landlock.Landlock)

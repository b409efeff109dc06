"""Which way to confine this machine has: the best one that is whole. There is no way to do without."""

import functools
import os

from enpire_safety.sandbox import probe, system
from enpire_safety.sandbox.confinement import SandboxError


class NoSandbox(SandboxError):
    """Nothing here can confine agent code; it doesn't run. The text says what is missing, and what mends it."""


@functools.cache
def launcher():
    """Return the launcher, tried out; looked for once a process. NoSandbox."""
    seen = []
    for kind in probe.LAUNCHERS:
        one = kind()
        findings = probe.probe(one)
        if probe.whole(findings):
            return one
        seen.append((one.name, findings))
    raise NoSandbox(text(seen))


def check_readable(paths, root=None):
    """NoSandbox where programs of another user can't read ``paths``. ``root``: whether we are; None: look."""
    closed = system.closed_to_others(paths) if (os.geteuid() == 0 if root is None else root) else ''
    if closed:
        raise NoSandbox('expected files that other users may read, for what agents write runs as another one, and they '
                        f'may not read {closed}; to mend it: chmod -R a+rX of the folder in which the set-up made it')


def text(seen):
    """Return what to tell: ``seen`` holds (launcher's name, Findings) of those that are not whole."""
    lines = ['expected a way to confine what agents write, found none, and without one none of it runs '
             '(`enpire doctor` shows all that was looked at):']
    for name, findings in seen:
        for one in findings:
            if not one.ok:
                lines.append(f'- {name}: {one.name}: expected {one.expected}, found {one.found.strip()}'
                             + (f'; to mend it: {one.mend}' if one.mend else ''))
    return '\n'.join(lines)

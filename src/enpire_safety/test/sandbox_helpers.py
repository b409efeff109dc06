"""Runs a piece of Python in a sandbox, for tests; and which sandboxes this machine has."""

import os
import sys
import tempfile

import pytest
from enpire_safety.sandbox import choice, probe, system
from enpire_safety.sandbox.confinement import Confinement

# Before each piece: what attacks are made of.
PRELUDE = """
import ctypes, errno, fcntl, json, os, resource, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(name, *words):
    if getattr(libc, name)(*words) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def syscall(number, *words):
    call('syscall', ctypes.c_long(number), *(ctypes.c_long(word) if isinstance(word, int) else word for word in words))
given = json.loads(sys.argv[1])
"""


def launchers():
    """Return the sandboxes of this machine as pytest's parameters: those that are missing here are skipped."""
    found = []
    for kind in probe.LAUNCHERS:
        findings = probe.probe(kind())
        skip = pytest.mark.skip(reason=choice.text([(kind.name, findings)]))
        found.append(pytest.param(kind(), id=kind.name, marks=[] if probe.whole(findings) else [skip]))
    return found


def start(launcher, source, output, home=None, given='{}', **options):
    """Start ``source`` confined; return (Confined, its home)."""
    home = home or launcher.home(8 << 20)
    words = (sys.executable, '-I', '-S', '-c', PRELUDE + source, given)
    return launcher.start(Confinement(words, {'LANG': 'C.UTF-8'}, home, output,
                                      options.pop('visible', system.interpreter()), **options)), home


def run(launcher, source, given='{}', **options):
    """Run ``source`` confined to its end; return (its exit status, what it printed)."""
    with tempfile.TemporaryFile() as output:
        confined, home = start(launcher, source, output.fileno(), given=given, **options)
        try:
            status = confined.wait(60)
        finally:
            assert confined.kill() == []
            home.close()
        output.seek(0)
        return status, output.read().decode('utf-8', 'replace')


def open_folder():
    """Return a new folder that other users may enter, as a context manager; unlike pytest's."""
    folder = tempfile.TemporaryDirectory(dir='/tmp')
    os.chmod(folder.name, 0o755)
    return folder

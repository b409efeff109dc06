"""`python -I -S inside.py GIVEN`: tries from inside a sandbox what must not work, and prints what came of it as JSON.

GIVEN is JSON: ``pid`` of a process outside; ``file``: outside, that everybody may read; ``tcp``, ``udp``: ports of
listeners on 127.0.0.1 outside; ``abstract``, ``socket``: a name and a path of others; ``home``: its home. The answer
has {check: [is it as it should be, what was found]}. Standard library only.
"""

import ctypes
import json
import os
import signal
import socket
import sys

_CLONE_NEWUSER, _PTRACE_SEIZE, _SHMGET = 0x10000000, 0x4206, {'x86_64': 29, 'aarch64': 194}
_OUTSIDE_WRITES = ('/', '/tmp/..', '/usr', '/etc', '/dev', '/dev/shm/..', '/proc/sys/kernel')


def refused(*tries):
    """Call each (name, function); return [whether all raised OSError, which did what]."""
    worked, errors = [], []
    for name, function in tries:
        try:
            function()
            worked.append(name)
        except OSError as error:
            errors.append(f'{name}: {error.strerror or error}')
    return [not worked, '; '.join(f'{name}: possible' for name in worked) or '; '.join(errors)]


def network(given):
    """No socket reaches a listener outside."""
    def reach(family, kind, address):
        def call():
            with socket.socket(family, kind) as one:
                one.settimeout(0.5)
                one.connect(address)
                one.send(b'x')
        return call
    return refused(('TCP', reach(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', given['tcp']))),
                   ('UDP', reach(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', given['udp']))),
                   ('abstract Unix socket', reach(socket.AF_UNIX, socket.SOCK_STREAM, '\0' + given['abstract'])),
                   ('Unix socket', reach(socket.AF_UNIX, socket.SOCK_STREAM, given['socket'])))


def processes(given):
    """No process outside can be seen into, signalled or traced."""
    pid = given['pid']

    def trace():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(_PTRACE_SEIZE, pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return refused((f'signal to {pid}', lambda: os.kill(pid, 0)), ('ptrace', trace),
                   ('environ', lambda: open(f'/proc/{pid}/environ', 'rb').read()),
                   ('fd', lambda: os.listdir(f'/proc/{pid}/fd')))


def files(given):
    """Nothing outside can be read, and nothing but the home be written; the home can."""
    def write(folder):
        def call():
            path = os.path.join(folder, 'enpire_sandbox_probe')
            with open(path, 'w', encoding='ascii') as handle:
                handle.write('x')
            os.unlink(path)
        return call
    tries = [(f'reading {given["file"]}', lambda: open(given['file'], 'rb').read())]
    tries += [(f'writing in {folder}', write(folder)) for folder in _OUTSIDE_WRITES]
    found = refused(*tries)
    home = refused(('home', write(given['home'])))
    return found if not home[0] else [False, f'the home can\'t be written: {home[1]}']


def memory(given):
    """No memory is shared with others: neither of System V nor of POSIX."""
    def shmget():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(_SHMGET[os.uname().machine], 0x656E70, 4096, 0o1666) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return refused(('System V', shmget), ('/dev/shm', lambda: open('/dev/shm/enpire_sandbox_probe', 'w')))


def status():
    """Return the lines of /proc/self/status as a dict."""
    with open('/proc/self/status', encoding='ascii', errors='replace') as handle:
        return dict(line.rstrip('\n').split(':\t', 1) for line in handle if ':\t' in line)


def capabilities(given):
    """It has none, can't get any, and isn't root."""
    lines = status()
    held = {name: lines[name] for name in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb') if int(lines[name], 16)}
    good = not held and lines['NoNewPrivs'] == '1' and os.getuid() != 0
    return [good, f'user {os.getuid()}, no_new_privs {lines["NoNewPrivs"]}, capabilities {held or "none"}']


def calls(given):
    """The filter is in force, and lets nobody make namespaces."""
    def unshare():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    found = refused(('unshare', unshare))
    return found if status()['Seccomp'] == '2' else [False, f'no filter is in force; {found[1]}']


def main():
    """Try all and print."""
    given = json.loads(sys.argv[1])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    print(json.dumps({check.__name__: check(given) for check in CHECKS}))


CHECKS = (network, processes, files, memory, capabilities, calls)

if __name__ == '__main__':
    main()

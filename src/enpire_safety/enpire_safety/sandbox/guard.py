"""`python -I -S guard.py GIVEN`: runs a command, and ends with all that it started.

The parent of what is confined. The kernel tells it when the thread of the server that started it ends, however that
was; it then ends with every process below itself. When the command ends, what it left is killed too, and its wait
status goes through a pipe of the guard's own. Standard library only, and without `site`: it costs milliseconds.

GIVEN is JSON: ``command``; ``status``: descriptor for "ready", then for the command's wait status, in words; ``go``:
descriptor at which a byte is waited for before the command begins, where it is ``held``; ``keep``: descriptors that the
command alone shall hold (their other end sees its end); ``limits``: [resource, most] for the command and what it
starts; ``uid``: the user and group to become, null: none; ``within``: where the guard is,

- true: it is process 1 of namespaces of its own (bubblewrap has made them and applied the filter). Nobody in there can
  signal it, and with it the kernel kills all the others. It keeps its user, without capabilities: of a parent of
  another user the kernel would not tell it the end.
- false: beside the server, ``parent``, as a subreaper. ``home`` is removed where the server has died: nobody else knows
  of it then.

The command's process becomes the other user, and, false, confines itself by ``landlock`` and ``seccomp`` (descriptors
of ruleset and filter, or null) before it begins.

Not covered: false, without another user: who kills its guard in the moment in which the server dies.
"""

import ctypes
import json
import os
import resource
import select
import shutil
import signal
import struct
import sys
import time

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
# The system calls of Landlock have the same numbers on every machine; see `ruleset`.
LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF, LANDLOCK_IN_PROC = 445, 446, 1 << 1 | 1 << 2 | 1 << 3
CAPABILITIES = 64
# At the parent's end the kernel sends SIGCONT: it wakes even a guard that somebody has stopped.
PARENT_ENDED = signal.SIGCONT
END = {PARENT_ENDED, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
ROUND_S, PARTING_S = 0.005, 0.1
HOME_PREFIX = 'enpire_policy_'


def main(words):
    """Run the command, wait for its end or the parent's, kill what is left, say how it ended."""
    given = json.loads(words[0])
    # Signals are waited for, not handled: none can come between two lines. Blocked ones are kept for us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    libc = ctypes.CDLL(None, use_errno=True)
    for name in ('status', 'go'):
        os.set_inheritable(given[name], False)
    (_begin_within if given['within'] else _begin_outside)(libc, given)
    os.write(given['status'], b'ready\n')
    if given['held'] and not os.read(given['go'], 1):  # the server has ended
        _leave(given)
    guard = os.getpid()
    host = os.fork()
    if host == 0:
        _become(libc, guard, before, given)
    if given['within']:
        give_up(libc)
    for fd in given['keep']:
        os.close(fd)
    status = _status_of(host, set() if given['within'] else END)
    if not given['within']:
        end_descendants(guard, given['uid'])
        # The command, whose pipe closes, may see the parent's end a moment before we hear of it, and end by itself.
        if status is None or signal.sigtimedwait({PARENT_ENDED}, PARTING_S) is not None:
            _remove_home(given['home'])
    if status is not None:
        os.write(given['status'], b'%d\n' % status)
    os._exit(0)  # within: and the kernel with all that is left


def _begin_within(libc, given):
    # Neither its memory nor its descriptors are for others of this user.
    _prctl(libc, PR_SET_DUMPABLE, 0)
    poller = select.poll()
    poller.register(given['status'], 0)
    if poller.poll(0):  # nobody reads it any more: the server ended before we asked
        _leave(given)


def _begin_outside(libc, given):
    _prctl(libc, PR_SET_PDEATHSIG, PARENT_ENDED)
    if os.getppid() != given['parent']:  # it ended before we asked
        _leave(given)
    _prctl(libc, PR_SET_CHILD_SUBREAPER, 1)


def become_user(libc, uid):
    """Become the user and group ``uid``, in no other group, and give up every capability for good."""
    for number in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)  # fails beyond the last one that the kernel knows
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    give_up(libc)


def give_up(libc):
    """Give up every capability that this process holds, or could hand on."""
    if libc.capset(struct.pack('<Ii', 0x20080522, 0), bytes(24)) != 0:
        _stop('capset')


def _leave(given):
    """End before anything has begun."""
    if not given['within']:
        _remove_home(given['home'])
    os._exit(1)


def _remove_home(folder):
    if folder and os.path.basename(folder).startswith(HOME_PREFIX):  # never anything else
        shutil.rmtree(folder, ignore_errors=True)


def _prctl(libc, option, value):
    if libc.prctl(option, int(value), 0, 0, 0) != 0:
        _stop(f'prctl({option})')


def _stop(what):
    os.write(2, f'the kernel refused {what}: {os.strerror(ctypes.get_errno())}\n'.encode())
    os._exit(127)


def _become(libc, guard, mask, given):
    """In the child: a process group of its own, death with the guard, confined, then the command. Never returns."""
    command = given['command']
    try:
        os.setpgid(0, 0)
        # Until it begins, so that the next line is allowed; the guard itself stays as it is.
        _prctl(libc, PR_SET_DUMPABLE, 1)
        # Where memory is short this one goes, not the station.
        with open('/proc/self/oom_score_adj', 'w', encoding='ascii') as handle:
            handle.write('1000')
        for kind, most in given['limits']:
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))
        if given['uid'] is not None:
            become_user(libc, given['uid'])
        _prctl(libc, PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(libc, PR_SET_NO_NEW_PRIVS, 1)
        if os.getppid() == guard:
            if given['landlock'] is not None:
                _landlock(libc, given['landlock'])
            if given['seccomp'] is not None:
                _seccomp(libc, given['seccomp'])
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.execv(command[0], command)
    except OSError as error:
        os.write(2, f'{command[0]}: cannot be started: {error.strerror}\n'.encode())
    finally:
        os._exit(127)


def _landlock(libc, ruleset):
    own = os.open('/proc/self', os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack('<Qi', LANDLOCK_IN_PROC, own)
    if libc.syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0) != 0 or libc.syscall(
            LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
        _stop('Landlock')
    os.close(ruleset)


def _seccomp(libc, fd):
    """Apply the filter in the file ``fd`` (struct sock_filter, 8 bytes each)."""
    lines = os.pread(fd, 1 << 16, 0)
    os.close(fd)
    program = ctypes.create_string_buffer(lines, len(lines))
    header = struct.pack('HL', len(lines) // 8, ctypes.addressof(program))
    if libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0) != 0:
        _stop('seccomp')


def _status_of(host, end):
    """Reap until ``host`` has ended and return its wait status; None where a signal of ``end`` came first."""
    while True:
        if signal.sigwait(end | {signal.SIGCHLD}) in end:
            return None
        # One signal may stand for several dead.
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == host:
                return status
            if pid == 0:
                break


def end_descendants(guard, uid=None):
    """Kill every process below ``guard``, this one, and all of the user ``uid``, and reap them, until none is left."""
    while True:
        for pid in _descendants(guard):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if uid is not None:
            _sweep(uid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(ROUND_S)


def _sweep(uid):
    """Kill all processes of ``uid`` at once: no fork is faster than that."""
    sweeper = os.fork()
    if sweeper == 0:
        try:
            os.setresuid(uid, uid, uid)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(sweeper, 0)


def _descendants(guard):
    parents = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open(f'/proc/{entry}/stat', 'rb') as handle:
                    text = handle.read()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # The name stands in brackets and may hold anything.
            parents[int(entry)] = int(text[text.rindex(b')') + 2:].split()[1])
    found, grown = {guard}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {guard}


if __name__ == '__main__':
    main(sys.argv[1:])

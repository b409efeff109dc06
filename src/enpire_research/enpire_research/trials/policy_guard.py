"""`python -I -S policy_guard.py PARENT KEEP COMMAND...`: runs COMMAND, and ends with all that it started.

The parent of a policy's process. The kernel wakes it when the thread of PARENT that started it ends, however
it ends; it then kills every process below itself until none is left, and removes the policy's home, its own
folder. Descendants that lose their own parent become its children (child subreaper), so that none gets out of
reach by a session or a fork of its own. When COMMAND ends, what it left is killed too, and the guard ends with
COMMAND's own exit status or signal.

KEEP: comma-separated file descriptors that only COMMAND shall hold: closed here, so that their other end
sees COMMAND's end. Standard library only and started without `site`, so that it costs milliseconds.

Not covered: a policy that kills its guard in the same moment in which the trial server dies. Where only the
guard dies, COMMAND dies with it (PR_SET_PDEATHSIG), and the trial server finds the rest (`proc.kill_family`).
"""

import ctypes
import os
import shutil
import signal
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# At the parent's end the kernel sends SIGCONT: it wakes even a guard that a policy has stopped.
PARENT_ENDED = signal.SIGCONT
END = {PARENT_ENDED, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
ROUND_S, PARTING_S = 0.005, 0.1
HOME_PREFIX = 'enpire_policy_'


def main(words):
    """Run the command, wait for its end or the parent's, kill what is left, end as the command did."""
    parent, keep, command = int(words[0]), [int(fd) for fd in words[1].split(',')], words[2:]
    # Signals are waited for, not handled: none can come between two lines. Blocked ones are kept for us.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, PR_SET_PDEATHSIG, PARENT_ENDED)
    if os.getppid() != parent:  # it ended before we asked
        _remove_home(os.getcwd())
        os._exit(1)
    _prctl(libc, PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    host = os.fork()
    if host == 0:
        _become(libc, guard, before, command)
    for fd in keep:
        os.close(fd)
    status = _status_of(host)
    end_descendants(guard)
    # COMMAND, whose pipe closes, may see the parent's end a moment before we hear of it, and end by itself.
    if status is None or signal.sigtimedwait({PARENT_ENDED}, PARTING_S) is not None:
        _remove_home(os.getcwd())
    if status is None:
        os._exit(1)
    _end_as(status)


def _remove_home(folder):
    """Remove the policy's home, this process's folder: nobody else knows of it once the server is dead."""
    if os.path.basename(folder).startswith(HOME_PREFIX):  # never anything else, wherever this was started
        shutil.rmtree(folder, ignore_errors=True)


def _prctl(libc, option, value):
    if libc.prctl(option, int(value), 0, 0, 0) != 0:
        os.write(2, f'the kernel refused prctl({option}): {os.strerror(ctypes.get_errno())}\n'.encode())
        os._exit(1)


def _become(libc, guard, mask, command):
    """In the child: a process group of its own, death with the guard, then ``command``. Never returns."""
    try:
        os.setpgid(0, 0)
        _prctl(libc, PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == guard:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.execv(command[0], command)
    except OSError as error:
        os.write(2, f'{command[0]}: cannot be started: {error.strerror}\n'.encode())
    finally:
        os._exit(127)


def _status_of(host):
    """Reap until ``host`` has ended and return its wait status; None where we are to end first."""
    while True:
        if signal.sigwait(END | {signal.SIGCHLD}) in END:
            return None
        # One signal may stand for several dead.
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == host:
                return status
            if pid == 0:
                break


def end_descendants(guard):
    """Kill every process below ``guard``, this one, and reap them, until none is left."""
    while True:
        for pid in _descendants(guard):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(ROUND_S)


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


def _end_as(status):
    """End with the exit code or by the signal in ``status`` (of `os.waitpid`)."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)  # Python ignores some
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


if __name__ == '__main__':
    main(sys.argv[1:])

"""`python -I -S guard.py PARENT SIGNAL COMMAND...`: becomes COMMAND, which gets SIGNAL when PARENT dies.

Standard library only and started without `site`, so that it costs milliseconds. The kernel keeps the
promise (prctl PR_SET_PDEATHSIG), so nothing has to run when the supervisor is killed by SIGKILL.
Not covered: children of COMMAND; each process that starts others has to do the same for them.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(words):
    """Ask for the signal, make sure that the parent is still there, become the command."""
    parent, number, command = int(words[0]), int(words[1]), words[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        sys.exit(
            f'{command[0]}: the kernel refused PR_SET_PDEATHSIG: {os.strerror(ctypes.get_errno())}'
        )
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)
    signal.signal(
        signal.SIGPIPE, signal.SIG_DFL
    )  # Python ignores it, and the command would inherit that
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f'{command[0]}: cannot be started: {error.strerror}\n')
        sys.exit(127)


if __name__ == '__main__':
    main(sys.argv[1:])

"""Starts a program behind a guard that stands beside us, in no namespace of its own; the part that launchers share."""

import os
import secrets
import shutil
import tempfile

from enpire_safety.sandbox.confinement import Confined, guarded, start
from enpire_safety.sandbox.guard import HOME_PREFIX


class Folder:
    """A home on disk, an empty folder of the user ``uid`` (None: ours). ``folder``: a descriptor of it."""

    def __init__(self, uid=None):
        self.uid = uid
        self.path = tempfile.mkdtemp(prefix=HOME_PREFIX)
        if uid is not None:
            os.chown(self.path, uid, uid)
        self.folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def attach(self, confined):
        """Nothing to do: ``folder`` is there."""

    def close(self):
        """Remove it; after the program's end. Twice is fine."""
        if self.folder is not None:
            os.close(self.folder)
            self.folder = None
            shutil.rmtree(self.path, ignore_errors=True)


def launch(confinement, ruleset=None, filter_fd=None, sweep=None):
    """Start ``confinement`` and return it as Confined; ``ruleset``, ``filter_fd``: descriptors, see `guard`."""
    mark = secrets.token_hex(8)
    read, write = os.pipe()
    fds = [fd for fd in (write, ruleset, filter_fd) if fd is not None]
    try:
        process = start(guarded(confinement, write, False, ruleset, filter_fd), confinement, mark, fds,
                        confinement.home.path)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    return Confined(process, read, False, mark, sweep)

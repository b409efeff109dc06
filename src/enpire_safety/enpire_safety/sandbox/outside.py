"""Starts a program behind a guard that stands beside us, in no namespace of its own; the part that launchers share."""

import os
import shutil
import tempfile

from enpire_safety.sandbox.confinement import begin
from enpire_safety.sandbox.guard import HOME_PREFIX


class Folder:
    """A home on disk, an empty folder of the user ``uid`` (None: ours). ``folder``: a descriptor of it."""

    on_disk = True

    def __init__(self, uid=None):
        self.uid = uid
        self.path = tempfile.mkdtemp(prefix=HOME_PREFIX)
        if uid is not None:
            os.chown(self.path, uid, uid)
        self.folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def attach(self, confined):
        """Nothing to do: ``folder`` is there."""

    def used_bytes(self):
        """Return the memory that its files take: none."""
        return 0

    def close(self):
        """Remove it; after the program's end. Twice is fine."""
        if self.folder is not None:
            os.close(self.folder)
            self.folder = None
            shutil.rmtree(self.path, ignore_errors=True)


def launch(confinement, ruleset=None, filter_fd=None, sweep=None):
    """Start ``confinement`` and return it as Confined; ``ruleset``, ``filter_fd``: descriptors, see `guard`."""
    return begin(confinement, confinement.home.path, False, (), ruleset, filter_fd, sweep=sweep)

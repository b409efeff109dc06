"""Starts programs of our own behind a guard and nothing else, to measure what the sandbox costs beside it.

Never for what an agent has written. Nothing but the bench and tests hands it to anybody: no node, no command.
"""

from enpire_safety.sandbox import outside


class Unconfined:
    """A launcher that confines nothing."""

    name = 'unconfined'

    def home(self, size):
        """Return a home on disk."""
        return outside.Folder()

    def start(self, confinement):
        """Start what ``confinement`` describes, without confining it."""
        return outside.launch(confinement)

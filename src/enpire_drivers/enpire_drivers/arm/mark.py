"""What outlives a driver that has cut the power: the one after it in the same folder starts with the power cut.

Not covered: a relay that somebody switches by hand meanwhile.
"""

import os

from enpire_core.files import write_bytes

NAME = 'power_cut'


class PowerMark:
    """A file in ``folder``, a path; '' keeps none."""

    def __init__(self, folder):
        self._path = os.path.join(folder, NAME) if folder else ''

    def read(self):
        """Return why the power was cut by the driver before this one, '' where it was not."""
        if not self._path or not os.path.lexists(self._path):
            return ''
        try:
            with open(self._path, encoding='utf-8') as handle:
                return handle.read().strip() or 'no reason was kept'
        except (OSError, ValueError) as error:
            return f'why can not be read ({self._path}: {error})'

    def keep(self, reason):
        """Write it down, '' removes it; OSError where that can't be done."""
        if not self._path:
            return
        if reason:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            write_bytes(self._path, f'{reason}\n'.encode(), mode=0o600)
        elif os.path.lexists(self._path):
            os.unlink(self._path)

"""The one kind of error that the set-up shows to people."""
from __future__ import annotations

import errno

# The last is a limit on the size of files, as `ulimit -f` sets it.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_TEXT = ('no space left on device', 'disk quota exceeded', 'file too large')


class SetupError(Exception):
    """A sentence: what was expected, what came, what to do. Shown without a traceback."""


def disk_full(where: str) -> SetupError:
    """Return the sentence for a file system that ran full while we wrote to `where`."""
    return SetupError(
        f'Set-up expected room for its files in {where}, and the disk (or the quota) is full: '
        'free some space, then run the same command again.'
    )


def is_disk_full(error: OSError) -> bool:
    """Say whether this error means a full disk or a used-up quota."""
    return error.errno in FULL


def says_disk_full(text: str) -> bool:
    """Say whether the output of a program tells of a full disk."""
    lowered = text.lower()
    return any(words in lowered for words in FULL_TEXT)

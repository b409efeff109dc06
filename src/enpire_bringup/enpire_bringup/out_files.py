"""Whether a file can be written, found out before minutes of work are spent on what goes into it."""

import os
import tempfile


def trouble(path):
    """Return why a file cannot be written at ``path``, '' where it can. Leaves nothing behind.

    It is tried out: permissions say too little about full, read-only and special file systems.
    Not covered: a disk that fills up meanwhile.
    """
    path = os.path.abspath(path)
    if os.path.isdir(path):
        return f'expected a file, but {path} is a folder'
    try:
        if os.path.exists(path):
            with open(path, 'ab'):
                return ''
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), prefix='.', suffix='.part'):
            return ''
    except OSError as error:
        return f'expected a file that can be written at {path}, got: {error.strerror}'

"""The files that a goal names, policy, script and artifact: read once, bounded, hashed, kept for replays."""

import hashlib
import os
import stat

from enpire_core.files import write_bytes
from enpire_policy.artifact import MAX_ARTIFACT_BYTES
from enpire_research.trials.policy_process import ARTIFACT, PolicyFailure

# Of Rollout.action; a test compares it with the file.
UNREADABLE = 203
MAX_POLICY_BYTES = 1_000_000


def read_policy(path, name='policy_file', what='a policy file'):
    """Return (source, SHA-256 hex) of a policy file; PolicyFailure where it can't be used.

    ``name``, ``what``: the goal's field and what is expected there, for the text, where it is another script.
    """
    data = read_bounded(path, name, what, MAX_POLICY_BYTES, UNREADABLE)
    try:
        return data.decode('utf-8'), hashlib.sha256(data).hexdigest()
    except UnicodeDecodeError as error:
        raise PolicyFailure(UNREADABLE, f'{path}: expected UTF-8, got byte {data[error.start]:#04x} at '
                            f'{error.start}') from error


def read_artifact(path):
    """Return (bytes, SHA-256 hex) of an artifact; PolicyFailure where there is none. Nobody looks into it yet."""
    data = read_bounded(path, 'artifact_file', 'an artifact', MAX_ARTIFACT_BYTES, ARTIFACT)
    if not data:
        raise PolicyFailure(ARTIFACT, f'{path}: expected an ONNX model, got an empty file')
    return data, hashlib.sha256(data).hexdigest()


def keep(path, data):
    """Write ``data`` (bytes) to ``path`` unless it is there, in a folder that is made if need be."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_bytes(path, data)


def read_bounded(path, name, what, most, code, flags=0, dir_fd=None):
    """Return the at most ``most`` bytes of the file ``path``; PolicyFailure with ``code`` where that can't be.

    ``name``: of the goal's field; ``what`` is expected there; ``flags``: of os.open, more than those needed here;
    ``dir_fd``: of the folder that ``path`` is relative to.
    """
    try:
        # Opened once, and without waiting: a FIFO would keep us for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags, dir_fd=dir_fd)
        try:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode):
                got = 'a folder' if stat.S_ISDIR(mode) else 'something that is no file'
                raise PolicyFailure(code, f'{path}: expected {what}, got {got}')
            with open(fd, 'rb', closefd=False) as handle:
                data = handle.read(most + 1)
        finally:
            os.close(fd)
    except FileNotFoundError:
        raise PolicyFailure(code, f'{path}: expected {what}, there is none') from None
    except OSError as error:
        raise PolicyFailure(code, f'{path}: expected {what}, it cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise PolicyFailure(code, f'{name}: expected a path, got {path!r}: {error}') from error
    if not len(data) <= most:
        raise PolicyFailure(code, f'{path}: expected at most {most} bytes, got more')
    return data

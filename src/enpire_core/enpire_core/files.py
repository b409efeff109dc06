"""Files that are either whole or not there."""

import hashlib
import json
import os
import tempfile


def write_bytes(path, data, mode=0o600):
    """Write ``data`` to ``path`` so that a crash leaves the old file or the new one, never a part."""
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix='.', suffix='.part')
    try:
        with os.fdopen(descriptor, 'wb') as handle:
            handle.write(data)
            handle.flush()
            os.fchmod(handle.fileno(), mode)
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path, value, mode=0o600):
    """Write ``value`` as JSON with sorted keys, whole or not at all."""
    write_bytes(path, (json.dumps(value, sort_keys=True, indent=1) + '\n').encode(), mode)


def sha256_file(path):
    """Return the SHA-256 of a file's bytes as hex."""
    digest = hashlib.sha256()
    with open(path, 'rb') as handle:
        for block in iter(lambda: handle.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()

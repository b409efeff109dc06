"""Seeds of a campaign's trials, and its secret.

Development resets come from the campaign's seed, which everybody knows. Those of the final exam, and the errors that
simulated stations hide, come from a secret of 32 bytes: the ledger holds its hash from the start and the secret itself
at the end, so that nobody can train for them, and everybody can check it. The secret lies in a file (0600); what
agents write runs in a sandbox in which there is no such file.
"""

import hashlib
import os
import re
import stat

from enpire_core.files import write_bytes
from enpire_core.seeds import derive

SECRET_BYTES = 32
NAME = 'secret'
_HEX = re.compile(r'[0-9a-fA-F]{64}')


class SecretError(ValueError):
    """A file holds no secret, or not this campaign's; the text says what was expected and what to do."""


def development_seed(seed, index):
    """Return the seed of development reset ``index`` of a campaign with ``seed``."""
    return derive(seed, 'development', index)


def held_out_seed(secret, index):
    """Return the seed of reset ``index`` of the final exam; ``secret``: 32 bytes."""
    _check(secret)
    return derive(secret.hex(), 'held out', index)


def stations_seed(secret):
    """Return the seed from which the simulated stations of a campaign draw what they hide; it fits a ROS parameter."""
    _check(secret)
    return derive(secret.hex(), 'stations') >> 1


def secret_hash(secret):
    """Return the SHA-256 (hex) of ``secret``: the ledger holds it from the start."""
    _check(secret)
    return hashlib.sha256(secret).hexdigest()


def new_secret(random_bytes):
    """Return a new secret; ``random_bytes``: a function as os.urandom."""
    secret = random_bytes(SECRET_BYTES)
    _check(secret)
    return secret


def read_secret_file(path):
    """Return the secret in the file ``path``: 64 hexadecimal digits. SecretError where it holds none.

    A file that others can read is refused: then it is no secret.
    """
    try:
        with open(path, 'rb') as handle:
            mode = os.fstat(handle.fileno()).st_mode
            data = handle.read(1024)
    except OSError as error:
        raise SecretError(f'{path}: expected a file with a secret that can be read: {error.strerror}') from error
    if stat.S_ISREG(mode) and mode & 0o077:
        raise SecretError(f'{path}: expected a file that only its owner can read, got permissions '
                          f'{stat.S_IMODE(mode):04o}: chmod 600 it')
    text = data.decode('ascii', 'replace').strip()
    if not _HEX.fullmatch(text):
        raise SecretError(f'{path}: expected 64 hexadecimal digits (32 bytes), got {len(text)} characters'
                          f'{"" if len(text) != 64 else " with others among them"}: make one with '
                          '`openssl rand -hex 32`')
    return bytes.fromhex(text)


def keep_secret(folder, random_bytes, secret_file='', sha256=''):
    """Return the secret of the campaign in ``folder``: the one there, else that of ``secret_file``, else a new one.

    ``sha256``: of the secret with which the campaign began, where it did: then there is no new one. It is written to
    <folder>/secret (0600) before it is returned. SecretError where ``secret_file`` holds another one than the campaign
    has, or the campaign's is lost.
    """
    given = read_secret_file(secret_file) if secret_file else None
    path = os.path.join(folder, NAME)
    if os.path.exists(path):
        kept = read_secret_file(path)
        if given is not None and given != kept:
            raise SecretError(f'{secret_file}: expected the secret of the campaign in {folder}, got another one: '
                              'give the same file as at its start or none, or another run folder')
        return kept
    if sha256 and (given is None or secret_hash(given) != sha256):
        got = 'nothing there' if given is None else f'another one in {secret_file}'
        raise SecretError(f'{path}: expected the secret with which the campaign began, got {got}: put the file back, '
                          'or name a copy of it as secret_file')
    secret = new_secret(random_bytes) if given is None else given
    write_bytes(path, (secret.hex() + '\n').encode())
    return secret


def _check(secret):
    if not isinstance(secret, bytes) or len(secret) != SECRET_BYTES:
        got = f'{len(secret)} bytes' if isinstance(secret, bytes) else type(secret).__name__
        raise SecretError(f'expected a secret of {SECRET_BYTES} bytes, got {got}')

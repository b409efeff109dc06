"""Independent seeds derived from named parts, the same on every machine."""

import hashlib


def derive(*parts):
    """Return a 64-bit seed from ``parts`` (strings or integers). Different parts, different seed."""
    digest = hashlib.sha256()
    for part in parts:
        if not isinstance(part, (str, int)):
            raise TypeError(f'expected strings and integers as parts of a seed, got {part!r}')
        text = f'{type(part).__name__}:{part}'.encode()
        digest.update(len(text).to_bytes(4, 'big') + text)
    return int.from_bytes(digest.digest()[:8], 'big')

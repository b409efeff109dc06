"""Remembers which stages are done, for which inputs.

A stage leaves `<name>.begun` when it starts and `<name>.done` with the key of
its inputs when it ends. A begun stage that is not done was interrupted.
"""
from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Optional


def key_of(*parts: object) -> str:
    """Return a short hash over the parts' text, in order."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(str(len(data)).encode() + b':' + data)
    return digest.hexdigest()[:32]


class Stamps:
    """The stamp files in one folder. Raises OSError when the folder can't be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def done(self, name: str) -> Optional[str]:
        """Return the key for which the stage was last done, or None."""
        try:
            return (self.folder / f'{name}.done').read_text(encoding='utf-8', errors='replace').strip()
        except FileNotFoundError:
            return None

    def interrupted(self, name: str) -> bool:
        """Say whether the stage was begun and neither done nor given up."""
        return (self.folder / f'{name}.begun').exists()

    def begin(self, name: str) -> None:
        """Note that the stage starts: from here on it is not done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f'{name}.begun').touch()
        self.forget(name)

    def finish(self, name: str, key: str) -> None:
        """Note that the stage is done for this key; whole or not at all."""
        part = self.folder / f'{name}.part'
        part.write_text(key + '\n', encoding='utf-8')
        os.replace(part, self.folder / f'{name}.done')
        self.give_up(name)

    def give_up(self, name: str) -> None:
        """Note that the stage ended in order, so that its leftovers can be built upon."""
        (self.folder / f'{name}.begun').unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Make the stage run again."""
        (self.folder / f'{name}.done').unlink(missing_ok=True)

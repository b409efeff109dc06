"""The file that outlives a gate: who finds it at the start follows a gate that died.

A gate writes it when it comes up and removes it when it goes down in order and unlatched. So a gate
that was killed, or stopped while latched, starts latched, and an operator has to look.
"""

import json
import os

from enpire_core.files import write_json

NAME = 'safety_gate.running'


def begin(folder):
    """Write the marker into ``folder``; return '' or the reason why the gate must start latched.

    Raises OSError where the folder is missing or cannot be written.
    """
    path = os.path.join(folder, NAME)
    reason = ''
    if os.path.exists(path):
        reason = f'the gate before this one {_last_words(path)}; look at the station, then clear'
    write_json(path, {'latched': 'it died without a word'})
    return reason


def _last_words(path):
    try:
        with open(path, encoding='utf-8') as handle:
            return f'was latched or died: {json.load(handle)["latched"]}'
    except (ValueError, KeyError, TypeError) as error:
        return f'left a marker that cannot be read ({path}: {error})'


def end(folder, latched):
    """Say that the gate goes down in order; ``latched``: the reason of its latch, or ''."""
    path = os.path.join(folder, NAME)
    if latched:
        write_json(path, {'latched': latched})
    elif os.path.exists(path):
        os.unlink(path)

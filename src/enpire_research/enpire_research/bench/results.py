"""The committed results: entries by what was measured and where. Pure but for reading and writing the file.

An entry belongs to a state of the code (`enpire_research.studies.state`; in the file it is called manifest, as
older entries have the hash of one) and to a machine. Measuring again replaces the parts that were measured and
keeps the others.
"""

import hashlib
import json

from enpire_core.files import write_bytes

PARTS = ('gate', 'pipe', 'graph', 'cameras', 'memory')
FORMAT = 1


class ResultsError(ValueError):
    """The file holds no bench results; the text says what came."""


def key_of(state, machine):
    """Return the key of an entry: 12 hex digits of the state and 8 of the machine's description."""
    described = hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()
    return f'{state[:12]}-{described[:8]}'


def empty():
    """Return results without entries."""
    return {'format': FORMAT, 'entries': {}}


def merge(results, state, machine, parts):
    """Return ``results`` with ``parts`` ({part: figures}) in the entry of state and machine."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ResultsError(f'expected parts out of {", ".join(PARTS)}, got {unknown[0]!r}')
    key = key_of(state, machine)
    entries = dict(results['entries'])
    before = entries.get(key, {'parts': {}})
    entries[key] = {'manifest': state, 'machine': machine, 'parts': {**before['parts'], **parts}}
    return {'format': FORMAT, 'entries': entries}


def read(path):
    """Return the results in ``path``, empty ones where there is no file; ResultsError for another content."""
    try:
        with open(path, encoding='utf-8') as handle:
            found = json.load(handle)
    except FileNotFoundError:
        return empty()
    except ValueError as error:
        raise ResultsError(f'{path}: expected JSON, got {error}') from error
    if not isinstance(found, dict) or found.get('format') != FORMAT or not isinstance(found.get('entries'), dict):
        raise ResultsError(f'{path}: expected bench results of format {FORMAT}, got something else: '
                           'name another file with --out')
    return found


def write(path, results):
    """Write ``results``, whole or not at all."""
    write_bytes(path, (json.dumps(results, sort_keys=True, indent=1) + '\n').encode(), mode=0o644)


def newest(results):
    """Return for each machine {'machine': ..., 'parts': {part: figures}}: of each part what was measured last.

    The figures have the state of the code that they were measured on as 'state'. In the order of the machines'
    descriptions.
    """
    machines = {}
    for entry in results['entries'].values():
        shown = machines.setdefault(json.dumps(entry['machine'], sort_keys=True),
                                    {'machine': entry['machine'], 'parts': {}})
        for part, figures in entry['parts'].items():
            before = shown['parts'].get(part)
            if before is None or figures['measured_at'] > before['measured_at']:
                shown['parts'][part] = {**figures, 'state': entry['manifest']}
    return [shown for _, shown in sorted(machines.items()) if shown['parts']]


def last_state(results):
    """Return the state of the code that the newest figures were measured on, '' where there are none."""
    return max(((figures['measured_at'], entry['manifest']) for entry in results['entries'].values()
                for figures in entry['parts'].values()), default=('', ''))[1]

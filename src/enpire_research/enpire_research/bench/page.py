"""Writes docs/bench.md anew from what was measured, without measuring, and says whether the code has moved on.

    python -m enpire_research.bench.page [docs/results/bench.json]
"""

import os
import sys

from enpire_research.bench import results, table
from enpire_research.studies.state import bench_state
from enpire_tasks import registry

TASK = 'push_t'
RESULTS = os.path.join('docs', 'results', 'bench.json')


def current_state():
    """Return the state of the code that figures measured now are kept under."""
    return bench_state(registry.get(TASK))


def page_beside(out):
    """Return the path of the page that belongs to the results in ``out``: docs/results/x.json, docs/x.md."""
    folder, name = os.path.split(os.path.abspath(out))
    parent = os.path.dirname(folder) if os.path.basename(folder) == 'results' else folder
    return os.path.join(parent, os.path.splitext(name)[0] + '.md')


def main(arguments=None):
    """Write the page; print whether what was measured last was measured on the code as it is now."""
    path, = (sys.argv[1:] if arguments is None else arguments) or [RESULTS]
    found = results.read(path)
    with open(page_beside(path), 'w', encoding='utf-8') as handle:
        handle.write(table.markdown(found))
    now, last = current_state(), results.last_state(found)
    sys.stdout.write(f'measured on the code as it is now: {now}\n' if now == last else
                     f'MEASURED ON AN OLDER STATE OF THE CODE: {last or "none"}; the code is at {now} now\n')


if __name__ == '__main__':
    main()

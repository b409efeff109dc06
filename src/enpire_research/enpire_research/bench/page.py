"""Writes docs/bench.md anew from what was measured, without measuring: after a change of the code or of the page.

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
    """Write the page."""
    path, = (sys.argv[1:] if arguments is None else arguments) or [RESULTS]
    found = results.read(path)
    with open(page_beside(path), 'w', encoding='utf-8') as handle:
        handle.write(table.markdown(found, current_state()))


if __name__ == '__main__':
    main()

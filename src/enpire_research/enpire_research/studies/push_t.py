"""Measures Push-T by the direct runner: eyes, resets, verdicts, policies.

    python -m enpire_research.studies.push_t vision --n 400
    python -m enpire_research.studies.push_t verdicts --n 600
    python -m enpire_research.studies.push_t rim --n 200 --jobs 2
    python -m enpire_research.studies.push_t trials --n 420 --policy start --jobs 2
    python -m enpire_research.studies.push_t trials --n 100 --policy PATH --name reference
    python -m enpire_research.studies.push_t show
    python -m enpire_research.studies.push_t page        # writes docs/push_t.md

Resumable: what docs/results/push_t.json has for this state of the code (`studies.state`) is not measured again.
`--n` is how many there shall be in all. Two commands may fill the same file at once, with different studies;
one study is shared out by `--jobs`.
"""

import argparse
import math
import os
import sys

from enpire_core.files import sha256_file
from enpire_research.bench.progress import Progress
from enpire_research.studies import push_t_measure as measure
from enpire_research.studies.fill import fill
from enpire_research.studies.push_t_page import page
from enpire_research.studies.push_t_show import TRIALS, tables
from enpire_research.studies.results import Results, newest, read
from enpire_research.studies.state import study_state
from enpire_tasks import registry

RESULTS = os.path.join('docs', 'results', 'push_t.json')
PAGE = os.path.join('docs', 'push_t.md')
# What a row of each study is, and how many of --n are in one.
ROWS = {'vision': ('station', measure.STATION_FRAMES, measure.vision_row),
        'verdicts': ('station', measure.STATION_FRAMES, measure.verdicts_row),
        'rim': ('chain', measure.CHAIN, measure.rim_row),
        'trials': ('chain', measure.CHAIN, measure.trials_row)}


def current_state():
    """Return the state of the code that figures measured now are kept under."""
    return study_state(registry.get(measure.TASK), measure.__file__)


def current_page(path, key):
    """Return the page that belongs to the results in ``path`` and the state ``key`` of the code."""
    shown, studies = newest(read(path), key)
    return page(shown, tables(studies))


def show(path, key):
    """Return lines about the newest figures in ``path``."""
    shown, studies = newest(read(path), key)
    lines = [f'Measured on the code as it is now: {key}' if shown == key else
             f'MEASURED ON AN OLDER STATE OF THE CODE: {shown}; the code is at {key} now']
    for table in tables(studies):
        lines += [f'{table.title}:', *('  ' + ' | '.join(row) for row in [table.head, *table.rows] if any(row))]
    return lines


def run(study, n, jobs, results, key, policy, name):
    """Fill ``study`` up to ``n``, ``jobs`` rows at once."""
    word, each, function = ROWS[study]
    arguments, title = (), study
    if study == 'trials':
        policy = registry.get(measure.TASK).start_policy if policy == 'start' else os.path.abspath(policy)
        name = name or os.path.splitext(os.path.basename(policy))[0]
        arguments, title = (policy,), f'{TRIALS}{name} ({sha256_file(policy)[:8]})'
    wanted = {f'{word} {index}': (function, index, *arguments) for index in range(math.ceil(n / each))}
    fill(Results(results, key, title), wanted, jobs, Progress(f'{title}, {word}s of {each}', sys.stderr.write))


def main(arguments=None):
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('study', choices=(*ROWS, 'show', 'page'))
    parser.add_argument('--n', type=int, default=100, help='how many frames or trials there shall be in all')
    parser.add_argument('--jobs', type=int, default=1, help='how many stations are measured at once')
    parser.add_argument('--policy', default='start', help="'start' or the path of a policy file")
    parser.add_argument('--name', default='', help='name of the policy in the results')
    parser.add_argument('--results', default=RESULTS, help='the JSON file')
    options = parser.parse_args(arguments)
    for name in ('n', 'jobs'):
        if getattr(options, name) < 1:
            parser.error(f'--{name}: expected 1 or more, got {getattr(options, name)}')
    key = current_state()
    if options.study in ROWS:
        run(options.study, options.n, options.jobs, options.results, key, options.policy, options.name)
    elif options.study == 'page':
        with open(PAGE, 'w', encoding='utf-8') as handle:
            handle.write(current_page(options.results, key))
    sys.stdout.write('\n'.join(show(options.results, key)) + '\n')


if __name__ == '__main__':
    main()

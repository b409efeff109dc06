"""Measures the rows that a study lacks, several at once in processes of their own, and keeps each as it comes.

Only the process that calls `fill` writes. Each row is a pure function of its name, so the order in which rows
come changes nothing. All workers have the numeric environment of a lab (`enpire_core.numerics`), which can be
settled only before numpy is loaded: hence a fresh process even for one job.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed

from enpire_core import processes
from enpire_core.numerics import settle


def fill(results, wanted, jobs, say):
    """Add to ``results`` (Results) what it lacks of ``wanted``: {name: (function, *arguments)}, all picklable.

    ``jobs``: how many at once; ``say(done, missing)``: called at the start and after each row. An exception in a
    row ends it, and so does Ctrl-C; the rows that are there are kept, and the next call goes on from them.
    """
    missing = {name: work for name, work in wanted.items() if name not in results.rows}
    say(0, len(missing))
    if not missing:
        return
    settle(loaded={})  # for the workers; this process computes nothing
    pool = ProcessPoolExecutor(min(jobs, len(missing)), multiprocessing.get_context('spawn'), _begin, (os.getpid(),))
    try:
        names = {pool.submit(*work): name for name, work in missing.items()}
        for done, future in enumerate(as_completed(names), 1):
            results.add(names[future], future.result())
            say(done, len(missing))
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(parent):
    processes.die_with_parent(parent)
    settle()

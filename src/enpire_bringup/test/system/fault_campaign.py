#!/usr/bin/env python3
"""Faults by the hundred in simulated campaigns: do the arms hold, is a trial lost or counted twice, does the lab go on?

    setup/run.sh python src/enpire_bringup/test/system/fault_campaign.py --faults 200 --seed 1

As root: each run folder lies on a small disk of its own, which is mounted. What the results have already, for the code
as it is, is not done again: break it off as you like. A campaign that was under way then is done anew. Exit code 1
where a trial was lost, counted twice or made up, where arms did not hold in time, or where the lab did not go on.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import fault_page  # noqa: E402
import fault_plan  # noqa: E402
import fault_results  # noqa: E402
from enpire_tasks import registry  # noqa: E402
from fault_lab import FaultLab  # noqa: E402
from fault_runs import run  # noqa: E402

TASK = 'push_t'
# Of a campaign: it takes about ten faults.
TRIALS = 60
IN_VAIN = 3
KEPT = ('logs', 'campaign/ledger.jsonl', 'lab.yaml')


def main(arguments=None):
    """Do what is missing and say what all came to; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--faults', type=int, default=200, help='so many in all, those that the file has included')
    options.add_argument('--seed', type=int, default=1)
    options.add_argument('--out', type=pathlib.Path, default=HERE.parents[3] / 'docs' / 'results' / 'faults.jsonl')
    options.add_argument('--page', action='store_true', help='write the page that belongs to the results, do nothing')
    options.add_argument('--kept', type=pathlib.Path, default=None, help='folder for logs of campaigns that went wrong')
    chosen = options.parse_args(arguments)
    # As at Ctrl-C, the lab is ended and the disk taken away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    key = fault_results.state(registry.get(TASK))
    if not chosen.page:
        if os.geteuid() != 0:
            say('expected to be root, who may mount a small disk')
            return 2
        _do(chosen, key)
    lines = fault_results.read(chosen.out)
    if not lines:
        say(f'expected results in {chosen.out}, found none: run it without --page first')
        return 2
    shown = fault_results.newest(lines) if chosen.page else (key, chosen.seed)
    if chosen.page:
        path = fault_page.beside(chosen.out)
        path.write_text(fault_page.page(lines), encoding='utf-8')
        say(f'wrote {path}, measured on ' + ('the code as it is now' if shown[0] == key else
                                             f'AN OLDER STATE OF THE CODE: {shown[0]}; it is at {key} now'))
    faults, campaigns = fault_results.of(lines, *shown)
    say(fault_page.summary(faults, campaigns))
    return 1 if fault_results.wrong(faults, campaigns) else 0


def say(text):
    """Tell the caller, at once."""
    print(text, flush=True)


def _do(chosen, key):
    """Run campaigns until the results have the faults that are wanted."""
    about = {'state': key, 'seed': chosen.seed}
    while True:
        known, campaigns = fault_results.of(fault_results.read(chosen.out), key, chosen.seed)
        due = fault_plan.plan(chosen.seed, chosen.faults, {line['number'] for line in known})
        if not due:
            return
        if [campaign['faults'] for campaign in campaigns[-IN_VAIN:]] == [[]] * IN_VAIN:
            raise SystemExit(f'{IN_VAIN} campaigns in a row met no fault, the last: {campaigns[-1]["why"]}: put the '
                             'lab right first')
        say(f'campaign {len(campaigns)}: {len(due)} faults are left')
        with tempfile.TemporaryDirectory(prefix='enpire_faults_') as folder:
            with FaultLab(pathlib.Path(folder), len(campaigns), TRIALS) as lab:
                faults, campaign = run(lab, due, say)
                say(fault_page.of_campaign(campaign))
                if chosen.kept and fault_results.wrong(faults, [campaign]):
                    _keep(lab.lab.run_dir, chosen.kept / f'campaign-{chosen.seed}-{len(campaigns)}')
        fault_results.add(chosen.out, [{**about, **line} for line in (*faults, campaign)])


def _keep(run_dir, folder):
    """Copy what tells how a campaign went."""
    for name in KEPT:
        source, target = run_dir / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)


if __name__ == '__main__':
    sys.exit(main())

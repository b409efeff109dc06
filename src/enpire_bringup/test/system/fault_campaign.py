#!/usr/bin/env python3
"""Faults by the hundred in simulated campaigns: do the arms hold, is a trial lost or counted twice, does the lab go on?

    setup/run.sh python src/enpire_bringup/test/system/fault_campaign.py --faults 200 --seed 1
    setup/run.sh python src/enpire_bringup/test/system/fault_campaign.py --page

As root: each run folder lies on a small disk of its own, which is mounted. Faults that the results have already, for
the code as it is, are not injected again: break it off as you like, by SIGKILL too. A campaign that was under way then
is done anew; its lab ends and its disk goes with this process. Exit code 1 where a trial was lost, counted twice or
made up, where arms did not hold in time, or where the lab did not go on.
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
from enpire_research.studies import results as study_results  # noqa: E402
from enpire_tasks import registry  # noqa: E402
from fault_lab import FaultLab  # noqa: E402
from fault_runs import run  # noqa: E402

DOCS = HERE.parents[3] / 'docs'
TASK = 'push_t'
# Of a campaign: it takes about ten faults.
TRIALS = 60
IN_VAIN = 3
KEPT = ('logs', 'campaign/ledger.jsonl', 'lab.yaml')
OWN_MOUNTS = 'ENPIRE_FAULTS_OWN_MOUNTS'


def main(arguments=None):
    """Do what is missing and say what all came to; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--faults', type=int, default=200, help='so many in all, those that the file has included')
    options.add_argument('--seed', type=int, default=1)
    options.add_argument('--out', type=pathlib.Path, default=DOCS / 'results' / 'faults.json')
    options.add_argument('--page', type=pathlib.Path, nargs='?', const=DOCS / 'safety.md',
                         help='write what the results have into this page, do nothing else')
    options.add_argument('--kept', type=pathlib.Path, default=None, help='folder for logs of campaigns that went wrong')
    chosen = options.parse_args(arguments)
    key = fault_results.state(registry.get(TASK))
    if chosen.page:
        return _page(chosen.page, chosen.out, key)
    if os.geteuid() != 0:
        say('expected to be root, who may mount a small disk')
        return 2
    results = fault_results.kept(chosen.out, key, chosen.seed)
    _do(chosen, results)
    campaigns = fault_results.campaigns_of(results.rows)
    say(fault_page.summary(campaigns))
    return 1 if fault_results.wrong(campaigns) else 0


def say(text):
    """Tell the caller, at once."""
    print(text, flush=True)


def _page(path, out, key):
    """Write what was measured last into the page, and say so; return the exit code."""
    state, studies = study_results.newest(study_results.read(out), key)
    if not studies:
        say(f'expected results in {out}, found none: run it without --page first')
        return 2
    path.write_text(fault_page.with_section(path.read_text(encoding='utf-8'), state, studies), encoding='utf-8')
    say(f'wrote {path}, measured on ' + ('the code as it is now' if state == key else
                                         f'AN OLDER STATE OF THE CODE: {state}; it is at {key} now'))
    return 0


def _do(chosen, results):
    """Run campaigns until the ``results`` have the faults that are wanted."""
    while True:
        campaigns = fault_results.campaigns_of(results.rows)
        known = {fault['number'] for fault in fault_results.faults_of(campaigns)}
        due = fault_plan.plan(chosen.seed, chosen.faults, known)
        if not due:
            return
        if [campaign['faults'] for campaign in campaigns[-IN_VAIN:]] == [[]] * IN_VAIN:
            raise SystemExit(f'{IN_VAIN} campaigns in a row met no fault, the last: {campaigns[-1]["why"]}: put the '
                             'lab right first')
        say(f'campaign {len(campaigns)}: {len(due)} faults are left')
        with tempfile.TemporaryDirectory(prefix='enpire_faults_') as folder:
            with FaultLab(pathlib.Path(folder), len(campaigns), TRIALS) as lab:
                campaign = run(lab, due, say)
                say(fault_page.of_campaign(campaign))
                if chosen.kept and fault_results.wrong([campaign]):
                    _keep(lab.lab.run_dir, chosen.kept / f'campaign-{chosen.seed}-{len(campaigns)}')
        fault_results.add(results, campaign)


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
    if os.geteuid() == 0 and OWN_MOUNTS not in os.environ:
        # Disks that are mounted from here on are gone with the last process of ours, however that ends.
        os.environ[OWN_MOUNTS] = '1'
        os.execvp('unshare', ['unshare', '--mount', sys.executable, *sys.argv])
    # As at Ctrl-C, the lab is ended and the disk taken away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())

"""Campaigns on disk: which run folder is meant, its records, its policies, its report. No ROS.

Not covered: writing the ledger; the research node does.
"""

import os

from enpire_core.files import write_bytes
from enpire_research import layout
from enpire_research.campaign import ledger
from enpire_research.campaign.story import StoryError

REPORT = 'report'
RUNS = 'enpire_runs'


class NoCampaign(ValueError):
    """There is no campaign where one was looked for, or it can't be read; the text says where, and what to do."""


def find(run=None, folder=None):
    """Return the path of the run folder ``run``; without one, the newest below ``folder`` that has a campaign.

    ``folder``: None is `enpire_runs` below the working folder. The newest is the one whose ledger was written last.
    """
    if run is not None:
        path = os.path.abspath(os.path.expanduser(run))
        # The campaign's own folder is understood, too.
        for one in (path, os.path.dirname(path)):
            if os.path.isfile(_ledger(one)):
                return one
        raise NoCampaign(f'expected the run folder of a campaign, found no ledger at {_ledger(path)}')
    parent = os.path.abspath(os.path.expanduser(folder or RUNS))
    names = os.listdir(parent) if os.path.isdir(parent) else []
    found = [path for path in (os.path.join(parent, name) for name in sorted(names)) if os.path.isfile(_ledger(path))]
    if not found:
        raise NoCampaign(f'expected a run with a campaign in {parent}, found none: name the run folder, or start a '
                         'campaign with `enpire lab`')
    return max(found, key=lambda path: os.stat(_ledger(path)).st_mtime_ns)


def _ledger(run):
    return os.path.join(layout.campaign(run), ledger.NAME)


def read(run):
    """Return the Records of the campaign in the run folder ``run``."""
    try:
        return ledger.read(layout.campaign(run))
    except ledger.LedgerError as error:
        raise NoCampaign(str(error)) from error


def has_ended(run):
    """Return whether the campaign in ``run`` is over."""
    records = read(run)
    return bool(records) and records[-1].kind == 'end'


def policy(run, policy_hash):
    """Return the text of the policy with that SHA-256, line ends as its rollouts were given them."""
    path = layout.policy(layout.campaign(run), policy_hash)
    try:
        with open(path, encoding='utf-8', newline='') as handle:
            return handle.read()
    except (OSError, UnicodeDecodeError) as error:
        raise NoCampaign(f'{path}: expected a policy of the campaign that can be read: {error}') from error


def report(run):
    """Write the report of the campaign in ``run`` into its folder; return (text, path of the picture).

    NoCampaign where there is nothing to tell yet; OSError where it can't be written.
    """
    from enpire_research.campaign import plot
    from enpire_research.campaign import report as reports

    records = read(run)
    try:
        text = reports.text(records, tolerances(records), start_values(run, records))
        picture = plot.png(records)
    except StoryError as error:
        raise NoCampaign(f'{_ledger(run)}: {error}') from error
    folder = os.path.join(layout.campaign(run), REPORT)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'improvement.png')
    write_bytes(path, picture, mode=0o644)
    write_bytes(os.path.join(folder, 'report.txt'), f'{text}\n'.encode(), mode=0o644)
    return text, path


def tolerances(records):
    """Return the tolerances of the campaign's task; () where this project knows no such task."""
    from enpire_tasks import registry

    try:
        return registry.get(records[0].body['task']).tolerances if records else ()
    except registry.UnknownTask:
        return ()


def start_values(run, records):
    """Return {name: value in force} that the start policy declares; {} where that can't be read any more."""
    from enpire_research.agents.builtin import space

    try:
        return space.read(policy(run, records[0].body['start_policy_hash'])).values if records else {}
    except (NoCampaign, space.SpaceError):
        return {}

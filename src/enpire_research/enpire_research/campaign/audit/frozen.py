"""What was frozen: the manifest on record is whole, and what lies on the disk is still that.

Not covered: what lay there in between; the trial servers look before each phase.
"""

from enpire_research.campaign.audit.findings import Check
from enpire_research.trials import manifest
from enpire_research.trials.trial_setup import robot_limits_file

NAME = 'manifest'


def check(campaign, run, task):
    """Return the Check of the body ``campaign``; ``run``: RunFolder; ``task``: the Task that it is about."""
    entries, wrong = campaign['manifest'], []
    if manifest.total(entries) != campaign['manifest_hash']:
        wrong.append(f'ledger line 1 (campaign): expected the hash of its manifest, {manifest.total(entries)}, got '
                     f'{campaign["manifest_hash"]}')
    try:
        now = manifest.of_folders(task.folder, (robot_limits_file(), run.task_limits or task.limits_file), run.scene)
        wrong += [f'{name}: {_how(name, entries, now)} since the campaign began'
                  for name in manifest.differences(entries, now)]
    except manifest.ManifestError as error:
        wrong.append(str(error))
    return Check(NAME, f'{len(entries)} files and libraries of {task.name} are as the campaign began with them; '
                 f'{campaign["manifest_hash"][:16]}…', tuple(wrong))


def _how(name, before, now):
    return 'gone' if name not in now else 'new' if name not in before else 'changed'

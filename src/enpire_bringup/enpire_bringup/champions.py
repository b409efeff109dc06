"""Takes the champion of a campaign out of its run folder. No ROS, but files."""

import importlib.metadata
import json
import os
import platform
import shutil
import tempfile

from enpire_bringup import campaigns, run
from enpire_core.files import sha256_file
from enpire_research import layout
from enpire_research.campaign import champion
from enpire_research.campaign.story import StoryError, tell
from enpire_research.trials.trial_setup import robot_limits_file

# What a trial's bits depend on, besides the manifest.
PACKAGES = ('numpy', 'scipy', 'mujoco', 'opencv-python-headless', 'opencv-python', 'onnxruntime')


def export(folder, out):
    """Write the champion of the campaign in the run folder ``folder`` into the new folder ``out``.

    Return (evidence, whether the manifest is still that of the campaign: None where that can't be told). NoCampaign
    where there is none to take, or ``out`` is no place for it; OSError where it can't be written.
    """
    records = campaigns.read(folder)
    try:
        story = tell(records)
    except StoryError as error:
        raise campaigns.NoCampaign(f'{folder}: {error}') from error
    out = os.path.abspath(os.path.expanduser(out))
    if os.path.exists(out) and not (os.path.isdir(out) and not os.listdir(out)):
        raise campaigns.NoCampaign(f'--out: expected a new folder, but {out} exists: choose another name')
    limits = _limits(folder, story.campaign['task'])
    found = champion.evidence(records, versions(), {name: sha256_file(path) for name, path in limits.items()})
    os.makedirs(os.path.dirname(out), exist_ok=True)
    # Beside it, under another name, until it is whole.
    made = tempfile.mkdtemp(dir=os.path.dirname(out), prefix='.', suffix='.part')
    try:
        _fill(made, folder, story.best.body, limits, found)
        champion.read_folder(made)
        if os.path.isdir(out):
            os.rmdir(out)
        os.chmod(made, 0o755)
        os.rename(made, out)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return found, _same_manifest(folder, limits, found)


def _fill(made, folder, best, limits, found):
    _write(made, champion.POLICY, campaigns.policy(folder, best['policy_hash']))
    if best['artifact_hash']:
        path = layout.artifact(layout.campaign(folder), best['artifact_hash'])
        try:
            shutil.copyfile(path, os.path.join(made, champion.ARTIFACT))
        except FileNotFoundError as error:
            raise campaigns.NoCampaign(f'{path}: expected the artifact of the champion, found none') from error
    os.mkdir(os.path.join(made, champion.LIMITS))
    for name, path in limits.items():
        shutil.copyfile(path, os.path.join(made, champion.LIMITS, f'{name}.yaml'))
    _write(made, champion.EVIDENCE, json.dumps(found, indent=1, sort_keys=True) + '\n')
    _write(made, champion.README, champion.readme(found))


def _write(folder, name, text):
    # As it is, line ends included: its hash must be that of the ledger.
    with open(os.path.join(folder, name), 'w', encoding='utf-8', newline='') as handle:
        handle.write(text)


def _limits(folder, task):
    """Return {'robot', 'task': path} of the limits of a campaign of ``task`` in the run folder."""
    from enpire_tasks import registry

    narrowed = os.path.join(folder, run.LIMITS)
    try:
        own = registry.get(task).limits_file
    except registry.UnknownTask as error:
        raise campaigns.NoCampaign(f'{folder}: expected a campaign of a task that is known here: {error}') from error
    return {'robot': robot_limits_file(), 'task': narrowed if os.path.isfile(narrowed) else own}


def _same_manifest(folder, limits, found):
    """Return whether what is frozen is today as the campaign had it; None without its scene."""
    from enpire_drivers.sim.scene import SceneError, load_scene
    from enpire_research.trials import manifest
    from enpire_tasks import registry

    scene = os.path.join(folder, 'scene')
    if not os.path.isdir(scene):
        return None
    try:
        digest = load_scene(scene).meta.digest
    except SceneError:
        return False  # another version of MuJoCo compiled it, or it was changed
    entries = manifest.entries(registry.get(found['task']).folder, (limits['robot'], limits['task']), digest)
    return manifest.total(entries) == found['manifest_hash']


def versions():
    """Return {name: version} of what runs trials here."""
    found = {'python': platform.python_version(), 'machine': platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

"""From a lab file to a run folder with everything that its processes read. No ROS, but files.

    <folder>/<run>/lab.yaml      the lab as it is started
                  /scene/        the compiled scene
                  /limits.yaml   the task's limits as the lab narrows them, where it does
                  /parameters/   a parameter file for each process
                  /<unit>/       records, outbox, policy_logs; its trial server adds data, policies, artifacts
                  /logs/         what processes print
                  /training/     a folder for each training; /artifacts/ what they made, without a campaign
                  /campaign/     ledger, repository, policies, artifacts and report of a campaign
"""

import contextlib
import dataclasses
import datetime
import os
import shutil
import time
import typing

import yaml

from enpire_bringup import lab as lab_file
from enpire_bringup import processes
from enpire_core.files import sha256_file, write_bytes
from enpire_research import layout

UNIT_FOLDERS = ('records', 'outbox', 'policy_logs')
LIMITS = 'limits.yaml'


@dataclasses.dataclass(frozen=True)
class Run:
    """A lab that is ready to start: its folder, its processes and the command of each."""

    lab: lab_file.Lab
    folder: str
    specs: typing.Tuple[processes.ProcessSpec, ...]

    def parameter_file(self, spec):
        """Return the path of the parameter file of ``spec``."""
        return os.path.join(self.folder, 'parameters', f'{spec.name}.yaml')

    def outboxes(self):
        """Return unit -> folder where its trial server writes its reports."""
        return {unit: os.path.join(self.folder, unit, 'outbox') for unit in self.lab.units}

    @property
    def logs(self):
        """Folder of what processes print."""
        return os.path.join(self.folder, 'logs')


def shipped_lab_file():
    """Return the path of the lab file that comes with the package."""
    beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'config')
    if not os.path.isdir(beside):  # installed: data lies under share/
        from ament_index_python.packages import get_package_share_directory

        beside = os.path.join(get_package_share_directory('enpire_bringup'), 'config')
    return os.path.join(beside, 'lab.yaml')


def read_lab(path=None, options=None):
    """Return the `Lab` in the file ``path`` (None: the shipped one) under ``options``.

    Raises `LabError` with every mistake that can be seen before anything starts.
    """
    path = shipped_lab_file() if path is None else os.fspath(path)
    try:
        with open(path, encoding='utf-8') as handle:
            text = handle.read()
    except (OSError, UnicodeDecodeError) as error:
        raise lab_file.LabError(f'{path}: expected a lab file that can be read: {error}') from error
    return lab_file.load_text(text, path, options)


def find_files(lab):
    """Return (task, `LabFiles`) of ``lab``.

    `LabError`, with every mistake, where the task is unknown, or the policy, its artifact, the limits or the program
    of the operator's hook or of the relay are not there; in a campaign, too, where the policy declares nothing that
    may vary or something that can't be, or the file with the secret holds none.
    """
    from enpire_description import share_path
    from enpire_tasks import registry

    mistakes, task = [], None
    try:
        task = registry.get(lab.task)
    except registry.UnknownTask as error:
        mistakes.append(f'{lab.where("task")}: {error}')
    policy = lab.policy or (task.start_policy if task else None)
    for key, path in (('policy', policy), ('artifact', lab.artifact), ('limits', lab.limits)):
        if path is not None and not os.path.isfile(path):
            mistakes.append(f'{lab.where(key)}: expected a file, found none at {os.path.abspath(path)}')
    for key in lab_file.COMMANDS:
        words = getattr(lab, key)
        if words and shutil.which(words[0]) is None:
            mistakes.append(
                f'{lab.where(key)}: expected a program that can be executed, found none at {words[0]!r} (a path is '
                'relative to the lab file; a name is looked up on PATH)')
    if lab.campaign and policy and os.path.isfile(policy):
        mistakes += _campaign_mistakes(lab, policy)
    if mistakes:
        raise lab_file.LabError('\n'.join(mistakes))
    robot = os.fspath(share_path('limits', 'yam.yaml'))
    return task, processes.LabFiles(robot, os.path.abspath(task.limits_file), os.path.abspath(policy),
                                    os.path.abspath(lab.artifact) if lab.artifact else '')


def _campaign_mistakes(lab, policy):
    """Return a line for each mistake that would end a campaign with ``policy`` (a path) at once."""
    from enpire_research.agents.builtin import space
    from enpire_research.campaign import seeds

    found = []
    try:
        with open(policy, encoding='utf-8') as handle:
            space.read(handle.read())
    except (OSError, UnicodeDecodeError) as error:
        found.append(f'{lab.where("policy")}: expected a policy that can be read: {error}')
    except space.SpaceError as error:
        for text in error.problems:
            line, _, words = text.partition(': ')
            place = policy if line == 'line 0' else f'{policy}, {line}'
            found.append(f'{lab.where("policy")}: {place}: {words}')
    if lab.campaign.secret_file:
        try:
            seeds.read_secret_file(lab.campaign.secret_file)
        except seeds.SecretError as error:
            found.append(f'{lab.where("campaign", "secret_file")}: {error}')
    return found


def prepare(lab, name=None):
    """Make the run folder of ``lab`` and return the `Run`.

    ``name``: of the run folder; it must be new. None: the lab's name with date and time. Raises
    `LabError`, or OSError where the folder can't be filled (a full disk); no folder is left then.
    """
    task, files = find_files(lab)
    narrowed = None if lab.limits is None else _narrowed(files, lab)
    folder = _new_folder(lab, name)
    with nothing_left(folder):
        return _fill(lab, folder, task, files, narrowed)


def resume(folder):
    """Return the `Run` of the campaign in the run folder ``folder`` again: it goes on from its ledger.

    Its stations begin anew. `LabError` where there is no campaign to go on with, or it is one of another task,
    version or other stations; OSError where the folder can't be written.
    """
    folder = os.path.abspath(os.path.expanduser(folder))
    path = os.path.join(folder, 'lab.yaml')
    if not os.path.isfile(path):
        raise lab_file.LabError(f'--resume: expected the run folder of a campaign, found no lab.yaml in {folder}')
    lab = read_lab(path)
    if lab.campaign is None:
        raise lab_file.LabError(f'--resume: expected the run folder of a campaign, but {path} wants plain trials: '
                                'start them anew')
    body = _check_ledger(lab, folder)
    lab = _as_it_began(lab, folder, body)
    task, files = find_files(lab)
    for unit in lab.units:
        for part in UNIT_FOLDERS:
            os.makedirs(os.path.join(folder, unit, part), mode=0o700, exist_ok=True)
    if not os.path.isdir(os.path.join(folder, 'scene')):
        _write_scene(os.path.join(folder, 'scene'), task)
    return _with_processes(lab, folder, files, body.get('secret_sha256', ''))


def _check_ledger(lab, folder):
    """Return the body of the ledger's first record, {} without one; `LabError` unless ``lab`` can go on with it."""
    from enpire_research.campaign import ledger
    from enpire_research.campaign.config import VERSION

    campaign = layout.campaign(folder)
    if not os.path.exists(os.path.join(campaign, ledger.NAME)):
        return {}
    try:
        records = ledger.read(campaign)
    except ledger.LedgerError as error:
        raise lab_file.LabError(f'--resume: {error}') from error
    if records and records[-1].kind == 'end':
        raise lab_file.LabError('--resume: expected a campaign that has not ended, this one has: '
                                f'`enpire report {folder}` shows what came of it; start a new one to go further')
    body = records[0].body if records else {}
    for name, wanted in (('version', VERSION), ('task', lab.task), ('seed', lab.seed), ('units', list(lab.units))):
        if body and body.get(name) != wanted:
            raise lab_file.LabError(
                f'--resume: expected a campaign of {name} {wanted!r}, the ledger in {campaign} has {body.get(name)!r}: '
                + ('go on with the version of this project that began it' if name == 'version' else
                   f'put {os.path.join(folder, "lab.yaml")} back as it was, or start a new run'))
    return body


def _as_it_began(lab, folder, body):
    """Return ``lab`` with what its run folder has kept: start policy, secret, limits; their files may be others by now.

    ``body``: of the campaign's first record, {} where there is none.
    """
    from enpire_research.campaign import seeds

    kept = layout.policy(layout.campaign(folder), body.get('start_policy_hash'))
    changes = {}
    if lab.policy and os.path.isfile(kept) and not (
            os.path.isfile(lab.policy) and sha256_file(lab.policy) == body['start_policy_hash']):
        changes['policy'] = kept
    if os.path.isfile(os.path.join(folder, LIMITS)):
        changes['limits'] = None
    if os.path.isfile(os.path.join(layout.campaign(folder), seeds.NAME)):
        changes['campaign'] = lab.campaign.model_copy(update={'secret_file': None})
    return lab.model_copy(update=changes)


@contextlib.contextmanager
def nothing_left(folder):
    """Remove the run folder when what is done inside fails or is interrupted: it holds nothing yet."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(lab, folder, task, files, narrowed):
    """Write everything that the processes read; return the `Run`."""
    for unit in lab.units:
        for part in UNIT_FOLDERS:
            os.makedirs(os.path.join(folder, unit, part), mode=0o700)
    for part in ('logs', 'parameters'):
        os.makedirs(os.path.join(folder, part))
    _write(os.path.join(folder, 'lab.yaml'), lab_file.dump(lab))
    _write_scene(os.path.join(folder, 'scene'), task)
    if narrowed is not None:
        _write(os.path.join(folder, LIMITS), narrowed)
    return _with_processes(lab, folder, files)


def _with_processes(lab, folder, files, secret_sha256=''):
    """Write a parameter file for each process; return the `Run`. Limits that are narrowed lie in the folder.

    ``secret_sha256``: of the secret with which a campaign began, '' where it has not.
    """
    merged = os.path.join(folder, LIMITS)
    if os.path.isfile(merged):
        files = dataclasses.replace(files, task_limits=merged)
    run = Run(lab, folder, tuple(processes.expand(lab, folder, files, time.time_ns(),
                                                  _stations_seed(lab, folder, secret_sha256))))
    for spec in run.specs:
        # For nobody else: what stations hide follows from the seed in them.
        write_bytes(run.parameter_file(spec), processes.parameters_yaml(spec).encode())
    return run


def _stations_seed(lab, folder, secret_sha256):
    """Return the seed of what stations hide: the lab's, in a campaign that of its secret, which is kept from now on."""
    from enpire_research.campaign import seeds

    if lab.campaign is None:
        return lab.seed
    campaign = layout.campaign(folder)
    os.makedirs(campaign, mode=0o700, exist_ok=True)
    try:
        return seeds.stations_seed(seeds.keep_secret(campaign, os.urandom, lab.campaign.secret_file or '',
                                                     secret_sha256))
    except seeds.SecretError as error:
        raise lab_file.LabError(f'{folder}: {error}') from error


def _new_folder(lab, name):
    parent = os.path.abspath(os.path.expanduser(lab.folder))
    chosen = name or f'{lab.name}-{datetime.datetime.now():%Y%m%d-%H%M%S}'
    if not lab_file.NAME.fullmatch(chosen):
        raise lab_file.LabError(
            f'--run: expected a letter, then letters, digits, _ . or -, got {chosen!r}'
        )
    try:
        os.makedirs(parent, exist_ok=True)
        return _first_free(parent, chosen, given=name is not None)
    except FileExistsError as error:
        raise lab_file.LabError(
            f'--run: expected a new run, but {os.path.join(parent, chosen)} exists: '
            'choose another name'
        ) from error
    except OSError as error:
        raise lab_file.LabError(f'folder: cannot make a run folder in {parent}: {error}') from error


def _first_free(parent, chosen, given):
    for attempt in range(1, 1000):
        folder = os.path.join(parent, chosen if attempt == 1 else f'{chosen}-{attempt}')
        try:
            os.mkdir(folder)
        except FileExistsError:
            if given:
                raise
            continue
        return folder
    raise OSError(f'a thousand runs are called {chosen}')


def _narrowed(files, lab):
    """Return the text of a limits file: the task's, narrowed by the lab's."""
    from enpire_safety.gate import limits
    from enpire_safety.gate.limits_file import LimitsError, read_yaml

    from enpire_bringup import narrowing

    try:
        robot = limits.load(files.robot_limits)[limits.ROBOT_PROFILE]
        return yaml.safe_dump(narrowing.merge(
            read_yaml(files.task_limits), files.task_limits,
            read_yaml(lab.limits), lab.limits, robot), sort_keys=False)
    except (LimitsError, OSError) as error:
        raise lab_file.LabError(f'{lab.where("limits")}: {error}') from error


def _write_scene(folder, task):
    from enpire_drivers.sim.scene import write_scene

    write_scene(folder, task.scene())


def _write(path, text):
    with open(path, 'w', encoding='utf-8') as handle:
        handle.write(text)


def program_of(spec):
    """Return the executable of ``spec``, where `ros2 run` would find it; `LabError` if it is not there."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        prefix = get_package_prefix(spec.package)
    except PackageNotFoundError as error:
        raise lab_file.LabError(
            f'{spec.name}: the package {spec.package} is not built: run `make setup`, then `. setup/env.sh`'
        ) from error
    path = os.path.join(prefix, 'lib', spec.package, spec.executable)
    if not os.access(path, os.X_OK):
        raise lab_file.LabError(
            f'{spec.name}: expected an executable at {path}, found none: run `make setup`'
        )
    return path

"""From a lab file to a run folder with everything that its processes read. No ROS, but files.

    <folder>/<run>/lab.yaml      the lab as it is started
                  /scene/        the compiled scene
                  /limits.yaml   the task's limits as the lab narrows them, where it does
                  /parameters/   a parameter file for each process
                  /<unit>/       records, outbox, policy_logs
                  /logs/         what processes print
"""

import contextlib
import dataclasses
import datetime
import os
import shutil
import typing

import yaml

from enpire_bringup import lab as lab_file
from enpire_bringup import processes

UNIT_FOLDERS = ('records', 'outbox', 'policy_logs')


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

    `LabError`, with every mistake, where the task is unknown, or the policy, the limits or the program
    of the operator's hook are not there.
    """
    from enpire_description import share_path
    from enpire_tasks import registry

    mistakes, task = [], None
    try:
        task = registry.get(lab.task)
    except registry.UnknownTask as error:
        mistakes.append(f'{lab.where("task")}: {error}')
    policy = lab.policy or (task.start_policy if task else None)
    for key, path in (('policy', policy), ('limits', lab.limits)):
        if path is not None and not os.path.isfile(path):
            mistakes.append(f'{lab.where(key)}: expected a file, found none at {os.path.abspath(path)}')
    if lab.operator_hook and shutil.which(lab.operator_hook[0]) is None:
        mistakes.append(
            f'{lab.where("operator_hook")}: expected a program that can be executed, found none at '
            f'{lab.operator_hook[0]!r} (a path is relative to the lab file; a name is looked up on PATH)')
    if mistakes:
        raise lab_file.LabError('\n'.join(mistakes))
    robot = os.fspath(share_path('limits', 'yam.yaml'))
    return task, processes.LabFiles(robot, os.path.abspath(task.limits_file), os.path.abspath(policy))


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
        merged = os.path.join(folder, 'limits.yaml')
        _write(merged, narrowed)
        files = dataclasses.replace(files, task_limits=merged)
    run = Run(lab, folder, tuple(processes.expand(lab, folder, files)))
    for spec in run.specs:
        _write(run.parameter_file(spec), processes.parameters_yaml(spec))
    return run


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

    from enpire_bringup import narrowing

    try:
        robot = limits.robot_limits(limits.read_yaml(files.robot_limits), files.robot_limits)
        return yaml.safe_dump(narrowing.merge(
            limits.read_yaml(files.task_limits), files.task_limits,
            limits.read_yaml(lab.limits), lab.limits, robot), sort_keys=False)
    except (limits.LimitsError, OSError) as error:
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

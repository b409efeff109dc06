"""A lab for the official `launch`: turns `ProcessSpec`s into launch_ros nodes. Needs `launch_ros`."""

import contextlib
import os
import shlex
import signal
import sys
import tempfile

from launch import Substitution
from launch.actions import (
    GroupAction, LogInfo, SetEnvironmentVariable, Shutdown,
)
from launch.substitutions import EnvironmentVariable
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.actions import Node, PushRosNamespace

from enpire_bringup import lab as lab_file
from enpire_bringup import lock, run
from enpire_bringup.supervisor.child import GUARD

# Launch argument -> how its text becomes a value of the lab file.
OPTIONS = {
    'units': int, 'task': str, 'policy': str, 'artifact': str, 'trials': int, 'budget': int, 'seed': int,
    'real_time_factor': float, 'folder': str, 'secret_file': str,
}
PATHS = ('policy', 'artifact', 'secret_file')


RANGE = 'ROS_AUTOMATIC_DISCOVERY_RANGE'
# The lock of a lab, until `ros2 launch` ends: then the kernel lets go of it.
_held = contextlib.ExitStack()


def on_this_machine():
    """Return the action that keeps trip, clear and requests on this machine, unless RANGE is set.

    setup/env.sh does the same, but who has sourced install/setup.bash alone would open them to the network.
    """
    return SetEnvironmentVariable(RANGE, EnvironmentVariable(RANGE, default_value='LOCALHOST'))


def options_of(texts):
    """Return the options that the texts of launch arguments give; empty ones are left out.

    Raises `LabError`, naming the argument, where a text is no number but should be.
    """
    options = {}
    for name, convert in OPTIONS.items():
        text = texts.get(name, '')
        if text == '':
            continue
        try:
            options[name] = convert(text)
        except ValueError as error:
            kind = 'a whole number' if convert is int else 'a number'
            raise lab_file.LabError(f'{name}:= expected {kind}, got {text!r}') from error
    for name in PATHS:
        if name in options:
            options[name] = os.path.abspath(os.path.expanduser(options[name]))
    return options


def lab_actions(context):
    """Return the actions of a lab. For an OpaqueFunction: the arguments have their values by then."""
    texts = context.launch_configurations
    lab = run.read_lab(texts.get('lab') or None, options_of(texts))
    note = _held.enter_context(lock.hold())
    prepared = run.prepare(lab)
    note(prepared.folder)
    namespaces = []
    for spec in prepared.specs:
        if spec.namespace not in namespaces:
            namespaces.append(spec.namespace)
    return [
        LogInfo(msg=f'SIMULATED lab {lab.name}; run folder {prepared.folder}'),
        SetEnvironmentVariable('PYTHONUNBUFFERED', '1'),
        *(group(prepared, namespace) for namespace in namespaces),
    ]


def group(prepared, namespace):
    """Return the processes of one namespace as a group that pushes it once."""
    nodes = [node(spec, prepared.parameter_file(spec)) for spec in prepared.specs
             if spec.namespace == namespace]
    return GroupAction([PushRosNamespace(namespace), *nodes])


def node(spec, parameter_file):
    """Return the launch_ros action of one `ProcessSpec`. Its namespace comes from the group.

    The guard kills it when `ros2 launch` dies: at SIGTERM and SIGKILL launch alone leaves orphans.
    """
    guard = [sys.executable, '-I', '-S', GUARD, str(os.getpid()), str(int(signal.SIGKILL))]
    return Node(
        exec_name=spec.name, prefix=shlex.join(guard),
        package=spec.package, executable=spec.executable, parameters=[parameter_file],
        remappings=list(spec.remappings), ros_arguments=list(spec.ros_arguments),
        respawn=spec.respawn, respawn_delay=spec.respawn_delay_s, output='screen',
        # None where nothing is to happen: launch stumbles over an empty list.
        on_exit=at_end_of(spec) if spec.required else None,
    )


def at_end_of(spec):
    """Return what shuts the lab down at the end of ``spec``; not where it was killed and is started again."""
    def at_exit(event, context):
        if spec.respawn and event.returncode < 0:
            return None
        return [Shutdown(reason=f'{spec.name} has ended')]
    return at_exit


class ForUnit(Substitution):
    """Path of a copy of a text file in which `unit0` is the name of another unit.

    rviz keeps the prefix of frames in its configuration, where no launch argument reaches.
    """

    def __init__(self, path, unit):
        super().__init__()
        self._path = normalize_to_list_of_substitutions(path)
        self._unit = normalize_to_list_of_substitutions(unit)

    def describe(self):
        """Return it as text."""
        return 'ForUnit()'

    def perform(self, context):
        """Write the copy; return its path."""
        path = perform_substitutions(context, self._path)
        unit = perform_substitutions(context, self._unit)
        with open(path, encoding='utf-8') as handle:
            text = handle.read().replace('unit0', unit)
        descriptor, made = tempfile.mkstemp(prefix=f'enpire-{unit}-', suffix='.rviz')
        with os.fdopen(descriptor, 'w', encoding='utf-8') as handle:
            handle.write(text)
        return made

"""A lab as a list of processes. Pure: `expand` gives the same list for the same arguments.

The list is what `enpire lab` runs under its supervisor and what `lab.launch.py` turns into launch_ros
nodes. Parameters reach a process as a file, `parameters_yaml`, one for each process.
"""

import dataclasses
import math
import os
import typing

import yaml

from enpire_bringup.lab_campaign import FIGURES
from enpire_research import layout

# Processes of a stage are stopped together, the highest stage first.
STAGES = ('station', 'gate', 'trials', 'runner')
RESPAWN_DELAY_S = 1.0


@dataclasses.dataclass(frozen=True)
class LabFiles:
    """Files that a lab needs, as absolute paths, found out before `expand`.

    robot_limits: hard limits of the robot. task_limits: the sets that narrow them. policy: under trial.
    artifact: ONNX file that it loads, '' for none.
    """

    robot_limits: str
    task_limits: str
    policy: str
    artifact: str = ''


@dataclasses.dataclass(frozen=True)
class ProcessSpec:
    """One process of a lab.

    ``parameters``: node name -> parameter name -> value; a process may hold several nodes.
    ``respawn``: started again after ``respawn_delay_s`` when it ends by itself; where it is ``required``,
    when it was killed by a signal.
    ``required``: its end ends the lab, with its exit code.
    ``ros_arguments``: what follows --ros-args besides names, remappings and parameters.
    """

    name: str
    package: str
    executable: str
    namespace: str
    parameters: typing.Dict[str, typing.Dict[str, typing.Any]]
    remappings: typing.Tuple[typing.Tuple[str, str], ...] = ()
    respawn: bool = True
    respawn_delay_s: float = RESPAWN_DELAY_S
    required: bool = False
    stage: str = 'station'
    ros_arguments: typing.Tuple[str, ...] = ()


def expand(lab, run_dir, files, began_ns=0, stations_seed=None):
    """Return the `ProcessSpec`s of ``lab`` in the order in which they are started.

    ``run_dir``: absolute path of the run folder. ``files``: `LabFiles`. ``began_ns``: wall clock, for a campaign: the
    scene of a reset before it is gone. ``stations_seed``: from which stations draw what they hide; None: the lab's.
    """
    seed = lab.seed if stations_seed is None else stations_seed
    specs = [spec for unit in lab.units for spec in _station(lab, unit, run_dir, files, seed)]
    specs.append(_train_server(lab, run_dir))
    if lab.operator_hook:
        specs.append(_hook(lab))
    if lab.campaign is not None:
        specs.append(_research(lab, run_dir, files, began_ns))
    elif lab.trials > 0:
        specs.append(_runner(lab, run_dir, files))
    return specs


def _station(lab, unit, run_dir, files, seed):
    shared = {
        'namespace': f'/{unit}',
        # Every process of a station lives on the station's own clock.
        'remappings': (('/clock', f'/{unit}/clock'),),
        'ros_arguments': _log(lab),
    }
    world = {
        'arm_driver': _arm_driver(lab, unit, run_dir, files, seed),
        'camera_driver': {
            f'{name}.color_profile': camera.color_profile for name, camera in lab.cameras.items()
        },
    }
    gate = {'safety_gate': _safety_gate(unit, run_dir, files)}
    server = {'trial_server': _trial_server(lab, unit, run_dir, files)}
    return [
        ProcessSpec(f'{unit}.sim_station', 'enpire_drivers', 'sim_station', parameters=world,
                    stage='station', **shared),
        ProcessSpec(f'{unit}.safety_gate', 'enpire_safety', 'safety_gate', parameters=gate,
                    stage='gate', **shared),
        ProcessSpec(f'{unit}.trial_server', 'enpire_research', 'trial_server', parameters=server,
                    stage='trials', **shared),
    ]


def _arm_driver(lab, unit, run_dir, files, seed):
    # rcl takes no empty list: without a relay there is no such parameter.
    relay = {'power_relay': list(lab.power_relay)} if lab.power_relay else {}
    return {
        'scene': os.path.join(run_dir, 'scene'),
        'unit': unit,
        'lab_seed': seed,
        'records': os.path.join(run_dir, unit, 'records'),
        'real_time_factor': lab.real_time_factor,
        'robot_limits': files.robot_limits,
        **relay,
    }


def _safety_gate(unit, run_dir, files):
    return {
        'robot_limits': files.robot_limits,
        'task_limits': files.task_limits,
        'run_dir': os.path.join(run_dir, unit),
        'unit': unit,
        'simulated': True,
    }


def _trial_server(lab, unit, run_dir, files):
    """It hashes scene and limits for the manifest: they must be those of driver and gate."""
    return {
        'task': lab.task,
        'unit': unit,
        'lab_seed': lab.seed,
        'run_dir': os.path.join(run_dir, unit),
        'scene': os.path.join(run_dir, 'scene'),
        'robot_limits': files.robot_limits,
        'task_limits': files.task_limits,
        'simulated': True,
    }


def _train_server(lab, run_dir):
    values = {'run_dir': run_dir, 'task': lab.task}
    if lab.campaign is not None:
        # Where its candidates' artifacts are looked for.
        values['artifacts'] = layout.artifacts(layout.campaign(run_dir))
    return ProcessSpec('lab.train_server', 'enpire_research', 'train_server', '/lab', {'train_server': values},
                       stage='trials', ros_arguments=_log(lab))


def _runner(lab, run_dir, files):
    values = {
        'lab': lab.name,
        'task': lab.task,
        'policy': files.policy,
        'artifact': files.artifact,
        'units': list(lab.units),
        'trials': lab.trials,
        'lab_seed': lab.seed,
        'run_dir': run_dir,
        'simulated': True,
    }
    return ProcessSpec(
        'lab.trial_runner',
        'enpire_research',
        'trial_runner',
        '/lab',
        {'trial_runner': values},
        respawn=False,
        required=True,
        stage='runner',
        ros_arguments=_log(lab),
    )


def _research(lab, run_dir, files, began_ns):
    """It goes on from its ledger when it was killed; its own end, whether done or broken, is that of the lab."""
    config = lab.config
    values = {
        'lab': lab.name,
        'task': lab.task,
        'policy': files.policy,
        'units': list(lab.units),
        'lab_seed': lab.seed,
        'run_dir': run_dir,
        'scene': os.path.join(run_dir, 'scene'),
        'robot_limits': files.robot_limits,
        'task_limits': files.task_limits,
        'researcher': config.researcher,
        **{name: getattr(config, name) for name in FIGURES},
        'secret_file': lab.campaign.secret_file or '',
        'began_ns': began_ns,
        'simulated': True,
    }
    return ProcessSpec('lab.research', 'enpire_research', 'research', '/lab', {'research': values}, respawn=True,
                       required=True, stage='runner', ros_arguments=_log(lab))


def _hook(lab):
    values = {'units': list(lab.units), 'command': list(lab.operator_hook)}
    return ProcessSpec(
        'lab.operator_hook',
        'enpire_bringup',
        'operator_hook',
        '/lab',
        {'operator_hook': values},
        stage='runner',
        ros_arguments=_log(lab),
    )


def _log(lab):
    return ('--log-level', lab.log_level)


class _Quoted(yaml.SafeDumper):
    """Writes every string in double quotes: bare, rcl takes y, n, nan or inf for a bool or a number."""

    def ignore_aliases(self, data):
        """Write everything out: rcl refuses aliases."""
        return True


_Quoted.add_representer(
    str, lambda dumper, text: dumper.represent_scalar('tag:yaml.org,2002:str', text, style='"'))


def parameters_yaml(spec):
    """Return the parameters of ``spec`` as the text of a ROS parameter file."""
    nodes = {
        f'{spec.namespace}/{node}': {'ros__parameters': values}
        for node, values in spec.parameters.items()
        if values
    }
    if not nodes:
        return '/**:\n  ros__parameters: {}\n'
    return yaml.dump(nodes, Dumper=_Quoted, sort_keys=False, allow_unicode=True, width=math.inf)


def command(spec, program, parameter_file):
    """Return the words that start ``spec``: ``program`` is its executable, as `ros2 run` would find it."""
    words = [program, '--ros-args', '-r', f'__ns:={spec.namespace}']
    for old, new in spec.remappings:
        words += ['-r', f'{old}:={new}']
    # The supervisor keeps what a process prints; a second copy in the home folder is not wanted.
    return [
        *words,
        '--params-file',
        parameter_file,
        '--disable-external-lib-logs',
        *spec.ros_arguments,
    ]

"""A lab as a list of processes, by value."""

import yaml

from enpire_bringup import lab, processes

FILES = processes.LabFiles('/share/robot.yaml', '/share/task.yaml', '/share/start.py')


def expanded(text):
    return processes.expand(lab.load_text(text, 'my.yaml'), '/runs/r', FILES)


def test_a_station_is_three_processes_in_its_namespace():
    world, gate, server, _ = expanded('units: 1\ntrials: 0\nseed: 5\nreal_time_factor: 2\n')
    assert [(s.name, s.package, s.executable) for s in (world, gate, server)] == [
        ('unit0.sim_station', 'enpire_drivers', 'sim_station'),
        ('unit0.safety_gate', 'enpire_safety', 'safety_gate'),
        ('unit0.trial_server', 'enpire_research', 'trial_server'),
    ]
    for spec in (world, gate, server):
        assert spec.namespace == '/unit0' and spec.remappings == (('/clock', '/unit0/clock'),)
        assert spec.respawn and not spec.required
    assert world.parameters == {
        'arm_driver': {
            'scene': '/runs/r/scene',
            'unit': 'unit0',
            'lab_seed': 5,
            'records': '/runs/r/unit0/records',
            'real_time_factor': 2.0,
            'robot_limits': '/share/robot.yaml',
        },
        'camera_driver': {},
    }
    assert gate.parameters == {
        'safety_gate': {
            'robot_limits': '/share/robot.yaml',
            'task_limits': '/share/task.yaml',
            'run_dir': '/runs/r/unit0',
            'unit': 'unit0',
            'simulated': True,
        }
    }
    assert server.parameters == {
        'trial_server': {
            'task': 'push_t',
            'unit': 'unit0',
            'lab_seed': 5,
            'run_dir': '/runs/r/unit0',
            'scene': '/runs/r/scene',
            'robot_limits': '/share/robot.yaml',
            'task_limits': '/share/task.yaml',
            'simulated': True,
        }
    }


def test_the_runner_comes_last_and_its_end_ends_the_lab():
    runner = expanded('units: [a, b]\ntrials: 9\nname: night\n')[-1]
    assert (runner.name, runner.namespace, runner.respawn, runner.required) == (
        'lab.trial_runner',
        '/lab',
        False,
        True,
    )
    assert runner.parameters == {
        'trial_runner': {
            'lab': 'night',
            'task': 'push_t',
            'policy': '/share/start.py',
            'artifact': '',
            'units': ['a', 'b'],
            'trials': 9,
            'lab_seed': 1,
            'run_dir': '/runs/r',
            'simulated': True,
        }
    }


def test_without_trials_there_is_no_runner():
    assert [s.executable for s in expanded('units: 2\ntrials: 0\n')] == [
        *['sim_station', 'safety_gate', 'trial_server'] * 2,
        'train_server',
    ]


def test_a_train_server_is_there_with_every_lab_and_its_artifacts_lie_where_a_campaign_looks_for_them():
    plain = expanded('units: 1\ntrials: 0\n')[-1]
    assert (plain.name, plain.namespace, plain.respawn, plain.required) == ('lab.train_server', '/lab', True, False)
    assert plain.parameters == {'train_server': {'run_dir': '/runs/r', 'task': 'push_t'}}
    campaign = next(s for s in expanded('units: 1\ncampaign: {}\n') if s.executable == 'train_server')
    assert campaign.parameters['train_server']['artifacts'] == '/runs/r/campaign/artifacts'


def test_a_station_is_stopped_after_those_who_move_it():
    stages = {
        s.executable: processes.STAGES.index(s.stage) for s in expanded('units: 1\ntrials: 1\n')
    }
    assert (
        stages['sim_station']
        < stages['safety_gate']
        < stages['trial_server']
        < stages['trial_runner']
    )


def test_a_camera_profile_reaches_the_camera_driver():
    world = expanded('units: 1\ncameras: {top_camera: {color_profile: 320x240x10}}\n')[0]
    assert world.parameters['camera_driver'] == {'top_camera.color_profile': '320x240x10'}


def test_a_relay_is_a_matter_of_every_arm_driver():
    specs = expanded('units: 2\npower_relay: [/bin/relay, --port, "1"]\n')
    found = [s.parameters['arm_driver']['power_relay'] for s in specs if s.executable == 'sim_station']
    assert found == [['/bin/relay', '--port', '1']] * 2


def test_the_operator_hook_is_a_process():
    hook = next(
        s
        for s in expanded('units: 1\noperator_hook: [/bin/ask, --loud]\n')
        if s.executable == 'operator_hook'
    )
    assert hook.parameters == {
        'operator_hook': {'units': ['unit0'], 'command': ['/bin/ask', '--loud']}
    }


def test_the_same_lab_gives_the_same_list():
    assert expanded('units: 8\n') == expanded('units: 8\n')


def test_names_of_processes_differ():
    names = [s.name for s in expanded('units: 8\noperator_hook: [x]\n')]
    assert len(set(names)) == len(names) == 8 * 3 + 3


def test_a_parameter_file_names_the_nodes_in_full():
    world, *_ = expanded('units: 1\ncameras: {top_camera: {color_profile: 320x240x10}}\n')
    assert yaml.safe_load(processes.parameters_yaml(world)) == {
        f'/unit0/{node}': {'ros__parameters': values} for node, values in world.parameters.items()
    }


def test_a_command_has_namespace_remappings_and_parameters():
    gate = expanded('units: 1\nlog_level: warn\n')[1]
    assert processes.command(gate, '/lib/safety_gate', '/runs/r/gate.yaml') == [
        '/lib/safety_gate',
        '--ros-args',
        '-r',
        '__ns:=/unit0',
        '-r',
        '/clock:=/unit0/clock',
        '--params-file',
        '/runs/r/gate.yaml',
        '--disable-external-lib-logs',
        '--log-level',
        'warn',
    ]

"""The graph of a running lab: who commands, who listens, and that nothing there tells the truth."""

import re

import pytest
import system_scenarios as scenarios
from enpire_core import qos
from rclpy.node import Node
from system_lab import policy, running_lab, until
from trajectory_msgs.msg import JointTrajectory

UNITS = ('unit0', 'unit1')
CAMERAS = ('top_camera', 'left_wrist_camera', 'right_wrist_camera')
NODES = {'unit': {'arm_driver', 'camera_driver', 'safety_gate', 'trial_server', 'trial_link'},
         'lab': {'trial_runner', 'train_server', 'lab_view'}}
# Everything that may be there, with its type; a unit's names without the unit.
TOPICS = {
    'joint_states': 'sensor_msgs/msg/JointState',
    'clock': 'rosgraph_msgs/msg/Clock',
    'joint_trajectory_request': 'trajectory_msgs/msg/JointTrajectory',
    'joint_trajectory': 'trajectory_msgs/msg/JointTrajectory',
    'safety_state': 'enpire_interfaces/msg/SafetyState',
    'safety_events': 'enpire_interfaces/msg/SafetyEvent',
    'sim/keep_alive': 'std_msgs/msg/Empty',
    'arm_driver/power': 'enpire_interfaces/msg/PowerState',
    'safety_gate/markers': 'visualization_msgs/msg/MarkerArray',
    'markers': 'visualization_msgs/msg/MarkerArray',
    'reset/_action/feedback': 'enpire_interfaces/action/Reset_FeedbackMessage',
    'reset/_action/status': 'action_msgs/msg/GoalStatusArray',
    'rollout/_action/feedback': 'enpire_interfaces/action/Rollout_FeedbackMessage',
    'rollout/_action/status': 'action_msgs/msg/GoalStatusArray',
    **{f'{camera}/{name}': f'sensor_msgs/msg/{kind}' for camera in CAMERAS for name, kind in (
        ('color/image_raw', 'Image'), ('color/camera_info', 'CameraInfo'),
        ('depth/image_rect_raw', 'Image'), ('depth/camera_info', 'CameraInfo'))},
}
COMMON_TOPICS = {
    '/rosout': 'rcl_interfaces/msg/Log', '/parameter_events': 'rcl_interfaces/msg/ParameterEvent',
    '/emergency_stop': 'std_msgs/msg/Empty',
    '/diagnostics': 'diagnostic_msgs/msg/DiagnosticArray', '/lab/status': 'enpire_interfaces/msg/LabStatus',
    '/lab/train/_action/feedback': 'enpire_interfaces/action/Train_FeedbackMessage',
    '/lab/train/_action/status': 'action_msgs/msg/GoalStatusArray'}
LAB_SERVICES = {f'/lab/train/_action/{part}': kind for part, kind in (
    ('send_goal', 'enpire_interfaces/action/Train_SendGoal'), ('cancel_goal', 'action_msgs/srv/CancelGoal'),
    ('get_result', 'enpire_interfaces/action/Train_GetResult'))}
SERVICES = {
    'safety_gate/trip': 'std_srvs/srv/Trigger',
    'safety_gate/clear': 'std_srvs/srv/Trigger',
    'safety_gate/select_limits': 'enpire_interfaces/srv/SelectLimits',
    'arm_driver/begin_episode': 'enpire_interfaces/srv/BeginEpisode',
    'arm_driver/end_episode': 'enpire_interfaces/srv/EndEpisode',
    'arm_driver/put_back': 'std_srvs/srv/Trigger',
    'arm_driver/cut_power': 'std_srvs/srv/Trigger',
    'arm_driver/restore_power': 'std_srvs/srv/Trigger',
    **{f'{camera}/hw_reset': 'std_srvs/srv/Empty' for camera in CAMERAS},
    **{f'{name}/_action/{part}': kind for name, action in (('reset', 'Reset'), ('rollout', 'Rollout'))
       for part, kind in (('send_goal', f'enpire_interfaces/action/{action}_SendGoal'),
                          ('cancel_goal', 'action_msgs/srv/CancelGoal'),
                          ('get_result', f'enpire_interfaces/action/{action}_GetResult'))},
}
# What rclpy gives to every node: parameters (all are read-only here), life cycle, descriptions of types.
OF_NODES = {
    **{name: f'rcl_interfaces/srv/{kind}' for name, kind in (
        ('describe_parameters', 'DescribeParameters'), ('get_parameter_types', 'GetParameterTypes'),
        ('get_parameters', 'GetParameters'), ('list_parameters', 'ListParameters'),
        ('set_parameters', 'SetParameters'), ('set_parameters_atomically', 'SetParametersAtomically'))},
    **{name: f'lifecycle_msgs/srv/{kind}' for name, kind in (
        ('change_state', 'ChangeState'), ('get_state', 'GetState'), ('get_available_states', 'GetAvailableStates'),
        ('get_available_transitions', 'GetAvailableTransitions'),
        ('get_transition_graph', 'GetAvailableTransitions'))},
    'get_type_description': 'type_description_interfaces/srv/GetTypeDescription'}


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    """A lab of two stations in the middle of its trials."""
    with running_lab(tmp_path_factory.mktemp('graph'), '--units', '2', '--trials', '1000', '--policy',
                     policy('holds')) as (process, watcher):
        for unit in UNITS:
            watcher.watch(unit)
            folder = process.run_dir / unit / 'outbox'
            until(lambda folder=folder: list(folder.glob('*.rollout.json')), f'a first rollout of {unit}')
        watcher.until(lambda: wanted() <= set(topics(watcher)) and set(names_of_services()) <= set(services(watcher)),
                      lambda: f'the whole graph; missing: {wanted() - set(topics(watcher))}, '
                              f'{set(names_of_services()) - set(services(watcher))}')
        yield process, watcher


def wanted():
    return {f'/{unit}/{name}' for unit in UNITS for name in TOPICS} | {'/diagnostics', '/lab/status'}


def names_of_services():
    return {f'/{unit}/{name}': kind for unit in UNITS for name, kind in SERVICES.items()} | LAB_SERVICES


def topics(watcher):
    """Return name -> types of every topic, hidden ones too."""
    return dict(watcher.node.get_topic_names_and_types(no_demangle=False))


def services(watcher):
    """Return name -> types of every service."""
    return dict(watcher.node.get_service_names_and_types())


def own(watcher, name):
    return watcher.node.get_name() in name.split('/')


@pytest.mark.parametrize('unit', UNITS)
def test_only_the_gate_publishes_commands_and_only_the_arm_driver_listens(lab, unit):
    scenarios.only_the_gate_commands_and_only_the_driver_listens(lab[1], unit)


@pytest.mark.parametrize('unit', UNITS)
def test_the_driver_hears_nothing_that_research_publishes_but_a_sign_of_life(lab, unit):
    scenarios.the_driver_hears_nothing_that_research_publishes(lab[1], unit)


@pytest.mark.parametrize('unit', UNITS)
def test_requests_come_from_the_trial_server_and_go_to_the_gate_alone(lab, unit):
    found = scenarios.ends(lab[1], f'/{unit}/joint_trajectory_request')
    assert found == ([f'/{unit}/trial_link'], [f'/{unit}/safety_gate'])


@pytest.mark.parametrize('unit', UNITS)
@pytest.mark.parametrize('topic, node', [
    ('joint_states', 'arm_driver'), ('clock', 'arm_driver'), ('safety_state', 'safety_gate'),
    ('safety_events', 'safety_gate'), ('top_camera/color/image_raw', 'camera_driver')])
def test_what_a_station_measures_comes_from_one_node(lab, unit, topic, node):
    assert scenarios.ends(lab[1], f'/{unit}/{topic}')[0] == [f'/{unit}/{node}']


def test_every_topic_is_a_known_one_of_a_known_type(lab):
    known = {f'/{unit}/{name}': kind for unit in UNITS for name, kind in TOPICS.items()} | COMMON_TOPICS
    known |= {f'/{space}/{node}/transition_event': 'lifecycle_msgs/msg/TransitionEvent'
              for space, node in nodes_expected()}
    found = {name: kinds for name, kinds in topics(lab[1]).items() if not own(lab[1], name)}
    unknown = {name: kinds for name, kinds in found.items() if kinds != [known.get(name)]}
    assert not unknown, f'not in the list of what may be there: {unknown}'


def test_every_service_is_a_known_one_of_a_known_type_and_none_restores_a_state(lab):
    known = names_of_services() | {
        f'/{space}/{node}/{name}': kind for space, node in nodes_expected() for name, kind in OF_NODES.items()}
    found = {name: kinds for name, kinds in services(lab[1]).items() if not own(lab[1], name)}
    unknown = {name: kinds for name, kinds in found.items() if kinds != [known.get(name)]}
    assert not unknown, f'not in the list of what may be there: {unknown}'
    assert not [name for name, kinds in found.items() if 'restore_state' in name or 'RestoreState' in kinds[0]]


def nodes_expected():
    return [(unit, node) for unit in UNITS for node in NODES['unit']] + [('lab', node) for node in NODES['lab']]


def test_every_node_is_a_known_one(lab):
    found = {(space.strip('/'), name) for name, space in lab[1].node.get_node_names_and_namespaces()
             if name != lab[1].node.get_name()}
    assert found == set(nodes_expected())


def test_no_station_is_on_a_topic_of_another(lab):
    watcher = lab[1]
    for topic in topics(watcher):
        unit = re.match(r'/(unit\d+)/', topic)
        for node in sum(scenarios.ends(watcher, topic), []):
            stranger = node.split('/')[1] in UNITS and unit and node.split('/')[1] != unit.group(1)
            assert not stranger, f'{node} is on {topic}'


def test_no_station_offers_or_calls_a_service_of_another(lab):
    node = lab[1].node
    for unit in UNITS:
        for name in NODES['unit']:
            both = (node.get_service_names_and_types_by_node(name, f'/{unit}')
                    + node.get_client_names_and_types_by_node(name, f'/{unit}'))
            strange = [service for service, _ in both if not service.startswith(f'/{unit}/')]
            assert both if name != 'trial_link' else True
            assert not strange, f'/{unit}/{name} is on {strange}'


def test_nobody_in_a_lab_cuts_or_restores_power_but_an_operator(lab):
    node = lab[1].node
    callers = {f'/{space}/{name}': service for space, name in nodes_expected()
               for service, _ in node.get_client_names_and_types_by_node(name, f'/{space}')
               if service.endswith(('/cut_power', '/restore_power'))}
    assert not callers


def test_the_power_of_a_station_comes_from_its_driver_and_its_gate_hears_it(lab):
    for unit in UNITS:
        found = scenarios.ends(lab[1], f'/{unit}/arm_driver/power')
        assert found == ([f'/{unit}/arm_driver'], [f'/{unit}/safety_gate'])


def test_an_intruder_who_commands_or_listens_is_seen(lab):
    watcher = lab[1]
    intruder = Node('intruder', context=watcher.node.context)
    try:
        intruder.create_subscription(JointTrajectory, '/unit1/joint_trajectory', lambda _: None, qos.COMMAND)
        watcher.until(lambda: '/intruder' in scenarios.ends(watcher, '/unit1/joint_trajectory')[1], 'the intruder')
        with pytest.raises(AssertionError, match='intruder'):
            scenarios.only_the_gate_commands_and_only_the_driver_listens(watcher, 'unit1')
    finally:
        intruder.destroy_node()
    watcher.until(lambda: '/intruder' not in scenarios.ends(watcher, '/unit1/joint_trajectory')[1], 'it to be gone')

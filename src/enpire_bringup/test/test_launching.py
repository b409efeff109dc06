"""A lab as launch_ros actions, for machines that have the official launch."""

import pathlib
import subprocess
import sys
import types

import pytest

pytest.importorskip('launch_ros', reason='the official launch is not installed here')

from enpire_bringup import lab, launching, processes  # noqa: E402
from launch.actions import GroupAction  # noqa: E402
from launch_ros.actions import Node, PushRosNamespace  # noqa: E402

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
FILES = processes.LabFiles('/robot.yaml', '/task.yaml', '/start.py')


class FakeRun:
    """Stands for a `Run` without a folder."""

    lab = lab.load_text('units: 2\ntrials: 3\n', 'my.yaml')
    specs = processes.expand(lab, '/runs/r', FILES)

    def parameter_file(self, spec):
        return f'/runs/r/parameters/{spec.name}.yaml'


def test_a_namespace_is_a_group_that_pushes_it_once():
    group = launching.group(FakeRun(), '/unit1')
    actions = group.get_sub_entities()
    assert isinstance(group, GroupAction)
    assert sum(isinstance(action, PushRosNamespace) for action in actions) == 1
    nodes = [action for action in actions if isinstance(action, Node)]
    assert [node.node_executable for node in nodes] == [
        'sim_station', 'safety_gate', 'trial_server']


@pytest.mark.parametrize('code, respawn, ends', [
    (0, True, True), (1, True, True), (-9, True, False), (-9, False, True)])
def test_a_required_process_ends_the_lab_but_not_where_it_was_killed_and_comes_again(code, respawn, ends):
    spec = processes.ProcessSpec('lab.x', 'p', 'x', '/lab', {}, required=True, respawn=respawn)
    event = types.SimpleNamespace(returncode=code)
    assert bool(launching.at_end_of(spec)(event, None)) == ends


def test_texts_of_arguments_become_options_and_empty_ones_are_left_out():
    assert launching.options_of({'units': '3', 'task': '', 'real_time_factor': '0.5'}) == {
        'units': 3, 'real_time_factor': 0.5}


def test_a_campaigns_budget_is_a_number_and_its_secret_a_path():
    assert launching.options_of({'budget': '500', 'secret_file': '~/s'}) == {
        'budget': 500, 'secret_file': str(pathlib.Path('~/s').expanduser())}


@pytest.mark.parametrize('name, text', [('units', 'two'), ('budget', 'much'), ('trials', '1.5'), ('seed', '')])
def test_a_text_that_is_no_number_is_refused_and_the_argument_is_named(name, text):
    if not text:
        assert launching.options_of({name: text}) == {}
        return
    with pytest.raises(lab.LabError, match=f'{name}:= expected a whole number, got {text!r}'):
        launching.options_of({name: text})


def test_the_rviz_configuration_of_another_unit_names_only_that_unit():
    from launch import LaunchContext
    made = launching.ForUnit(str(PACKAGE / 'rviz' / 'station.rviz'), 'left_bench').perform(
        LaunchContext())
    text = pathlib.Path(made).read_text()
    pathlib.Path(made).unlink()
    assert 'unit0' not in text and '/left_bench/markers' in text


@pytest.mark.parametrize('name', ['lab', 'view'])
@pytest.mark.parametrize('before, after', [(None, 'LOCALHOST'), ('SUBNET', 'SUBNET')])
def test_a_launch_file_keeps_to_this_machine_unless_somebody_asks(monkeypatch, name, before, after):
    from launch import LaunchContext
    from launch.actions import SetEnvironmentVariable
    from launch.launch_description_sources import get_launch_description_from_python_launch_file
    monkeypatch.delenv(launching.RANGE, raising=False)
    if before is not None:
        monkeypatch.setenv(launching.RANGE, before)
    context = LaunchContext()
    described = get_launch_description_from_python_launch_file(str(PACKAGE / 'launch' / f'{name}.launch.py'))
    setting = [one for one in described.entities if isinstance(one, SetEnvironmentVariable)]
    assert len(setting) == 1
    setting[0].execute(context)
    assert context.environment[launching.RANGE] == after


@pytest.mark.parametrize('name, argument', [('lab', 'real_time_factor'), ('view', 'rviz')])
def test_every_argument_of_a_launch_file_has_a_description(name, argument):
    path = PACKAGE / 'launch' / f'{name}.launch.py'
    code = ('import sys; from ros2cli.cli import main; '
            "sys.exit(main(argv=['launch', sys.argv[1], '--show-args']))")
    shown = subprocess.run([sys.executable, '-c', code, str(path)], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert f"'{argument}':" in shown.stdout and 'no description given' not in shown.stdout
